"""Windows that slide over a picture: how convolution and pooling share their geometry."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

from mnist_edge.runtimes.numpy_backend.node import Node

_SAME, _VALID = 0, 1
"""Numbers of the paddings in the schema: as many windows as ``ceil(size / stride)``, or as fit."""
_MOST_VALUES = 1 << 20
"""Values in all windows over one picture, beyond which a file is taken for no digit model; the
most of ``nano`` are 8,820."""


@dataclass(frozen=True, kw_only=True)
class SlidingWindows:
    """Where windows lie in pictures of one size."""

    size: tuple[int, int]
    """Height and width of a window."""
    strides: tuple[int, int]
    """Rows and columns from one to the next."""
    pads: tuple[tuple[int, int], tuple[int, int]]
    """Rows above and below, columns left and right, that are added to the picture."""
    count: tuple[int, int]
    """Windows from the top to the bottom, and from left to right."""

    def over(self, pictures: NDArray[Any], fill: float) -> NDArray[Any]:
        """A view of every window.

        Args:
            pictures: ``(n, height, width, channels)``.
            fill: what lies beyond the edges.

        Returns:
            ``(n, rows, columns, window height, window width, channels)``, not to be written to.
        """
        (top, bottom), (left, right) = self.pads
        if top or bottom or left or right:
            n, height, width, channels = pictures.shape
            shape = (n, top + height + bottom, left + width + right, channels)
            padded = np.full(shape, fill, pictures.dtype)
            padded[:, top : top + height, left : left + width] = pictures
            pictures = padded
        n, _, _, channels = pictures.shape
        each, row, column, channel = pictures.strides
        steps = (each, row * self.strides[0], column * self.strides[1], row, column, channel)
        return as_strided(pictures, (n, *self.count, *self.size, channels), steps, writeable=False)


def plan_windows(
    node: Node, size: tuple[int, int], strides: tuple[int, int], padding: int
) -> SlidingWindows:
    """The windows of an operator over the tensor that it is given.

    With SAME padding an odd row or column is added below and to the right
    (https://www.tensorflow.org/api_docs/python/tf/nn#notes_on_padding_2).

    Args:
        node: the operator; its tensor is ``(n, height, width, channels)``.
        size: height and width of a window.
        strides: rows and columns from one window to the next.
        padding: its number in the schema.

    Raises:
        UnsuitableModel: no window fits in, or they have more values than any digit model's.
    """
    node.require(min(*size, *strides) > 0, f"windows of {size} every {strides}")
    node.require(padding in (_SAME, _VALID), f"padding {padding}")
    _, *picture, channels = node.given.shape
    counts, pads = [], []
    for length, window, stride in zip(picture, size, strides, strict=True):
        count = -(-length // stride) if padding == _SAME else (length - window) // stride + 1
        node.require(count > 0, f"windows of {size} over {tuple(picture)}")
        added = max((count - 1) * stride + window - length, 0) if padding == _SAME else 0
        counts.append(count)
        pads.append((added // 2, added - added // 2))
    values = math.prod((*counts, *size, channels))
    node.require(values <= _MOST_VALUES, f"windows of {values} values")
    return SlidingWindows(
        size=size, strides=strides, pads=(pads[0], pads[1]), count=(counts[0], counts[1])
    )
