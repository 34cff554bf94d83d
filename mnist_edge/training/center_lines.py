"""Find the lines that a pen's middle went along, so that another pen can go along them."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image

_SCALE = 2
"""Enlargement in which lines are found."""
_MIN_INK = 90
"""Brightness from which on an enlarged pixel is a stroke's."""
_CHUNK_SIZE = 500
"""Digits thinned at a time, so that the intermediate arrays fit in the processor's cache."""
_RING = ((-1, 0), (-1, 1), (0, 1), (1, 1), (1, 0), (1, -1), (0, -1), (-1, -1))
"""Offsets of a pixel's neighbors, clockwise from the one above."""


def thinned(shapes: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Thin shapes to their skeletons, which have the same parts and holes.

    T. Zhang, C. Suen, "A fast parallel algorithm for thinning digital patterns", 1984.

    Args:
        shapes: ``(..., height, width)``.
    """
    height, width = shapes.shape[-2:]
    margins = [(0, 0)] * (shapes.ndim - 2) + [(1, 1)] * 2
    padded = np.pad(shapes, margins).astype(np.uint8)
    inside = padded[..., 1:-1, 1:-1]
    is_changed = True
    while is_changed:
        is_changed = False
        for removable in _removable():
            # Bit n of a pixel's neighborhood is its neighbor n.
            around = np.zeros_like(inside)
            for bit, (y, x) in enumerate(_RING):
                neighbor = padded[..., 1 + y : 1 + y + height, 1 + x : 1 + x + width]
                around |= neighbor << np.uint8(bit)
            go = inside & removable[around]
            inside ^= go
            is_changed |= bool(go.any())
    return inside.astype(np.bool_)


@cache
def _removable() -> NDArray[np.uint8]:
    """Return which of the 256 neighborhoods a pixel is removed from in each half of a round."""
    around = (np.arange(256) >> np.arange(8)[:, np.newaxis] & 1).astype(np.bool_)
    neighbors = around.sum(axis=0)
    starts = (~around & np.roll(around, -1, axis=0)).sum(axis=0)
    go = (neighbors >= 2) & (neighbors <= 6) & (starts == 1)
    halves = (((0, 2, 4), (2, 4, 6)), ((0, 2, 6), (0, 4, 6)))
    return np.array(
        [go & ~around[list(a)].all(axis=0) & ~around[list(b)].all(axis=0) for a, b in halves],
        np.uint8,
    )


def find_center_lines(images: NDArray[np.uint8]) -> list[NDArray[np.float64]]:
    """Find the middle of the strokes of each digit.

    Args:
        images: ``(n, 28, 28)``, white ink on black.

    Returns:
        Points for each digit, ``(k, 2)`` as (x, y) in its pixels, half a pixel apart; none for a
        picture without ink.
    """
    lines: list[NDArray[np.float64]] = []
    side = _SCALE * images.shape[1]
    for start in range(0, len(images), _CHUNK_SIZE):
        enlarged = [
            np.asarray(Image.fromarray(image).resize((side, side), Image.Resampling.BICUBIC))
            for image in images[start : start + _CHUNK_SIZE]
        ]
        for skeleton in thinned(np.stack(enlarged) >= _MIN_INK):
            rows, columns = np.nonzero(skeleton)
            lines.append(np.stack((columns, rows), axis=1) / _SCALE)
    return lines
