"""Simple images of 28x28 pixels, and where their ink is."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

PLACE = np.arange(28) - 13.5
"""Distance of rows and columns from the center, in pixels."""


def full(count: int = 100, *, gray: int = 255) -> NDArray[np.uint8]:
    """Images of one gray level."""
    return np.full((count, 28, 28), gray, np.uint8)


def bar(count: int = 100) -> NDArray[np.uint8]:
    """An upright stroke of 4 by 16 pixels in the middle."""
    images = np.zeros((count, 28, 28), np.uint8)
    images[:, 6:22, 12:16] = 255
    return images


def moments(images: NDArray[np.uint8]) -> tuple[NDArray[np.float64], ...]:
    """Return each image's ink, mean row, mean column, and row, column and mixed variances."""
    ink = images / 255.0
    mass = ink.sum(axis=(1, 2))
    row = (ink * PLACE[:, np.newaxis]).sum(axis=(1, 2)) / mass
    column = (ink * PLACE).sum(axis=(1, 2)) / mass
    down, right = PLACE[:, np.newaxis] - row[:, None, None], PLACE - column[:, None, None]
    return (
        mass,
        row,
        column,
        (ink * down**2).sum(axis=(1, 2)) / mass,
        (ink * right**2).sum(axis=(1, 2)) / mass,
        (ink * down * right).sum(axis=(1, 2)) / mass,
    )


def tilt(images: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Return the angle of each image's long axis, in degrees, from its second moments."""
    _, _, _, down, right, both = moments(images)
    found: NDArray[np.float64] = np.degrees(np.arctan2(2 * both, down - right) / 2)
    return found
