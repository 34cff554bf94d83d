"""Draw text in pictures, in Pillow's own font, whatever Pillow there is."""

from __future__ import annotations

from typing import Literal, TypeAlias

import numpy as np
from PIL import Image, ImageDraw, ImageFont

Color: TypeAlias = tuple[int, int, int]
"""Red, green and blue, 0..255."""
_TEXT: Color = (34, 34, 34)


def shorten_name(name: str, *, size: int, room: int) -> str:
    """Return a file's name as it can be drawn, without its middle if it is too wide.

    Args:
        name: of a file.
        size: of the letters.
        room: greatest width in pixels.
    """
    # What cannot be printed, such as a line break, cannot be drawn.
    letters = "".join(letter if letter.isprintable() else "?" for letter in name)
    font, factor = _font(size)
    if not isinstance(font, ImageFont.FreeTypeFont):
        letters = letters.encode("latin-1", "replace").decode("latin-1")
    text, kept = letters, len(letters)
    while kept > 2 and factor * font.getbbox(text)[2] > room:
        kept -= 2
        text = f"{letters[: kept // 2]}...{letters[-kept // 2 :]}"
    return text


def draw_text(
    canvas: Image.Image,
    text: str,
    *,
    at: tuple[int, int],
    size: int,
    align: Literal["left", "right"] = "left",
    color: Color = _TEXT,
) -> None:
    """Draw text from or up to a column, the top of its digits on a row."""
    font, factor = _font(size)
    width, height = (int(np.ceil(end)) for end in font.getbbox(f"{text}|")[2:])
    mask = Image.new("L", (width, height))
    ImageDraw.Draw(mask).text((0, 0), text, fill=255, font=font)
    box = mask.getbbox() or (0, 0, 1, 1)
    mask = mask.crop((box[0], int(font.getbbox("0")[1]), box[2], height))
    mask = mask.resize((mask.width * factor, mask.height * factor), Image.Resampling.NEAREST)
    column, row = at
    canvas.paste(color, (column if align == "left" else column - mask.width, row), mask)


def _font(size: int) -> tuple[ImageFont.FreeTypeFont | ImageFont.ImageFont, int]:
    """Return Pillow's own font, and the factor by which its text must be enlarged."""
    try:
        return ImageFont.load_default(size), 1
    except (TypeError, ImportError):
        # Before Pillow 10.1, or without FreeType, it comes in one size: eleven pixels.
        return ImageFont.load_default(), max(1, size // 11)
