"""The inputs of every converted model's golden vectors."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mnist_edge import DIGIT_SHAPE
from mnist_edge.data.mnist import Digits

_INK = 255


def golden_inputs(digits: Digits) -> NDArray[np.uint8]:
    """Build sixteen inputs: a digit of each label, and six patterns that drive sums to extremes.

    The patterns are no ink, all ink, a ramp to the right, one downwards, a checkerboard of single
    pixels, and an inverted digit: they saturate sums that no digit saturates.

    Args:
        digits: the first of each label is used.

    Returns:
        ``(16, 28, 28) uint8``; fewer if a label has no digit.
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
