from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from mnist_edge.preprocessing.connected_components import (
    dilate,
    erode,
    label_components,
    stroke_width,
)


@st.composite
def masks(draw: st.DrawFn) -> NDArray[np.bool_]:
    height, width = draw(st.integers(1, 12)), draw(st.integers(1, 12))
    density, seed = draw(st.floats(0, 1)), draw(st.integers(0, 2**32 - 1))
    return np.random.default_rng(seed).random((height, width)) < density


def flooded(mask: NDArray[np.bool_]) -> list[set[tuple[int, int]]]:
    """Find the components of a mask by flood fill."""
    left = {(int(row), int(column)) for row, column in np.argwhere(mask)}
    components = []
    while left:
        front = [left.pop()]
        component = set(front)
        while front:
            row, column = front.pop()
            near = {(row + down, column + right) for down in (-1, 0, 1) for right in (-1, 0, 1)}
            front += near & left
            component |= near & left
            left -= near
        components.append(component)
    return components


@given(masks())
def test_components_equal_those_of_a_flood_fill(mask: NDArray[np.bool_]) -> None:
    labels, components = label_components(mask)
    assert np.array_equal(labels > 0, mask)
    expected = {frozenset(component) for component in flooded(mask)}
    found = set()
    for one in components:
        pixels = frozenset((int(r), int(c)) for r, c in np.argwhere(np.isin(labels, one.labels)))
        rows, columns = [r for r, _ in pixels], [c for _, c in pixels]
        assert one.area == len(pixels)
        assert (one.top, one.bottom) == (min(rows), max(rows) + 1)
        assert (one.left, one.right) == (min(columns), max(columns) + 1)
        found.add(pixels)
    assert found == expected


@given(masks(), st.sampled_from([1, 3, 5, 7]))
def test_dilation_and_erosion_are_window_maximum_and_minimum(
    mask: NDArray[np.bool_], size: int
) -> None:
    values = np.random.default_rng(mask.sum()).random(mask.shape).astype(np.float32)
    reach = size // 2
    largest, smallest = dilate(values, size), erode(values, size)
    for row in range(values.shape[0]):
        for column in range(values.shape[1]):
            window = values[
                max(0, row - reach) : row + reach + 1, max(0, column - reach) : column + reach + 1
            ]
            assert largest[row, column] == window.max()
            assert smallest[row, column] == window.min()


@pytest.mark.parametrize("width", [3, 5, 9])
def test_the_width_of_a_stroke_is_measured(width: int) -> None:
    mask = np.zeros((300, 60), np.bool_)
    mask[10:290, 20 : 20 + width] = True
    assert stroke_width(mask) == pytest.approx(width, abs=0.8)
