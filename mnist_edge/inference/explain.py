"""Show how a picture was read: its ink, the pixels that the model saw, and their probabilities.

For people who ask why an answer is what it is. Reading a digit needs nothing of this.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from PIL.PngImagePlugin import PngInfo

from mnist_edge import CLASSES, DIGIT_SIDE
from mnist_edge.inference.classifier import Prediction
from mnist_edge.inference.drawn_text import Color, draw_text, shorten_name
from mnist_edge.inference.hypotheses import Hypothesis, HypothesisKind
from mnist_edge.inference.page import Box, Page
from mnist_edge.preprocessing.connected_components import Component
from mnist_edge.preprocessing.pipeline import PreprocessingTrace
from mnist_edge.system.files import write_bytes
from mnist_edge.system.text import percent

DRAWING_FORMATS = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG"}
"""Pillow's name of the format that a drawing is saved in, by the suffix of its file."""

_MARK = "mnist-edge explanation"
"""What a drawing carries, as a comment of its file, so that nothing else is taken for one."""

PIXEL_SIZE = 10
"""Height and width of one of the model's pixels in the drawing, in pixels."""
PANEL_SIZE = PIXEL_SIZE * DIGIT_SIDE
"""Height and width of a panel in pixels."""
PANEL_TITLES = ("Picture", "Ink", "What the model sees", "How sure it is")
"""The panels' titles, from left to right."""

ACCENT: Color = (220, 50, 20)
"""Color of the digit that was read: its box and its bar."""
_PAPER: Color = (255, 255, 255)
_FRAME: Color = (190, 190, 190)
_OTHER_INK: Color = (205, 205, 205)
_OTHER_BOX: Color = (128, 128, 128)
_BAR: Color = (165, 175, 190)
_TRACK: Color = (240, 240, 240)

_MARGIN = 20
_PANEL_TOP = 104
"""Row on which the panels begin, below the headline and their titles."""
_DIGIT_SIZE, _WORD_SIZE = 16, 11
"""Sizes of the digits and words that are written at a page's boxes."""
_NAME_SIZE, _NAME_HEIGHT = 16, 24
"""Size of the letters of a file's name, and height of its line above a page."""
_BAR_LEFT, _BAR_RIGHT = 22, PANEL_SIZE - 72
"""First and last column of a bar of full length, within the fourth panel."""
_MIN_SHARP_FACTOR = 4
"""Enlargement from which pixels are shown as squares instead of being smoothed."""

HYPOTHESIS_TITLES: dict[HypothesisKind, str] = {
    "picture": "as it looks",
    "photo": "as a photo",
    "crop": "without padding",
    "sheet": "a sheet in it",
    "margin": "with a margin",
    "lines": "with its lines",
}
"""What a picture is taken for, in words."""
_THUMBNAIL = 2 * DIGIT_SIDE
"""Height and width of the model's pixels below the panels, in pixels."""
_STRIP_HEIGHT = 32 + _THUMBNAIL + _MARGIN
"""Height of what is below the panels."""
_STRIP_PITCH = 200
"""Pixels from one hypothesis to the next."""


def panel_corner(panel: int) -> tuple[int, int]:
    """Return column and row of the upper left corner of a panel, 0 to 3 from the left."""
    return _MARGIN + panel * (PANEL_SIZE + _MARGIN), _PANEL_TOP


def headline(prediction: Prediction) -> str:
    """Return the digit with its confidence, or why there is no digit."""
    if prediction.digit is None:
        return f"- ({prediction.abstained})"
    return f"{prediction.digit} ({percent(prediction.confidence, 1)})"


def draw_explanation(
    trace: PreprocessingTrace, prediction: Prediction, hypotheses: Sequence[Hypothesis] = ()
) -> Image.Image:
    """Draw how a digit was read: the picture, its ink, the model's pixels, the probabilities.

    Args:
        trace: the preprocessing of the picture, as it was read.
        prediction: the model's answer to it.
        hypotheses: the ways in which an unclear picture was read, which are drawn below.
    """
    is_unclear = len(hypotheses) > 1
    panels_bottom = _PANEL_TOP + PANEL_SIZE + _MARGIN
    width = panel_corner(len(PANEL_TITLES))[0]
    size = (width, panels_bottom + (_STRIP_HEIGHT if is_unclear else 0))
    canvas = Image.new("RGB", size, _PAPER)
    draw_text(canvas, headline(prediction), at=(_MARGIN, 22), size=34)
    _draw_name(canvas, trace.name, room=size[0] // 2)
    for panel, title in enumerate(PANEL_TITLES):
        left, top = panel_corner(panel)
        draw_text(canvas, title, at=(left, top - 26), size=16)
    for panel, pixels in enumerate((trace.rgb, _ink_image(trace), trace.pixels)):
        _draw_panel(canvas, panel, Image.fromarray(pixels).convert("RGB"))
    for candidate in trace.candidates:
        if candidate is not trace.digit:
            _draw_box(canvas, trace, candidate, _OTHER_BOX, width=1)
    if trace.digit:
        _draw_box(canvas, trace, trace.digit, ACCENT, width=3)
    _draw_bars(canvas, prediction)
    if is_unclear:
        _draw_hypotheses(canvas, trace, prediction, hypotheses, top=panels_bottom)
    return canvas


def decision_reason(
    trace: PreprocessingTrace, prediction: Prediction, hypotheses: Sequence[Hypothesis]
) -> str:
    """Say why a picture that was read in several ways has this answer, or none.

    Args:
        trace: as for ``draw_explanation``.
        prediction: as for ``draw_explanation``.
        hypotheses: at least two.
    """
    if prediction.digit is None:
        return "Unclear at first. No other way to read it is sure enough, or two disagree."
    first, *others = hypotheses
    if trace is first.trace:
        return "Unclear at first, but no other way to read it is surer of another digit."
    (title,) = (HYPOTHESIS_TITLES[one.kind] for one in others if one.trace is trace)
    return f"Unclear at first. Of the other ways to read it, this is the surest: {title}."


def draw_page(trace: PreprocessingTrace, page: Page) -> Image.Image:
    """Draw a picture with a box around each digit that was read in it, and the digit beside it.

    What was left out, such as a ruled line, has a thin box with its name.

    Args:
        trace: the preprocessing of the picture.
        page: the model's answer to it.
    """
    picture = Image.fromarray(trace.rgb)
    longest = panel_corner(len(PANEL_TITLES))[0] - 2 * _MARGIN
    width, height = _fit(*picture.size, longest)
    picture_top = _MARGIN + (_NAME_HEIGHT if trace.name else 0)
    canvas = Image.new("RGB", (longest + 2 * _MARGIN, picture_top + height + _MARGIN), _PAPER)
    canvas.paste(picture.resize((width, height), Image.Resampling.BICUBIC), (_MARGIN, picture_top))
    _draw_name(canvas, trace.name, room=longest)
    scale = width / (trace.scale * picture.width)
    for thing in page.left_out:
        _draw_tagged_box(canvas, _shown_at(thing.box, scale, picture_top), thing.kind, _OTHER_BOX)
    for digit in page.digits:
        answer = digit.prediction.digit
        text, color = ("?", _OTHER_BOX) if answer is None else (str(answer), ACCENT)
        _draw_tagged_box(canvas, _shown_at(digit.box, scale, picture_top), text, color)
    return canvas


def encode_explanation(
    trace: PreprocessingTrace,
    outcome: Prediction | Page,
    hypotheses: Sequence[Hypothesis] = (),
    *,
    encoding: str = "PNG",
) -> bytes:
    """Draw an explanation and encode it.

    Args:
        trace: the preprocessing of the picture, as it was read.
        outcome: the model's answer to it.
        hypotheses: as for ``draw_explanation``.
        encoding: Pillow's name of a format.
    """
    if isinstance(outcome, Page):
        drawing = draw_page(trace, outcome)
    else:
        drawing = draw_explanation(trace, outcome, hypotheses)
    stream = io.BytesIO()
    notes = PngInfo()
    notes.add_text("Comment", _MARK)
    # Each format takes what is its own, and leaves the rest.
    drawing.save(stream, encoding, quality=95, pnginfo=notes, comment=_MARK)
    return stream.getvalue()


def is_explanation(path: Path) -> bool:
    """Return whether a file is a drawing that ``encode_explanation`` made."""
    try:
        with Image.open(path, formats=tuple(set(DRAWING_FORMATS.values()))) as image:
            notes = image.info
            return notes.get("Comment") == _MARK or notes.get("comment") == _MARK.encode()
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return False


def _shown_at(box: Box, scale: float, picture_top: int) -> Box:
    """Return where a box of a page is on its drawing."""
    left, right = (round(_MARGIN + scale * edge) for edge in box[::2])
    top, bottom = (round(picture_top + scale * edge) for edge in box[1::2])
    return left, top, right, bottom


def _draw_tagged_box(canvas: Image.Image, box: Box, text: str, color: Color) -> None:
    """Draw a box clear of what it holds, and text in a tag above its upper left corner.

    A word, for what is no digit, is smaller.
    """
    left, top, right, bottom = box
    pen = ImageDraw.Draw(canvas)
    is_word = len(text) > 1
    size = _WORD_SIZE if is_word else _DIGIT_SIZE
    pen.rectangle(
        (left - 3, top - 3, right + 2, bottom + 2), outline=color, width=1 if is_word else 2
    )
    # A filled background: the picture behind the text may have any color.
    tag_width = 15 if not is_word else 4 + len(text) * size // 2
    pen.rectangle((left - 3, top - 5 - size, left - 3 + tag_width, top - 3), fill=color)
    draw_text(canvas, text, at=(left, top - 2 - size), size=size, color=_PAPER)


def save_explanation(
    target: Path,
    trace: PreprocessingTrace,
    outcome: Prediction | Page,
    hypotheses: Sequence[Hypothesis] = (),
) -> None:
    """Draw an explanation and save it, whole or not at all.

    Args:
        target: a file with one of the suffixes of ``DRAWING_FORMATS``.
        trace: the preprocessing of the picture, as it was read.
        outcome: the model's answer to it.
        hypotheses: as for ``draw_explanation``.

    Raises:
        NotWritable: the folder or the file cannot be written.
    """
    encoding = DRAWING_FORMATS[target.suffix.lower()]
    write_bytes(target, encode_explanation(trace, outcome, hypotheses, encoding=encoding))


def _ink_image(trace: PreprocessingTrace) -> NDArray[np.uint8]:
    """Return the handwriting in gray on white, the digit in black: ``(height, width, 3)``."""
    image = np.full((*trace.labels.shape, 3), _PAPER, np.uint8)
    image[trace.labels > 0] = _OTHER_INK
    if trace.digit:
        image[np.isin(trace.labels, trace.digit.labels)] = 0
    return image


def _fit(width: int, height: int, side: int = PANEL_SIZE) -> tuple[int, int]:
    """Return width and height of a picture that is scaled to fit a square, such as a panel."""
    scale = side / max(width, height)
    return max(1, round(width * scale)), max(1, round(height * scale))


def _draw_panel(canvas: Image.Image, panel: int, image: Image.Image) -> None:
    """Scale an image to fit a panel, and frame it."""
    left, top = panel_corner(panel)
    width, height = _fit(*image.size)
    is_sharp = max(width, height) >= _MIN_SHARP_FACTOR * max(image.size)
    resampling = Image.Resampling.NEAREST if is_sharp else Image.Resampling.BICUBIC
    frame = (left - 1, top - 1, left + width, top + height)
    ImageDraw.Draw(canvas).rectangle(frame, outline=_FRAME)
    canvas.paste(image.resize((width, height), resampling), (left, top))


def _draw_box(
    canvas: Image.Image,
    trace: PreprocessingTrace,
    component: Component,
    color: Color,
    *,
    width: int,
) -> None:
    """Draw a box around a component in the first panel, clear of its ink."""
    rows, columns = trace.labels.shape
    panel_width, panel_height = _fit(columns, rows)
    left, top = panel_corner(0)
    distance = 2 + width
    bounds = (
        left + component.left * panel_width // columns - distance,
        top + component.top * panel_height // rows - distance,
        # Rounded up: the last column and row of the ink lie within.
        left - -component.right * panel_width // columns + distance - 1,
        top - -component.bottom * panel_height // rows + distance - 1,
    )
    ImageDraw.Draw(canvas).rectangle(bounds, outline=color, width=width)


def _draw_bars(canvas: Image.Image, prediction: Prediction) -> None:
    """Draw one bar per digit and highlight the prediction, if any."""
    left, top = panel_corner(len(PANEL_TITLES) - 1)
    pitch = PANEL_SIZE // CLASSES
    pen = ImageDraw.Draw(canvas)
    for digit, probability in enumerate(prediction.probabilities):
        upper, lower = top + digit * pitch + 3, top + (digit + 1) * pitch - 4
        begin = left + _BAR_LEFT
        pen.rectangle((begin, upper, left + _BAR_RIGHT, lower), fill=_TRACK)
        length = round(probability * (_BAR_RIGHT - _BAR_LEFT + 1))
        if length:
            color = ACCENT if digit == prediction.digit else _BAR
            pen.rectangle((begin, upper, begin + length - 1, lower), fill=color)
        text_top = upper + 5
        draw_text(canvas, str(digit), at=(left, text_top), size=16)
        share = percent(probability, 1)
        draw_text(canvas, share, at=(left + PANEL_SIZE, text_top), size=16, align="right")


def _draw_hypotheses(
    canvas: Image.Image,
    trace: PreprocessingTrace,
    prediction: Prediction,
    hypotheses: Sequence[Hypothesis],
    *,
    top: int,
) -> None:
    """Draw the model's pixels and its answer for each hypothesis, and why one was chosen."""
    reason = decision_reason(trace, prediction, hypotheses)
    draw_text(canvas, reason, at=(_MARGIN, top), size=16)
    top += _STRIP_HEIGHT - _MARGIN - _THUMBNAIL
    for place, hypothesis in enumerate(hypotheses):
        left = _MARGIN + place * _STRIP_PITCH
        is_chosen = hypothesis.trace is trace and prediction.digit is not None
        color = ACCENT if is_chosen else _OTHER_BOX
        thumbnail = Image.fromarray(hypothesis.trace.pixels).resize((_THUMBNAIL, _THUMBNAIL))
        canvas.paste(thumbnail, (left, top))
        frame = (left - 2, top - 2, left + _THUMBNAIL + 1, top + _THUMBNAIL + 1)
        ImageDraw.Draw(canvas).rectangle(frame, outline=color, width=2)
        beside = left + _THUMBNAIL + 8
        draw_text(canvas, HYPOTHESIS_TITLES[hypothesis.kind], at=(beside, top + 6), size=14)
        answer = headline(hypothesis.prediction)
        draw_text(canvas, answer, at=(beside, top + 30), size=14, color=color)


def _draw_name(canvas: Image.Image, name: str | None, *, room: int) -> None:
    """Draw a file's name at the upper right, in ``room`` pixels at most."""
    if name:
        text = shorten_name(name, size=_NAME_SIZE, room=room)
        at = (canvas.width - _MARGIN, _MARGIN)
        draw_text(canvas, text, at=at, size=_NAME_SIZE, align="right", color=_OTHER_BOX)
