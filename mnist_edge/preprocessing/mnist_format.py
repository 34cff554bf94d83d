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
_ONES = np.ones(DIGIT_SIDE, np.float32)
_MOMENTS = np.stack([np.ones(DIGIT_SHAPE), *np.indices(DIGIT_SHAPE)], dtype=np.float32).reshape(
    3, -1
)
"""Weights of each pixel in the sum of ink and in its moments by row and by column, which are exact:
whole numbers below 2**24."""


def is_mnist_format(gray: NDArray[np.uint8]) -> bool:
    """Check that pixels are white on black, 28x28, fill the 20x20 box and are centered."""
    if gray.shape != DIGIT_SHAPE:
        return False
    values = gray.astype(np.float32)
    # Of an array's ways to a product, the method dot takes the least time by far.
    top, bottom = _span(gray.tobytes(), DIGIT_SIDE)
    left, right = _span(_ONES.dot(values).tobytes(), values.itemsize)
    # 16 of MNIST's 70,000 fill 19 pixels: their faintest edge was rounded to 0.
    if max(bottom - top, right - left) not in (BOX_SIDE - 1, BOX_SIDE):
        return False
    total, rows, columns = _MOMENTS.dot(values.reshape(-1)).tolist()
    if abs(rows / total - _CENTER) > _MAX_OFFSET or abs(columns / total - _CENTER) > _MAX_OFFSET:
        return False
    # The border's median is above 0 if half of its pixels are.
    has_border_ink = not (top and left) or DIGIT_SIDE in (bottom, right)
    return not has_border_ink or 2 * np.count_nonzero(border_pixels(gray)) < _BORDER_PIXELS


def _span(content: bytes, size: int) -> tuple[int, int]:
    """Return the first group of bytes that are not all 0, and the one after the last.

    Bytes find them in a fraction of the time of numpy.

    Args:
        content: groups of bytes: rows of pixels, or numbers.
        size: bytes in a group.

    Returns:
        The end and 0 if all are 0.
    """
    first = len(content) - len(content.lstrip(b"\0"))
    return first // size, -(-len(content.rstrip(b"\0")) // size)


def has_long_stroke(mask: NDArray[np.bool_]) -> bool:
    """Check that a column has ink on seven consecutive rows: the ink is then not just a speck.

    A component with such a column has a weight of at least 7 * 7 * 0.3 in ``layout.choose_digit``,
    and a speck of three rows and columns at most 3 * 3 * 1.3.
    """
    width = mask.shape[1]
    # Each pixel is a bit of one number, in which the pixel above is as many bits away as a row has.
    one = int.from_bytes(np.packbits(mask).tobytes(), "big")
    two = one & one >> width
    four = two & two >> 2 * width
    return bool(four & four >> 3 * width)


def to_mnist_format(ink: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Crop, scale and center ink as MNIST does.

    Args:
        ink: ``(height, width)``, 0..1, with a pixel above ``INK_THRESHOLD``.

    Returns:
        ``(28, 28) uint8``, 0 background, 255 ink.
    """
    return _center(_scale_to_box(ink))


def _scale_to_box(ink: NDArray[np.float32]) -> NDArray[np.float32]:
    is_ink = ink > INK_THRESHOLD
    rows, columns = (np.flatnonzero(is_ink.any(axis=axis)) for axis in (1, 0))
    ink = ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    height, width = ink.shape
    scale = BOX_SIDE / max(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    resized = Image.fromarray(ink).resize(size, Image.Resampling.BICUBIC)
    # Twice as quick as numpy's clip.
    scaled: NDArray[np.float32] = np.minimum(np.maximum(np.asarray(resized), 0), 1)
    return scaled


def _center(ink: NDArray[np.float32]) -> NDArray[np.uint8]:
    height, width = ink.shape
    top, left = (
        min(max(round(_CENTER - mass), 0), DIGIT_SIDE - size)
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
