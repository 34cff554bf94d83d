"""Pens: how wide strokes are, and digits written with another one."""

from __future__ import annotations

import numpy as np
import pytest

from mnist_edge.data.mnist import Mnist
from mnist_edge.preprocessing.mnist_format import is_mnist_format
from mnist_edge.training.pen_width import change_pen, measure_pen_widths


@pytest.mark.parametrize("width", [1, 2, 3, 5])
def test_a_line_is_as_wide_as_it_was_drawn(width: int) -> None:
    image = np.zeros((1, 28, 28), np.uint8)
    image[0, 2:26, 10 : 10 + width] = 255
    (measured,) = measure_pen_widths(image)
    assert measured == pytest.approx(width, rel=0.2)
    assert measure_pen_widths(np.zeros((1, 28, 28), np.uint8)) == 0


@pytest.mark.parametrize("width", [2.0, 4.5])
def test_digits_are_written_with_another_pen(mnist: Mnist, width: float) -> None:
    digits = mnist.train.images[:40]
    written = change_pen(digits, np.full(40, width))
    before, after = measure_pen_widths(digits), measure_pen_widths(written)
    assert np.abs(after - width).mean() < np.abs(before - width).mean() / 2
    assert all(is_mnist_format(image) for image in written)


def test_a_digit_that_has_this_pen_or_would_disappear_is_kept(mnist: Mnist) -> None:
    digits = mnist.train.images[:5]
    np.testing.assert_array_equal(change_pen(digits, measure_pen_widths(digits)), digits)
    faint = np.zeros((1, 28, 28), np.uint8)
    faint[0, 4:24, 14] = 255
    assert change_pen(faint, np.zeros(1)).any()
    assert change_pen(digits[:0], np.zeros(0)).shape == (0, 28, 28)
