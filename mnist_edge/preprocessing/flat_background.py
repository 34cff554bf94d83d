"""Measure the ink of drawings and clean scans: strokes on a background of one gray level.

No threshold separates ink from paper here, so that a digit's anti-aliasing is kept.
"""

from __future__ import annotations

from typing import Literal, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

_Values = TypeVar("_Values", bound=np.generic)

Ink: TypeAlias = Literal["dark", "light"]
"""Whether ink is darker or lighter than its paper."""

_MIN_CONTRAST = 24
"""Minimum difference of the strongest ink from the paper in gray levels; less is blank paper."""
_MID_GRAY = 128
"""Gray level below which paper is dark."""
_MAX_BORDER_DEVIATION = 4
"""Maximum difference of a flat background's border from its median in gray levels."""


def has_flat_background(gray: NDArray[np.uint8]) -> bool:
    """Check whether a picture's border has the same gray level all around."""
    border = border_pixels(gray).astype(np.int16)
    return bool(np.abs(border - np.median(border)).max() <= _MAX_BORDER_DEVIATION)


def visible_levels(rgb: NDArray[np.uint8], gray: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return a drawing's gray levels, or those of a color if ink is as bright as its paper.

    Args:
        rgb: ``(height, width, 3)``.
        gray: its gray levels, ``(height, width)``.
    """
    if _contrast(gray).max() >= _MIN_CONTRAST:
        return gray
    colors = [rgb[..., color] for color in range(3) if has_flat_background(rgb[..., color])]
    best = max(colors, key=lambda color: _contrast(color).max(), default=gray)
    return best if _contrast(best).max() >= _MIN_CONTRAST else gray


def ink_strength(gray: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return the share of ink in each pixel, 0..1: its contrast over the strongest contrast.

    The paper is the median of the border; ink is lighter than dark paper and darker than light
    paper. All shares are 0 if no pixel differs enough from the paper.
    """
    contrast = _contrast(gray)
    strongest = float(contrast.max())
    if strongest < _MIN_CONTRAST:
        return np.zeros(gray.shape, np.float32)
    ink: NDArray[np.float32] = np.clip(contrast / strongest, 0, 1)
    return ink


def ink_on(gray: NDArray[np.uint8]) -> Ink:
    """Return which ink a drawing has: light on paper that is dark, dark on paper that is light."""
    return "light" if np.median(border_pixels(gray)) < _MID_GRAY else "dark"


def _contrast(gray: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return by how many gray levels each pixel differs from the paper, in the ink's direction."""
    paper = np.float32(np.median(border_pixels(gray)))
    return gray - paper if ink_on(gray) == "light" else paper - gray


def border_pixels(values: NDArray[_Values]) -> NDArray[_Values]:
    """Return the outermost pixels of a picture, each once: ``(n,)``, or ``(n, channels)``."""
    return np.concatenate((values[0], values[-1], values[1:-1, 0], values[1:-1, -1]))
