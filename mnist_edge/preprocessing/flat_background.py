"""A drawing or a clean scan: strokes on paper of one grey, whose greys are taken as they are.

No threshold decides here what is ink, so that nothing of a digit's anti-aliasing is lost.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_CONTRAST = 24
"""Grey levels by which the darkest ink must differ from the paper; less is blank paper."""
_MID_GREY = 128
"""Grey level that parts dark paper from light."""
_FLAT = 4
"""Grey levels by which the border of a drawing may differ from its paper."""


def has_flat_background(grey: NDArray[np.uint8]) -> bool:
    """Whether a picture's border is paper of one grey all around."""
    rim = border_pixels(grey).astype(np.int16)
    return bool(np.abs(rim - np.median(rim)).max() <= _FLAT)


def ink_strength(grey: NDArray[np.uint8]) -> NDArray[np.float32]:
    """How much ink each pixel holds, 0..1: its distance from the paper on the ink's side.

    The paper's grey is the median of the border; the ink is lighter than dark paper and darker
    than light paper. All 0 where nothing differs from the paper by enough.
    """
    paper = float(np.median(border_pixels(grey)))
    contrast = grey - np.float32(paper) if paper < _MID_GREY else np.float32(paper) - grey
    strongest = float(contrast.max())
    if strongest < _CONTRAST:
        return np.zeros(grey.shape, np.float32)
    ink: NDArray[np.float32] = np.clip(contrast / strongest, 0, 1)
    return ink


def border_pixels(grey: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The outermost pixels of a picture, one dimension."""
    return np.concatenate((grey[0], grey[-1], grey[1:-1, 0], grey[1:-1, -1]))
