"""The form that MNIST's digits are in, and how to tell that a picture is in it already."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mnist_edge.preprocessing.flat_background import border

SIDE = 28
"""Height and width of a digit in pixels."""
BOX = 20
"""The longest side of a digit's ink in pixels."""
MIDDLE = SIDE // 2
"""Row and column that MNIST centres on: over its 70,000 digits the centre of mass, counted in
pixel indices, averages 14.00 each way."""
_CENTRED = 0.52
"""Pixels by which a centre of mass may miss the middle and the digit still count as centred;
moved by whole pixels, MNIST's own miss it by up to 0.52."""
_BORDER = 4 * (SIDE - 1)
"""Pixels of the border of 28x28."""
_MOMENTS = np.stack((np.ones(SIDE * SIDE), *np.indices((SIDE, SIDE)).reshape(2, -1)))
"""What each pixel counts in the sum, and in the moments about the first row and column."""


def is_mnist_form(grey: NDArray[np.uint8]) -> bool:
    """Whether grey pixels are white on black, 28x28, fill the 20x20 box and are centred."""
    # Half of the border's pixels are ink where its median is above 0.
    if grey.shape != (SIDE, SIDE) or 2 * np.count_nonzero(border(grey)) >= _BORDER:
        return False
    rows, columns = (np.flatnonzero(grey.any(axis=axis)) for axis in (1, 0))
    if not len(rows):
        return False
    longest = max(rows[-1] - rows[0], columns[-1] - columns[0]) + 1
    # 16 of MNIST's 70,000 fill 19 pixels: their faintest edge was rounded away.
    if longest not in (BOX - 1, BOX):
        return False
    # Whole numbers, which the product sums exactly.
    total, down, across = (_MOMENTS @ grey.ravel()).tolist()
    return bool(max(abs(down / total - MIDDLE), abs(across / total - MIDDLE)) <= _CENTRED)


def has_long_stroke(mask: NDArray[np.bool_]) -> bool:
    """Whether some column is inked along seven rows, which rules out that a speck is the digit.

    A digit with it weighs at least 7 * 7 * 0.3 in ``layout.choose_digit``, and one of three rows
    and columns, a speck, at most 3 * 3 * 1.3.
    """
    two = mask[:-1] & mask[1:]
    four = two[:-2] & two[2:]
    return bool((four[:-3] & four[3:]).any())
