"""The digit where it should not be: sheared, scaled, rotated, translated. No ink is added."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mnist_edge import DIGIT_SIDE
from mnist_edge.data.corruptions.keyed_random import Images, KeyedRandom

SHEARS = (0.2, 0.4, 0.6, 0.8, 1.0)
"""Columns that a row is moved by for each row that it lies from the middle, by severity."""
SCALES = (0.85, 0.7, 0.6, 0.5, 0.4)
"""The digit's size, as a share of what it was, by severity."""
ANGLES = (10.0, 20.0, 30.0, 40.0, 50.0)
"""Degrees that the digit is turned by, to either side, by severity."""
DISTANCES = (2.0, 3.5, 5.0, 6.5, 8.0)
"""Pixels that the digit is moved by, in any direction, by severity."""

_MIDDLE = (DIGIT_SIDE - 1) / 2
"""Where the middle of a picture lies, in rows or columns."""


def shear(pictures: Images, severity: int, rng: KeyedRandom) -> Images:
    """The digit leans to the left or to the right."""
    slant = SHEARS[severity - 1] * rng.sign()
    rows, columns = _offsets()
    return sample_bilinear(pictures, rows, columns + slant[:, np.newaxis, np.newaxis] * rows)


def scale(pictures: Images, severity: int, rng: KeyedRandom) -> Images:
    """The digit is smaller, and its middle where it was."""
    factor = SCALES[severity - 1]
    apart = np.arange(DIGIT_SIDE) - _MIDDLE
    # Each pixel takes in what lies about it in the larger picture, the nearer the more.
    weights = np.maximum(1 - np.abs(apart - apart[:, np.newaxis] / factor) * factor, 0) * factor
    resampled = weights.astype(np.float32)
    return resampled @ pictures @ resampled.T


def rotate(pictures: Images, severity: int, rng: KeyedRandom) -> Images:
    """The digit is turned about its middle, to the left or to the right."""
    angle = np.radians(ANGLES[severity - 1]) * rng.sign()[:, np.newaxis, np.newaxis]
    rows, columns = _offsets()
    cosine, sine = np.cos(angle), np.sin(angle)
    return sample_bilinear(pictures, cosine * rows + sine * columns, cosine * columns - sine * rows)


def translate(pictures: Images, severity: int, rng: KeyedRandom) -> Images:
    """The digit is moved, always by as much, in any direction."""
    direction = rng.between(0, 2 * np.pi, 1, 1)
    rows, columns = _offsets()
    distance = DISTANCES[severity - 1]
    return sample_bilinear(
        pictures, rows - distance * np.sin(direction), columns - distance * np.cos(direction)
    )


def sample_bilinear(
    pictures: Images, rows: NDArray[np.float64], columns: NDArray[np.float64]
) -> Images:
    """Images read between their pixels, bilinearly; beyond the edge there is no ink.

    Args:
        pictures: ``(n, height, width)``.
        rows: where each pixel of the result is read, from the picture's middle down; what
            broadcasts to ``(n, 28, 28)``.
        columns: the same from the middle to the right.
    """
    height, width = pictures.shape[1:]
    # Two pixels of nothing about each picture: what is read further out is read there.
    padded = np.pad(pictures, ((0, 0), (2, 2), (2, 2)))
    down = np.clip(rows + (height - 1) / 2 + 2, 0, height + 2)
    right = np.clip(columns + (width - 1) / 2 + 2, 0, width + 2)
    top, left = down.astype(np.int64), right.astype(np.int64)
    lower, further = (down - top).astype(np.float32), (right - left).astype(np.float32)
    numbers = np.arange(len(pictures))[:, np.newaxis, np.newaxis] * (height + 4)
    corner = (numbers + top) * (width + 4) + left
    flat = padded.ravel()
    upper_row = flat[corner] * (1 - further) + flat[corner + 1] * further
    corner += width + 4
    lower_row = flat[corner] * (1 - further) + flat[corner + 1] * further
    found: Images = upper_row * (1 - lower) + lower_row * lower
    return found


def _offsets() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """``(28, 1)`` and ``(1, 28)``: how far rows and columns lie from the middle."""
    apart = np.arange(DIGIT_SIDE) - _MIDDLE
    return apart[:, np.newaxis], apart[np.newaxis]
