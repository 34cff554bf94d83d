"""Connected components of a mask, and the filters of mathematical morphology, in numpy alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

Mask: TypeAlias = NDArray[np.bool_]
"""``(height, width)``."""
FloatImage: TypeAlias = NDArray[np.float32]
"""``(height, width)``."""
_Image = TypeVar("_Image", Mask, FloatImage)
_Values = TypeVar("_Values", NDArray[np.uint16], FloatImage)


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
    # An empty column at the left of each row ends the last run of the row above.
    stride = width + 1
    flat = np.zeros((height * stride + 1), np.bool_)
    flat[:-1].reshape(height, stride)[:, 1:] = mask
    edges = np.flatnonzero(flat[1:] != flat[:-1]) + 1
    starts, ends = edges[::2], edges[1::2]
    labels = np.zeros(mask.shape, np.int32)
    if not len(starts):
        return labels, []
    numbers = _join_runs(starts, ends, stride)
    labels[mask] = np.repeat(numbers + 1, ends - starts)
    rows, left, right = starts // stride, starts % stride - 1, (ends - 1) % stride
    return labels, _components(numbers, rows, left, right)


def _join_runs(
    starts: NDArray[np.int64], ends: NDArray[np.int64], stride: int
) -> NDArray[np.int64]:
    """Return the number of each run's component, from 0.

    Args:
        starts: of the runs, in a picture whose rows follow each other.
        ends: of the runs; exclusive.
        stride: from one row to the next.
    """
    # The runs of the row above that each run touches: from the first that does not end before it
    # starts, to the last that does not start after it ends.
    first = np.searchsorted(ends, starts - stride, side="left")
    last = np.searchsorted(starts, ends - stride, side="right")
    counts = last - first
    below = np.repeat(np.arange(len(starts)), counts)
    above = np.arange(len(below)) + np.repeat(first - np.cumsum(counts) + counts, counts)
    # Every run points to a later one of its component, and in the end to the last of them.
    parents = np.arange(len(starts))
    while len(below):
        np.maximum.at(parents, np.minimum(above, below), np.maximum(above, below))
        while not np.array_equal(further := parents[parents], parents):
            parents = further
        above, below = parents[above], parents[below]
        is_apart = above != below
        above, below = above[is_apart], below[is_apart]
    is_last = parents == np.arange(len(parents))
    numbers: NDArray[np.int64] = (np.cumsum(is_last) - 1)[parents]
    return numbers


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


def member_mask(labels: NDArray[np.int32], component: Component) -> Mask:
    """Return which of some labelled pixels belong to a component."""
    mask: Mask = labels == component.labels[0]
    for number in component.labels[1:]:
        mask |= labels == number
    return mask


def stroke_width(mask: Mask) -> float:
    """Return the mean width of a mask's strokes in pixels: twice the area over the outline."""
    inner = mask[1:-1, 1:-1] & mask[:-2, 1:-1] & mask[2:, 1:-1] & mask[1:-1, :-2] & mask[1:-1, 2:]
    area = np.count_nonzero(mask)
    return 2 * area / max(1, area - np.count_nonzero(inner))


def dilate(values: _Image, size: int) -> _Image:
    """Return the maximum of the square of odd ``size`` around each pixel."""
    for axis in (0, 1):
        values = _running_maximum(values, size, axis)
    return values


def erode(values: _Image, size: int) -> _Image:
    """Return the minimum of the square of odd ``size`` around each pixel."""
    if values.dtype == np.bool_:
        return np.logical_not(dilate(np.logical_not(values), size))
    return np.negative(dilate(np.negative(values), size))


def _running_maximum(values: _Image, size: int, axis: int) -> _Image:
    """Return the maximum of each window, by doubling: a window of 2n is two windows of n."""
    values = extend(values, size // 2, axis)
    covered = 1
    while covered < size:
        step = min(covered, size - covered)
        earlier, later = (slice(None, -step), slice(step, None))
        if axis:
            values = np.maximum(values[:, earlier], values[:, later])
        else:
            values = np.maximum(values[earlier], values[later])
        covered += step
    return values


def extend(values: _Image, reach: int, axis: int) -> _Image:
    """Return an image with its first and last row (or column, for axis 1) repeated beyond it."""
    shape = list(values.shape)
    shape[axis] += 2 * reach
    extended = np.empty(shape, values.dtype)
    # The same memory with the axis first.
    source, target = (values, extended) if axis == 0 else (values.T, extended.T)
    target[:reach] = source[:1]
    target[reach : len(target) - reach] = source
    target[len(target) - reach :] = source[-1:]
    return extended


def reduce_blocks(values: _Values, factor: int, combine: np.ufunc) -> _Values:
    """Return the sum, maximum or the like of each square of ``factor`` pixels.

    Args:
        values: ``(height, width)``; the last squares may be cut off.
        factor: side of a square in pixels.
        combine: combines two values.
    """
    for _ in range(2):
        reduced = values[::factor].copy()
        for offset in range(1, factor):
            part = values[offset::factor]
            combine(reduced[: len(part)], part, out=reduced[: len(part)])
        values = reduced.T
    return values
