"""Showing how a picture was read: what was seen in it, and what the model made of that.

For a person who asks why an answer is what it is. Nothing here is needed to read a digit.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from mnist_edge.inference.classifier import Page, Prediction
from mnist_edge.preprocessing.connected_components import Component
from mnist_edge.preprocessing.pipeline import PreprocessingTrace
from mnist_edge.system.files import write_bytes

Colour: TypeAlias = tuple[int, int, int]

FORMATS = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG"}
"""What an explanation is written as, by the suffix of its file."""

TIMES = 10
"""Times that the model's pixels are enlarged."""
SIDE = 28 * TIMES
"""Height and width of a panel in pixels."""
TITLES = ("Picture", "Ink", "What the model sees", "How sure it is")
"""Of the panels, from the left."""

ACCENT: Colour = (220, 50, 20)
"""Of the digit that was read: its box, and its bar."""
_PAPER: Colour = (255, 255, 255)
_TEXT: Colour = (34, 34, 34)
_FRAME: Colour = (190, 190, 190)
_OTHER_INK: Colour = (205, 205, 205)
_OTHER_BOX: Colour = (128, 128, 128)
_BAR: Colour = (165, 175, 190)
_TRACK: Colour = (240, 240, 240)

_MARGIN = 20
_TOP = 104
"""Row on which the panels begin, under the headline and their titles."""
_BAR_LEFT, _BAR_RIGHT = 22, SIDE - 72
"""Columns of the fourth panel between which a bar may reach."""
_COARSE = 4
"""Times of enlargement from which on a pixel is shown as a square, not smoothed away."""

_SHADES = " ░▒▓█"
_ASCII_SHADES = " .:-=+*#%@"
_FRAMES = ("┌─┐│└┘", "+-+|++")


def corner(panel: int) -> tuple[int, int]:
    """Column and row of the upper left corner of one of the four panels."""
    return _MARGIN + panel * (SIDE + _MARGIN), _TOP


def headline(prediction: Prediction) -> str:
    """The answer in a few characters, or why there is none."""
    if prediction.digit is None:
        return f"- ({prediction.abstained})"
    return f"{prediction.digit} ({100 * prediction.confidence:.1f} %)"


def draw(trace: PreprocessingTrace, prediction: Prediction) -> Image.Image:
    """One picture of how a picture was read: itself, its ink, the model's pixels, their chances.

    Args:
        trace: what was seen in it.
        prediction: what the model made of that.
    """
    size = (corner(len(TITLES))[0], _TOP + SIDE + _MARGIN)
    canvas = Image.new("RGB", size, _PAPER)
    _write(canvas, headline(prediction), at=(_MARGIN, 22), size=34)
    for panel, title in enumerate(TITLES):
        left, top = corner(panel)
        _write(canvas, title, at=(left, top - 26), size=16)
    for panel, pixels in enumerate((trace.rgb, _ink(trace), trace.pixels)):
        _show(canvas, panel, Image.fromarray(pixels).convert("RGB"))
    for piece in trace.candidates:
        if piece is not trace.digit:
            _box(canvas, trace, piece, _OTHER_BOX, line=1)
    if trace.digit:
        _box(canvas, trace, trace.digit, ACCENT, line=3)
    _draw_bars(canvas, prediction)
    return canvas


def draw_page(trace: PreprocessingTrace, page: Page) -> Image.Image:
    """A picture with a box round each digit that was read in it, and what it was read as.

    Args:
        trace: what was seen in it.
        page: what the model made of that.
    """
    picture = Image.fromarray(trace.rgb)
    longest = corner(len(TITLES))[0] - 2 * _MARGIN
    width, height = _fitted(*picture.size, longest)
    canvas = Image.new("RGB", (longest + 2 * _MARGIN, height + 2 * _MARGIN), _PAPER)
    canvas.paste(picture.resize((width, height), Image.Resampling.BICUBIC), (_MARGIN, _MARGIN))
    pen = ImageDraw.Draw(canvas)
    enlarged = width / (trace.scale * picture.width)
    for digit in page.digits:
        left, top, right, bottom = (round(_MARGIN + enlarged * edge) for edge in digit.box)
        answer = digit.prediction.digit
        colour = _OTHER_BOX if answer is None else ACCENT
        pen.rectangle((left - 3, top - 3, right + 2, bottom + 2), outline=colour, width=2)
        # On a ground of its own: a picture may be of any colour.
        pen.rectangle((left - 3, top - 21, left + 12, top - 3), fill=colour)
        said = "?" if answer is None else str(answer)
        _write(canvas, said, at=(left, top - 18), size=16, colour=_PAPER)
    return canvas


def encode(image: Image.Image, suffix: str) -> bytes:
    """An explanation as a file of some suffix, one of ``FORMATS``, has it."""
    stream = io.BytesIO()
    image.save(stream, FORMATS[suffix.lower()], quality=95)
    return stream.getvalue()


def write(target: Path, trace: PreprocessingTrace, outcome: Prediction | Page) -> None:
    """Draws an explanation into a file, whole or not at all.

    Raises:
        NotWritable: the folder or the file cannot be written.
    """
    drawing = draw_page(trace, outcome) if isinstance(outcome, Page) else draw(trace, outcome)
    write_bytes(target, encode(drawing, target.suffix))


def as_text(pixels: NDArray[np.uint8], *, encoding: str = "utf-8") -> str:
    """A digit's pixels in a frame of characters, each two wide, as a terminal's are half as wide.

    Args:
        pixels: ``(28, 28)``, 0 background, 255 ink; the least ink is no background.
        encoding: that the characters must have room in; in a poor one they are ASCII.
    """
    poor = not _holds(encoding, _SHADES + _FRAMES[0])
    shades = np.array(list(_ASCII_SHADES if poor else _SHADES))
    left, across, right, down, lower_left, lower_right = tuple(_FRAMES[poor])
    levels = np.ceil(pixels * ((len(shades) - 1) / 255)).astype(int)
    rows = ["".join(row) for row in np.repeat(shades[levels], 2, axis=1)]
    edge = across * len(rows[0])
    lines = (f"{down}{row}{down}" for row in rows)
    return "\n".join((f"{left}{edge}{right}", *lines, f"{lower_left}{edge}{lower_right}"))


def _holds(encoding: str, characters: str) -> bool:
    try:
        characters.encode(encoding)
    except (UnicodeError, LookupError):
        return False
    return True


def _ink(trace: PreprocessingTrace) -> NDArray[np.uint8]:
    """The ink in grey on white, the digit's own in black."""
    drawn = np.full((*trace.labels.shape, 3), _PAPER, np.uint8)
    drawn[trace.labels > 0] = _OTHER_INK
    if trace.digit:
        drawn[np.isin(trace.labels, trace.digit.labels)] = 0
    return drawn


def _fitted(width: int, height: int, side: int = SIDE) -> tuple[int, int]:
    """Width and height that a picture of some size has in a square, such as a panel."""
    fit = side / max(width, height)
    return max(1, round(width * fit)), max(1, round(height * fit))


def _show(canvas: Image.Image, panel: int, image: Image.Image) -> None:
    """Fits an image into a panel and frames it."""
    left, top = corner(panel)
    width, height = _fitted(*image.size)
    coarse = max(width, height) >= _COARSE * max(image.size)
    smooth = Image.Resampling.NEAREST if coarse else Image.Resampling.BICUBIC
    frame = (left - 1, top - 1, left + width, top + height)
    ImageDraw.Draw(canvas).rectangle(frame, outline=_FRAME)
    canvas.paste(image.resize((width, height), smooth), (left, top))


def _box(
    canvas: Image.Image, trace: PreprocessingTrace, piece: Component, colour: Colour, *, line: int
) -> None:
    """Draws a box round a piece in the first panel, none of its ink covered."""
    height, width = trace.labels.shape
    across, down = _fitted(width, height)
    left, top = corner(0)
    reach = 2 + line
    bounds = (
        left + piece.left * across // width - reach,
        top + piece.top * down // height - reach,
        # Rounded up: the last column and row of the ink lie within.
        left - -piece.right * across // width + reach - 1,
        top - -piece.bottom * down // height + reach - 1,
    )
    ImageDraw.Draw(canvas).rectangle(bounds, outline=colour, width=line)


def _draw_bars(canvas: Image.Image, prediction: Prediction) -> None:
    """Ten bars, one a digit; that of the answer is accented, and there is none where it is not."""
    left, top = corner(len(TITLES) - 1)
    row = SIDE // 10
    pen = ImageDraw.Draw(canvas)
    for digit, probability in enumerate(prediction.probabilities):
        upper, lower = top + digit * row + 3, top + (digit + 1) * row - 4
        begin = left + _BAR_LEFT
        pen.rectangle((begin, upper, left + _BAR_RIGHT, lower), fill=_TRACK)
        length = round(probability * (_BAR_RIGHT - _BAR_LEFT + 1))
        colour = ACCENT if digit == prediction.digit else _BAR
        if length:
            pen.rectangle((begin, upper, begin + length - 1, lower), fill=colour)
        middle = upper + 5
        _write(canvas, str(digit), at=(left, middle), size=16)
        percent = f"{100 * probability:.1f} %"
        _write(canvas, percent, at=(left + SIDE, middle), size=16, to_the_left=True)


def _write(
    canvas: Image.Image,
    text: str,
    *,
    at: tuple[int, int],
    size: int,
    to_the_left: bool = False,
    colour: Colour = _TEXT,
) -> None:
    """Writes text, the top of its digits on a row, from a column on or up to it."""
    font, times = _font(size)
    width, height = (int(np.ceil(end)) for end in font.getbbox(f"{text}|")[2:])
    mask = Image.new("L", (width, height))
    ImageDraw.Draw(mask).text((0, 0), text, fill=255, font=font)
    box = mask.getbbox() or (0, 0, 1, 1)
    mask = mask.crop((box[0], int(font.getbbox("0")[1]), box[2], height))
    mask = mask.resize((mask.width * times, mask.height * times), Image.Resampling.NEAREST)
    column, row = at
    canvas.paste(colour, (column - mask.width if to_the_left else column, row), mask)


def _font(size: int) -> tuple[ImageFont.FreeTypeFont | ImageFont.ImageFont, int]:
    """Pillow's own font, and how many times what it writes is to be enlarged."""
    try:
        return ImageFont.load_default(size), 1
    except (TypeError, ImportError):
        # Before Pillow 10.1, or without FreeType, there is one size: eleven pixels.
        return ImageFont.load_default(), max(1, size // 11)
