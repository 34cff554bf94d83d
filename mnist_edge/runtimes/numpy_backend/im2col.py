"""Sliding windows over images: the geometry that convolution and pooling share."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

from mnist_edge.runtimes.numpy_backend.node import Node
from mnist_edge.runtimes.numpy_backend.tflite_schema import Padding

_MAX_VALUES = 1 << 20
"""Values in all windows over one image beyond which a file is not taken for a digit model; ``nano``
has at most 8,820."""


@dataclass(frozen=True, kw_only=True)
class SlidingWindows:
    """Positions of the windows in images of one size."""

    size: tuple[int, int]
    """Height and width of a window."""
    strides: tuple[int, int]
    """Rows and columns from one window to the next."""
    pads: tuple[tuple[int, int], tuple[int, int]]
    """Rows added above and below, columns added left and right."""
    count: tuple[int, int]
    """Number of windows from top to bottom, and from left to right."""

    def over(self, images: NDArray[Any], fill: float) -> NDArray[Any]:
        """Return a view of every window.

        Args:
            images: ``(n, height, width, channels)``.
            fill: the value of the padding.

        Returns:
            ``(n, rows, columns, window height, window width, channels)``, read-only.
        """
        (top, bottom), (left, right) = self.pads
        if top or bottom or left or right:
            n, height, width, channels = images.shape
            shape = (n, top + height + bottom, left + width + right, channels)
            padded = np.full(shape, fill, images.dtype)
            padded[:, top : top + height, left : left + width] = images
            images = padded
        n, _, _, channels = images.shape
        image, row, column, channel = images.strides
        steps = (image, row * self.strides[0], column * self.strides[1], row, column, channel)
        return as_strided(images, (n, *self.count, *self.size, channels), steps, writeable=False)


def plan_windows(
    node: Node, size: tuple[int, int], strides: tuple[int, int], padding: int
) -> SlidingWindows:
    """Compute the windows of an operator over its input.

    With SAME padding there are ``ceil(size / stride)`` windows, and an odd row or column is added
    below and on the right (https://www.tensorflow.org/api_docs/python/tf/nn#notes_on_padding_2);
    with VALID padding there are as many as fit.

    Args:
        node: the operator; its input is ``(n, height, width, channels)``.
        size: height and width of a window.
        strides: rows and columns from one window to the next.
        padding: its number in the schema.

    Raises:
        UnsuitableModel: no window fits, or they have more values than in any digit model.
    """
    node.require(min(*size, *strides) > 0, f"windows of {size} every {strides}")
    node.require(padding in set(Padding), f"padding {padding}")
    _, *image, channels = node.input.shape
    counts, pads = [], []
    for length, window, stride in zip(image, size, strides, strict=True):
        same = padding == Padding.SAME
        count = -(-length // stride) if same else (length - window) // stride + 1
        node.require(count > 0, f"windows of {size} over {tuple(image)}")
        added = max((count - 1) * stride + window - length, 0) if same else 0
        counts.append(count)
        pads.append((added // 2, added - added // 2))
    values = math.prod((*counts, *size, channels))
    node.require(values <= _MAX_VALUES, f"windows of {values} values")
    return SlidingWindows(
        size=size, strides=strides, pads=(pads[0], pads[1]), count=(counts[0], counts[1])
    )
