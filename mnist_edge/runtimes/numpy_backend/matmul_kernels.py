"""Convolutions and matrix products, each as tflite-runtime's optimized kernel for x86-64 has it.

A function takes a ``Node``, checks it and prepares what does not change, and gives what runs it:
a function of ``(n, *shape)`` arrays, of which each of the n is run by itself.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mnist_edge.runtimes.numpy_backend.fixed_point import FixedPointFactor
from mnist_edge.runtimes.numpy_backend.im2col import plan_windows
from mnist_edge.runtimes.numpy_backend.model_graph import Tensor
from mnist_edge.runtimes.numpy_backend.node import Kernel, Node

_EXACT_FLOAT32 = 1 << 24
"""Sums of whole numbers are exact in float32 while none is greater."""


def prepare_conv(node: Node) -> Kernel:
    """CONV_2D: every window times every filter."""
    node.require_int8()
    filters, matrix = node.constant(0, "int8", 4)
    given, options = node.given, node.options
    node.require(len(given.shape) == 4, f"shape {given.shape}")
    channels, height, width, depth = filters.shape
    dilations = options.scalar(4, "i", 1), options.scalar(5, "i", 1)
    node.require(dilations == (1, 1), f"dilations {dilations}")
    node.require(depth == given.shape[3], f"filters {depth} deep")
    strides = options.scalar(2, "i"), options.scalar(1, "i")
    taken = plan_windows(node, (height, width), strides, options.scalar(0, "b"))
    node.require_shape((given.shape[0], *taken.count, channels))
    sums = _products(node, filters, matrix.reshape(channels, -1))
    rescaling, finish = _rescaling(node, filters), node.finish(options.scalar(3, "b"))
    length = height * width * depth

    def run(values: NDArray[Any]) -> NDArray[Any]:
        patches = taken.over(values.reshape(-1, *given.shape[1:]), given.zero_point)
        return finish(rescaling.round_half_up(sums(patches.reshape(-1, length))))

    return run


def prepare_fully_connected(node: Node) -> Kernel:
    """FULLY_CONNECTED: the values, in one row or several, times a matrix."""
    node.require_int8()
    weights, matrix = node.constant(0, "int8", 2)
    units, length = weights.shape
    node.require(node.options.scalar(1, "b") == 0, "shuffled weights")
    rows, rest = divmod(math.prod(node.given.shape), length)
    node.require(rest == 0, f"shape {node.given.shape} in rows of {length}")
    node.require(
        node.made.shape[-1:] == (units,) and math.prod(node.made.shape) == rows * units,
        f"shape {node.made.shape}, not {(rows, units)}",
    )
    sums = _products(node, weights, matrix)
    rescaling, finish = _rescaling(node, weights), node.finish(node.options.scalar(0, "b"))
    return lambda values: finish(rescaling.round_half_up(sums(values.reshape(-1, length))))


def prepare_depthwise_conv(node: Node) -> Kernel:
    """DEPTHWISE_CONV_2D: every channel times filters of its own."""
    node.require_int8()
    filters, weights = node.constant(0, "int8", 4)
    given, options = node.given, node.options
    node.require(len(given.shape) == 4, f"shape {given.shape}")
    one, height, width, channels = filters.shape
    dilations = options.scalar(5, "i", 1), options.scalar(6, "i", 1)
    node.require(dilations == (1, 1), f"dilations {dilations}")
    copies, rest = divmod(channels, given.shape[3])
    node.require(one == 1 and rest == 0, f"filters of shape {filters.shape}")
    strides = options.scalar(2, "i"), options.scalar(1, "i")
    taken = plan_windows(node, (height, width), strides, options.scalar(0, "b"))
    node.require_shape((given.shape[0], *taken.count, channels))
    wide = weights[0].astype(np.int64)
    constant = _bias(node, channels) - given.zero_point * wide.sum(axis=(0, 1))
    rescaling, finish = _rescaling(node, filters, axis=3), node.finish(options.scalar(4, "b"))

    def run(values: NDArray[Any]) -> NDArray[Any]:
        patches = taken.over(values.reshape(-1, *given.shape[1:]), given.zero_point)
        sums = np.broadcast_to(constant, (*patches.shape[:3], channels)).copy()
        for row in range(height):
            for column in range(width):
                sums += np.repeat(patches[:, :, :, row, column], copies, -1) * wide[row, column]
        return finish(rescaling.round_half_away(sums))

    return run


def _products(
    node: Node, weights: Tensor, matrix: NDArray[Any]
) -> Callable[[NDArray[np.int8]], NDArray[np.int64]]:
    """Rows of int8 times a matrix, the zero point taken off and the bias added.

    numpy multiplies integers without a BLAS. With one, in floating point, every sum is exact as
    long as none can outgrow the type's mantissa, which these weights decide.

    Args:
        node: for its bias and zero point.
        weights: the tensor of the matrix.
        matrix: ``(channels, k) int8``.

    Returns:
        From ``(rows, k)`` to ``(rows, channels)``.
    """
    wide = matrix.astype(np.int64)
    # The least int8 is the largest of all.
    largest = 128 * int(np.abs(wide).sum(axis=1).max())
    dtype = np.float32 if largest < _EXACT_FLOAT32 else np.float64
    columns: NDArray[Any] = np.ascontiguousarray(wide.T, dtype)
    # What the zero point adds to a sum is the same for all values, the padding's as well.
    constant = _bias(node, len(matrix)) - node.given.zero_point * wide.sum(axis=1)
    return lambda rows: np.matmul(rows.astype(dtype), columns).astype(np.int64) + constant


def _bias(node: Node, channels: int) -> NDArray[np.int64]:
    if len(node.constants) < 2 or node.constants[1] is None:
        return np.zeros(channels, np.int64)
    tensor, bias = node.constant(1, "int32", 1)
    node.require(tensor.shape == (channels,), f"biases of shape {tensor.shape}")
    return bias.astype(np.int64)


def _rescaling(node: Node, weights: Tensor, axis: int = 0) -> FixedPointFactor:
    """From the scale of the sums, one or one a channel, to that of the output."""
    channels = weights.shape[axis]
    node.require(
        len(weights.scales) == 1 or (len(weights.scales) == channels and weights.axis == axis),
        f"{len(weights.scales)} scales for {channels} channels",
    )
    node.require(not weights.zero_points.any(), "weights that have a zero point")
    products = node.given.scale * weights.scales.astype(np.float64)
    return node.rescaling(products / node.made.scale)
