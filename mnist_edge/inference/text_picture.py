"""Draw a picture as text, for terminals without graphics."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

_HALVES = " \u2580\u2584\u2588"
"""Nothing, the upper half, the lower half, and all of a cell in ink."""
_ASCII_HALVES = " '.#"
_MIN_CONTRAST = 16
"""Gray levels between paper and ink, below which a picture is taken for blank paper."""


def picture_to_text(image: Image.Image, *, columns: int, encoding: str = "utf-8") -> str:
    """Draw a picture's ink in half blocks: two pixels above each other in every character.

    Ink is what differs from the paper, the picture's median, by half of what the most different
    pixels do, so pencil on gray paper and chalk on a board are drawn alike.

    Args:
        image: in any mode that Pillow converts to gray.
        columns: characters of a line, at most.
        encoding: of the terminal; if it lacks half blocks the text is ASCII.
    """
    gray = image.convert("L")
    factor = min(columns / gray.width, 2 * columns / gray.height)
    size = (max(1, round(gray.width * factor)), 2 * max(1, round(gray.height * factor / 2)))
    ink = _ink(np.asarray(gray.resize(size, Image.Resampling.BOX)).astype(np.int16))
    cells = ink[0::2] + 2 * ink[1::2]
    try:
        _HALVES.encode(encoding)
        characters = _HALVES
    except (UnicodeError, LookupError):
        characters = _ASCII_HALVES
    rows = np.array(list(characters))[cells]
    return "\n".join("".join(row).rstrip() for row in rows)


def _ink(gray: NDArray[np.int16]) -> NDArray[np.int64]:
    """Return 1 where there is ink and 0 where there is paper."""
    distance = np.abs(gray - int(np.median(gray)))
    most = float(np.percentile(distance, 99))
    if most < _MIN_CONTRAST:
        return np.zeros(gray.shape, np.int64)
    ink: NDArray[np.int64] = (distance > most / 2).astype(np.int64)
    return ink
