"""Sliding windows, against loops that cut each window out."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mnist_edge.errors import UnsuitableModel
from mnist_edge.runtimes.numpy_backend.im2col import plan_windows
from mnist_edge.runtimes.numpy_backend.tflite_schema import Padding
from tests.support.numpy_nodes import a_node, a_tensor

SIDES = st.tuples(st.integers(1, 9), st.integers(1, 9))
STEPS = st.tuples(st.integers(1, 4), st.integers(1, 4))


@given(image=SIDES, size=STEPS, strides=STEPS, padding=st.sampled_from(Padding))
def test_windows_are_those_that_a_loop_cuts_out(
    image: tuple[int, int], size: tuple[int, int], strides: tuple[int, int], padding: Padding
) -> None:
    node = a_node(input=a_tensor((1, *image, 2)))
    if padding == Padding.VALID and (image[0] < size[0] or image[1] < size[1]):
        with pytest.raises(UnsuitableModel, match="windows of"):
            plan_windows(node, size, strides, padding)
        return
    windows = plan_windows(node, size, strides, padding)
    values = np.random.default_rng(0).integers(-128, 128, (3, *image, 2))
    found = windows.over(values, -7)
    assert not found.flags.writeable
    padded = np.pad(values, ((0, 0), *windows.pads, (0, 0)), constant_values=-7)
    assert found.shape == (3, *windows.count, *size, 2)
    for row, column in np.ndindex(*windows.count):
        top, left = row * strides[0], column * strides[1]
        cut = padded[:, top : top + size[0], left : left + size[1]]
        assert np.array_equal(found[:, row, column], cut)
    if padding == Padding.SAME:
        assert windows.count == tuple(-(-a // b) for a, b in zip(image, strides, strict=True))
        # The odd one of an uneven number is added below and on the right.
        assert all(0 <= after - before <= 1 for before, after in windows.pads)
    else:
        assert windows.pads == ((0, 0), (0, 0))


@pytest.mark.parametrize(
    ("size", "strides", "padding", "found"),
    [
        ((0, 2), (1, 1), Padding.SAME, r"windows of \(0, 2\)"),
        ((2, 2), (0, 1), Padding.SAME, r"every \(0, 1\)"),
        ((2, 2), (1, 1), 9, "padding 9"),
        ((400, 400), (1, 1), Padding.SAME, "values"),
    ],
)
def test_windows_that_no_digit_model_has_are_refused(
    size: tuple[int, int], strides: tuple[int, int], padding: int, found: str
) -> None:
    with pytest.raises(UnsuitableModel, match=found):
        plan_windows(a_node(input=a_tensor((1, 28, 28, 1))), size, strides, padding)
