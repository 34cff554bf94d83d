"""The inputs that every converted model's golden vectors are of."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mnist_edge import DIGIT_SHAPE
from mnist_edge.data.mnist import Digits

_INK = 255


def golden_inputs(digits: Digits) -> NDArray[np.uint8]:
    """Sixteen small inputs: a digit of each label, and six patterns that drive it to its ends.

    The patterns are no ink, all ink, a ramp to the right, one downwards, a checkerboard of single
    pixels, and a digit with ink and paper swapped: sums saturate under them that no digit reaches.

    Args:
        digits: the first of each label is taken.

    Returns:
        ``(16, 28, 28) uint8``; fewer where a label has no digit.
    """
    _, first = np.unique(digits.labels, return_index=True)
    chosen = digits.images[first]
    rows, columns = np.indices(DIGIT_SHAPE)
    patterns = [
        np.zeros(DIGIT_SHAPE),
        np.full(DIGIT_SHAPE, _INK),
        columns * _INK // (DIGIT_SHAPE[1] - 1),
        rows * _INK // (DIGIT_SHAPE[0] - 1),
        (rows + columns) % 2 * _INK,
        _INK - chosen[0],
    ]
    return np.concatenate([chosen, np.array(patterns, np.uint8)])
