"""Connected components of a mask, and the filters of mathematical morphology, in numpy alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Mask: TypeAlias = NDArray[np.bool_]
"""``(height, width)``."""
FloatImage: TypeAlias = NDArray[np.float32]
"""``(height, width)``."""


@dataclass(frozen=True, kw_only=True)
class Component:
    """A connected component of a mask, or several that belong together."""

    labels: tuple[int, ...]
    """Its numbers in the labelled mask, from 1."""
    area: int
    """Number of pixels."""
    top: int
    """First row."""
    left: int
    """First column."""
    bottom: int
    """Row after the last."""
    right: int
    """Column after the last."""

    @property
    def height(self) -> int:
        """Number of rows."""
        return self.bottom - self.top

    @property
    def width(self) -> int:
        """Number of columns."""
        return self.right - self.left

    def touches_edge(self, shape: tuple[int, ...]) -> bool:
        """Check whether it comes within a pixel of the edge of a mask of this shape."""
        height, width = shape
        return (
            self.top <= 1 or self.left <= 1 or self.bottom >= height - 1 or self.right >= width - 1
        )


def merge(components: Sequence[Component]) -> Component:
    """Merge several components into one."""
    return Component(
        labels=tuple(number for component in components for number in component.labels),
        area=sum(component.area for component in components),
        top=min(component.top for component in components),
        left=min(component.left for component in components),
        bottom=max(component.bottom for component in components),
        right=max(component.right for component in components),
    )


def label_components(mask: Mask) -> tuple[NDArray[np.int32], list[Component]]:
    """Label the connected components of a mask; pixels that touch at a corner are connected.

    Each row is split into runs, and runs of neighboring rows that touch are joined (A. Rosenfeld
    and J. Pfaltz, Sequential Operations in Digital Picture Processing, 1966).

    Args:
        mask: ``(height, width)``.

    Returns:
        ``(height, width) int32``, the number of each pixel's component or 0, and the components
        by their numbers from 1.
    """
    height, width = mask.shape
    # An empty column between the rows ends each run at its row's end.
    stride = width + 2
    flat = np.zeros((height, stride), np.int8)
    flat[:, 1:-1] = mask
    edges = np.diff(flat.ravel(), prepend=0)
    starts, ends = np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)
    if not len(starts):
        return np.zeros(mask.shape, np.int32), []
    # The runs of the row above that each run touches: from the first that does not end before it
    # starts, to the last that does not start after it ends.
    first = np.searchsorted(ends, starts - stride, side="left")
    last = np.searchsorted(starts, ends - stride, side="right")
    parents = list(range(len(starts)))

    def root(run: int) -> int:
        while parents[run] != run:
            parents[run] = parents[parents[run]]
            run = parents[run]
        return run

    for run, (begin, end) in enumerate(zip(first.tolist(), last.tolist(), strict=True)):
        for above in range(begin, end):
            parents[root(above)] = root(run)
    roots = np.fromiter(map(root, range(len(parents))), np.int64, len(parents))
    _, numbers = np.unique(roots, return_inverse=True)
    labels = np.zeros(height * stride, np.int32)
    steps = np.zeros(height * stride + 1, np.int64)
    steps[starts] += numbers + 1
    steps[ends] -= numbers + 1
    labels[:] = np.cumsum(steps[:-1])
    rows, left, right = starts // stride, starts % stride - 1, (ends - 1) % stride
    return labels.reshape(height, stride)[:, 1:-1], _components(numbers, rows, left, right)


def _components(
    numbers: NDArray[np.int64],
    rows: NDArray[np.int64],
    left: NDArray[np.int64],
    right: NDArray[np.int64],
) -> list[Component]:
    """Return the components, from each run's component number, row, first and end column."""
    count = int(numbers.max()) + 1
    area = np.bincount(numbers, weights=right - left, minlength=count)
    lowest = [np.full(count, np.iinfo(np.int64).max) for _ in range(2)]
    highest = [np.zeros(count, np.int64) for _ in range(2)]
    for low, high, begin, end in zip(lowest, highest, (rows, left), (rows + 1, right), strict=True):
        np.minimum.at(low, numbers, begin)
        np.maximum.at(high, numbers, end)
    return [
        Component(
            labels=(index + 1,),
            area=int(area[index]),
            top=int(lowest[0][index]),
            left=int(lowest[1][index]),
            bottom=int(highest[0][index]),
            right=int(highest[1][index]),
        )
        for index in range(count)
    ]


def dilate(values: FloatImage, size: int) -> FloatImage:
    """Return the maximum of the square of odd ``size`` around each pixel."""
    for axis in (0, 1):
        values = _running_maximum(values, size, axis)
    return values


def erode(values: FloatImage, size: int) -> FloatImage:
    """Return the minimum of the square of odd ``size`` around each pixel."""
    return -dilate(-values, size)


def _running_maximum(values: FloatImage, size: int, axis: int) -> FloatImage:
    """Return the maximum of each window, by doubling: a window of 2n is two windows of n."""
    reach = size // 2
    padding = [(0, 0), (0, 0)]
    padding[axis] = (reach, reach)
    values = np.moveaxis(np.pad(values, padding, mode="edge"), axis, 0)
    covered = 1
    while covered * 2 <= size:
        values = np.maximum(values[:-covered], values[covered:])
        covered *= 2
    rest = size - covered
    if rest:
        values = np.maximum(values[:-rest], values[rest:])
    return np.ascontiguousarray(np.moveaxis(values, 0, axis))
