"""Geometric corruptions: shear, scale, rotation, translation. They add no ink."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mnist_edge import DIGIT_SIDE
from mnist_edge.data.corruptions.keyed_random import Images, KeyedRandom

SHEARS = (0.2, 0.4, 0.6, 0.8, 1.0)
"""Shear, by severity: columns by which a row moves per row of distance from the center."""
SCALES = (0.85, 0.7, 0.6, 0.5, 0.4)
"""Scale, by severity: the digit's size relative to the original."""
ANGLES = (10.0, 20.0, 30.0, 40.0, 50.0)
"""Rotation, by severity: degrees, to either side."""
DISTANCES = (2.0, 3.5, 5.0, 6.5, 8.0)
"""Translation, by severity: pixels, in any direction."""


def shear(images: Images, severity: int, rng: KeyedRandom) -> Images:
    """Shear the digit to the left or to the right."""
    slant = SHEARS[severity - 1] * rng.sign()
    rows, columns = center_offsets()
    return sample_bilinear(images, rows, columns + slant[:, np.newaxis, np.newaxis] * rows)


def scale(images: Images, severity: int, rng: KeyedRandom) -> Images:
    """Shrink the digit about the picture's center."""
    factor = SCALES[severity - 1]
    rows, columns = center_offsets()
    # A triangle filter as wide as a pixel of the smaller picture, against aliasing.
    weights = np.maximum(1 - np.abs(columns - rows / factor) * factor, 0) * factor
    kernel = weights.astype(np.float32)
    return kernel @ images @ kernel.T


def rotate(images: Images, severity: int, rng: KeyedRandom) -> Images:
    """Rotate the digit about the picture's center, to the left or to the right."""
    angle = np.radians(ANGLES[severity - 1]) * rng.sign()[:, np.newaxis, np.newaxis]
    rows, columns = center_offsets()
    cosine, sine = np.cos(angle), np.sin(angle)
    return sample_bilinear(images, cosine * rows + sine * columns, cosine * columns - sine * rows)


def translate(images: Images, severity: int, rng: KeyedRandom) -> Images:
    """Move the digit by a fixed distance in a random direction."""
    direction = rng.between(0, 2 * np.pi, 1, 1)
    rows, columns = center_offsets()
    distance = DISTANCES[severity - 1]
    return sample_bilinear(
        images, rows - distance * np.sin(direction), columns - distance * np.cos(direction)
    )


def sample_bilinear(
    images: Images, rows: NDArray[np.float64], columns: NDArray[np.float64]
) -> Images:
    """Sample images bilinearly at any position; outside a picture there is no ink.

    Args:
        images: ``(n, height, width)``.
        rows: rows to sample for each output pixel, relative to the picture's center; broadcasts
            to ``(n, 28, 28)``.
        columns: columns to sample, likewise.
    """
    height, width = images.shape[1:]
    # Positions further out are clipped into a margin of two empty pixels.
    padded = np.pad(images, ((0, 0), (2, 2), (2, 2)))
    down = np.clip(rows + (height - 1) / 2 + 2, 0, height + 2)
    right = np.clip(columns + (width - 1) / 2 + 2, 0, width + 2)
    top, left = down.astype(np.int64), right.astype(np.int64)
    lower, further = (down - top).astype(np.float32), (right - left).astype(np.float32)
    numbers = np.arange(len(images))[:, np.newaxis, np.newaxis] * (height + 4)
    corner = (numbers + top) * (width + 4) + left
    flat = padded.ravel()
    upper_row = flat[corner] * (1 - further) + flat[corner + 1] * further
    corner += width + 4
    lower_row = flat[corner] * (1 - further) + flat[corner + 1] * further
    sampled: Images = upper_row * (1 - lower) + lower_row * lower
    return sampled


def center_offsets() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the offsets of rows ``(28, 1)`` and columns ``(1, 28)`` from a picture's center."""
    offsets = np.arange(DIGIT_SIDE) - (DIGIT_SIDE - 1) / 2
    return offsets[:, np.newaxis], offsets[np.newaxis]
