from __future__ import annotations

import numpy as np

from mnist_edge.data.builtin_digits import load_builtin_digits
from mnist_edge.data.mnist import Mnist


def test_the_built_in_digits_are_validation_digits(mnist: Mnist) -> None:
    digits = load_builtin_digits()
    assert np.bincount(digits.labels).tolist() == [10] * 10
    for digit in range(10):
        first = np.flatnonzero(mnist.validation.labels == digit)[:10]
        expected = mnist.validation.images[first]
        assert np.array_equal(digits.images[digits.labels == digit], expected)
    assert digits.images.dtype == np.uint8
