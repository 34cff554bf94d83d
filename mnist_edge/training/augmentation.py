"""Changes to training digits, made anew each round. All take and give ``(n, 28, 28) uint8``."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_REACH = 2
"""Pixels a digit may move each way."""


def unchanged(images: NDArray[np.uint8], random: np.random.RandomState) -> NDArray[np.uint8]:
    """The digits as they are."""
    return images


def shifted(images: NDArray[np.uint8], random: np.random.RandomState) -> NDArray[np.uint8]:
    """Each digit moved by up to two pixels each way; what comes in is background."""
    height, width = images.shape[1:]
    padded = np.pad(images, ((0, 0), (_REACH, _REACH), (_REACH, _REACH)))
    steps = 2 * _REACH + 1
    down, right = random.randint(0, steps, (2, len(images)))
    moved = np.empty_like(images)
    for top in range(steps):
        for left in range(steps):
            chosen = (down == top) & (right == left)
            moved[chosen] = padded[chosen, top : top + height, left : left + width]
    return moved
