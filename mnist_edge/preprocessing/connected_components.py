"""Connected pieces of a mask, and the filters of mathematical morphology, in numpy alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.bool_]
FloatImage = NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class Component:
    """A connected piece of a mask, or several that belong together."""

    labels: tuple[int, ...]
    """Its numbers in the labelled mask, from 1."""
    area: int
    """Pixels in it."""
    top: int
    """First row."""
    left: int
    """First column."""
    bottom: int
    """Row below the last."""
    right: int
    """Column after the last."""

    @property
    def height(self) -> int:
        """Rows from first to last."""
        return self.bottom - self.top

    @property
    def width(self) -> int:
        """Columns from first to last."""
        return self.right - self.left


def merge(pieces: Sequence[Component]) -> Component:
    """One piece of several."""
    return Component(
        labels=tuple(number for piece in pieces for number in piece.labels),
        area=sum(piece.area for piece in pieces),
        top=min(piece.top for piece in pieces),
        left=min(piece.left for piece in pieces),
        bottom=max(piece.bottom for piece in pieces),
        right=max(piece.right for piece in pieces),
    )


def label_components(mask: Mask) -> tuple[NDArray[np.int32], list[Component]]:
    """Numbers the pieces of a mask; pixels that touch at a corner belong together.

    Rows are taken as runs, and runs of neighbouring rows that touch are joined (A. Rosenfeld and
    J. Pfaltz, Sequential Operations in Digital Picture Processing, 1966).

    Args:
        mask: ``(height, width)``.

    Returns:
        ``(height, width) int32``, 0 where the mask is not, and the pieces from 1.
    """
    height, width = mask.shape
    # One column of nothing between the rows keeps a run from going on in the next.
    stride = width + 2
    flat = np.zeros((height, stride), np.int8)
    flat[:, 1:-1] = mask
    edges = np.diff(flat.ravel(), prepend=0)
    starts, ends = np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)
    if not len(starts):
        return np.zeros(mask.shape, np.int32), []
    # The runs of the row above that a run touches: those that end after its start less one, and
    # start before its end plus one.
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
    return labels.reshape(height, stride)[:, 1:-1], _measured(numbers, rows, left, right)


def _measured(
    numbers: NDArray[np.int64],
    rows: NDArray[np.int64],
    left: NDArray[np.int64],
    right: NDArray[np.int64],
) -> list[Component]:
    count = int(numbers.max()) + 1
    area = np.bincount(numbers, weights=right - left, minlength=count)
    least = [np.full(count, np.iinfo(np.int64).max) for _ in range(2)]
    greatest = [np.zeros(count, np.int64) for _ in range(2)]
    for low, high, begin, end in zip(least, greatest, (rows, left), (rows + 1, right), strict=True):
        np.minimum.at(low, numbers, begin)
        np.maximum.at(high, numbers, end)
    return [
        Component(
            labels=(index + 1,),
            area=int(area[index]),
            top=int(least[0][index]),
            left=int(least[1][index]),
            bottom=int(greatest[0][index]),
            right=int(greatest[1][index]),
        )
        for index in range(count)
    ]


def dilate(values: FloatImage, size: int) -> FloatImage:
    """The largest value in a square of odd ``size`` around each pixel: a dilation."""
    for axis in (0, 1):
        values = running_maximum(values, size, axis)
    return values


def erode(values: FloatImage, size: int) -> FloatImage:
    """The smallest value in a square of odd ``size`` around each pixel: an erosion."""
    return -dilate(-values, size)


def running_maximum(values: FloatImage, size: int, axis: int) -> FloatImage:
    """Maxima of windows by doubling: a window of 2n is two of n."""
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
