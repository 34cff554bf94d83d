"""MNIST's format: recognize pictures that are in it, and bring a digit's ink into it.

The format, as MNIST's makers describe it (Y. LeCun, C. Cortes, C. Burges, "The MNIST database"):
white ink on black, the digit scaled to a 20x20 box with its aspect ratio kept, anti-aliased, and
placed so that the center of mass of its ink is the center of a 28x28 field.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mnist_edge import DIGIT_SHAPE, DIGIT_SIDE
from mnist_edge.preprocessing.flat_background import border_pixels

BOX_SIDE = 20
"""Longest side of a digit's ink in pixels."""
INK_THRESHOLD = 0.25
"""Share of full ink above which a pixel counts when a digit is cropped."""
_CENTER = DIGIT_SIDE // 2
"""Row and column that MNIST centers on: the center of mass of its 70,000 digits, counted in pixel
indices, averages 14.00 in both directions."""
_MAX_OFFSET = 0.52
"""Pixels by which the center of mass of a centered digit may miss ``_CENTER``; MNIST's digits were
moved by whole pixels, and miss it by up to 0.52."""
_BORDER_PIXELS = 4 * (DIGIT_SIDE - 1)
"""Number of pixels in the border of 28x28."""
_MOMENTS = np.stack((np.ones(DIGIT_SIDE * DIGIT_SIDE), *np.indices(DIGIT_SHAPE).reshape(2, -1)))
"""``(3, 784)``, the weights of the pixels in the sum and in the moments about row and column 0."""


def is_mnist_format(gray: NDArray[np.uint8]) -> bool:
    """Check that pixels are white on black, 28x28, fill the 20x20 box and are centered."""
    # The border's median is above 0 if half of its pixels are.
    if gray.shape != DIGIT_SHAPE or 2 * np.count_nonzero(border_pixels(gray)) >= _BORDER_PIXELS:
        return False
    rows, columns = (np.flatnonzero(gray.any(axis=axis)) for axis in (1, 0))
    if not len(rows):
        return False
    longest = max(rows[-1] - rows[0], columns[-1] - columns[0]) + 1
    # 16 of MNIST's 70,000 fill 19 pixels: their faintest edge was rounded to 0.
    if longest not in (BOX_SIDE - 1, BOX_SIDE):
        return False
    # Sums of whole numbers, which are exact.
    total, down, across = (_MOMENTS @ gray.ravel()).tolist()
    return bool(max(abs(down / total - _CENTER), abs(across / total - _CENTER)) <= _MAX_OFFSET)


def has_long_stroke(mask: NDArray[np.bool_]) -> bool:
    """Check that a column has ink on seven consecutive rows: the ink is then not just a speck.

    A component with such a column has a weight of at least 7 * 7 * 0.3 in ``layout.choose_digit``,
    and a speck of three rows and columns at most 3 * 3 * 1.3.
    """
    two = mask[:-1] & mask[1:]
    four = two[:-2] & two[2:]
    return bool((four[:-3] & four[3:]).any())


def to_mnist_format(ink: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Crop, scale and center ink as MNIST does.

    Args:
        ink: ``(height, width)``, 0..1, with a pixel above ``INK_THRESHOLD``.

    Returns:
        ``(28, 28) uint8``, 0 background, 255 ink.
    """
    return _center(_scale_to_box(ink))


def _scale_to_box(ink: NDArray[np.float32]) -> NDArray[np.float32]:
    rows, columns = (
        np.flatnonzero((ink > INK_THRESHOLD).any(axis=1)),
        np.flatnonzero((ink > INK_THRESHOLD).any(axis=0)),
    )
    ink = ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    height, width = ink.shape
    scale = BOX_SIDE / max(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    resized = Image.fromarray(ink).resize(size, Image.Resampling.BICUBIC)
    scaled: NDArray[np.float32] = np.clip(np.asarray(resized), 0, 1)
    return scaled


def _center(ink: NDArray[np.float32]) -> NDArray[np.uint8]:
    height, width = ink.shape
    top, left = (
        int(np.clip(round(_CENTER - mass), 0, DIGIT_SIDE - size))
        for mass, size in zip(_center_of_mass(ink), (height, width), strict=True)
    )
    pixels = np.zeros(DIGIT_SHAPE, np.uint8)
    pixels[top : top + height, left : left + width] = np.rint(ink * 255 / ink.max())
    return pixels


def _center_of_mass(ink: NDArray[np.float32]) -> tuple[float, float]:
    """Return the row and column of the ink's center of mass, in pixel indices."""
    total = float(ink.sum(dtype=np.float64))
    rows = ink.sum(axis=1, dtype=np.float64) @ np.arange(ink.shape[0])
    columns = ink.sum(axis=0, dtype=np.float64) @ np.arange(ink.shape[1])
    return float(rows) / total, float(columns) / total
