"""Show the pixels that a model saw as text, for terminals."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_SHADES = " ░▒▓█"
_ASCII_SHADES = " .:-=+*#%@"
_FRAMES = ("┌─┐│└┘", "+-+|++")


def pixels_to_text(pixels: NDArray[np.uint8], *, encoding: str = "utf-8") -> str:
    """Render a digit's pixels as framed text, two characters wide each, as terminals need.

    Args:
        pixels: ``(28, 28)``, 0 background, 255 ink; the faintest ink differs from the background.
        encoding: of the terminal; if it lacks block characters the text is ASCII.
    """
    is_ascii = not _can_encode(_SHADES + _FRAMES[0], encoding)
    shades = np.array(list(_ASCII_SHADES if is_ascii else _SHADES))
    left, across, right, down, lower_left, lower_right = tuple(_FRAMES[is_ascii])
    levels = np.ceil(pixels * ((len(shades) - 1) / 255)).astype(int)
    rows = ["".join(row) for row in np.repeat(shades[levels], 2, axis=1)]
    edge = across * len(rows[0])
    lines = (f"{down}{row}{down}" for row in rows)
    return "\n".join((f"{left}{edge}{right}", *lines, f"{lower_left}{edge}{lower_right}"))


def _can_encode(characters: str, encoding: str) -> bool:
    try:
        characters.encode(encoding)
    except (UnicodeError, LookupError):
        return False
    return True
