"""Convolutions and dense layers, each as tflite-runtime's optimized kernel for x86-64 computes it.

Each function checks a ``Node``, prepares what does not depend on the input, and returns the kernel:
a function of ``(n, *shape)`` arrays that runs the operator on each of the n by itself.
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
from mnist_edge.runtimes.numpy_backend.tflite_schema import (
    DEFAULT_WEIGHTS_FORMAT,
    Conv2DOptions,
    DepthwiseConv2DOptions,
    FullyConnectedOptions,
)

_EXACT_FLOAT32 = 1 << 24
"""Sums of integers are exact in float32 as long as none is greater."""


def prepare_conv(node: Node) -> Kernel:
    """Prepare CONV_2D: the products of every window and every filter."""
    node.require_int8()
    filters, matrix = node.constant(0, "int8", 4)
    before, options = node.input, node.options
    node.require(len(before.shape) == 4, f"shape {before.shape}")
    channels, height, width, depth = filters.shape
    dilations = options.scalar(Conv2DOptions.DILATION_W), options.scalar(Conv2DOptions.DILATION_H)
    node.require(dilations == (1, 1), f"dilations {dilations}")
    node.require(depth == before.shape[3], f"filters {depth} deep")
    windows = plan_windows(
        node,
        (height, width),
        (options.scalar(Conv2DOptions.STRIDE_H), options.scalar(Conv2DOptions.STRIDE_W)),
        options.scalar(Conv2DOptions.PADDING),
    )
    node.require_shape((before.shape[0], *windows.count, channels))
    multiply = _prepare_matmul(node, filters, matrix.reshape(channels, -1))
    factor = _output_factor(node, filters)
    finish = node.add_zero_point_and_clamp(options.scalar(Conv2DOptions.ACTIVATION))
    length = height * width * depth

    def run(values: NDArray[Any]) -> NDArray[Any]:
        patches = windows.over(values.reshape(-1, *before.shape[1:]), before.zero_point)
        return finish(factor.round_half_up(multiply(patches.reshape(-1, length))))

    return run


def prepare_fully_connected(node: Node) -> Kernel:
    """Prepare FULLY_CONNECTED: the product of the input, in one or more rows, and a matrix."""
    node.require_int8()
    weights, matrix = node.constant(0, "int8", 2)
    units, length = weights.shape
    weights_format = node.options.scalar(FullyConnectedOptions.WEIGHTS_FORMAT)
    node.require(weights_format == DEFAULT_WEIGHTS_FORMAT, "shuffled weights")
    rows, rest = divmod(math.prod(node.input.shape), length)
    node.require(rest == 0, f"shape {node.input.shape} in rows of {length}")
    node.require(
        node.output.shape[-1:] == (units,) and math.prod(node.output.shape) == rows * units,
        f"shape {node.output.shape}, not {(rows, units)}",
    )
    multiply, factor = _prepare_matmul(node, weights, matrix), _output_factor(node, weights)
    finish = node.add_zero_point_and_clamp(node.options.scalar(FullyConnectedOptions.ACTIVATION))
    return lambda values: finish(factor.round_half_up(multiply(values.reshape(-1, length))))


def prepare_depthwise_conv(node: Node) -> Kernel:
    """Prepare DEPTHWISE_CONV_2D: every channel has filters of its own."""
    node.require_int8()
    filters, weights = node.constant(0, "int8", 4)
    before, options = node.input, node.options
    node.require(len(before.shape) == 4, f"shape {before.shape}")
    one, height, width, channels = filters.shape
    dilations = (
        options.scalar(DepthwiseConv2DOptions.DILATION_W),
        options.scalar(DepthwiseConv2DOptions.DILATION_H),
    )
    node.require(dilations == (1, 1), f"dilations {dilations}")
    multiplier, rest = divmod(channels, before.shape[3])
    node.require(one == 1 and rest == 0, f"filters of shape {filters.shape}")
    windows = plan_windows(
        node,
        (height, width),
        (
            options.scalar(DepthwiseConv2DOptions.STRIDE_H),
            options.scalar(DepthwiseConv2DOptions.STRIDE_W),
        ),
        options.scalar(DepthwiseConv2DOptions.PADDING),
    )
    node.require_shape((before.shape[0], *windows.count, channels))
    wide = weights[0].astype(np.int64)
    constant = _bias(node, channels) - before.zero_point * wide.sum(axis=(0, 1))
    factor = _output_factor(node, filters, axis=3)
    finish = node.add_zero_point_and_clamp(options.scalar(DepthwiseConv2DOptions.ACTIVATION))

    def run(values: NDArray[Any]) -> NDArray[Any]:
        patches = windows.over(values.reshape(-1, *before.shape[1:]), before.zero_point)
        sums = np.broadcast_to(constant, (*patches.shape[:3], channels)).copy()
        for row in range(height):
            for column in range(width):
                pixels = np.repeat(patches[:, :, :, row, column], multiplier, -1)
                sums += pixels * wide[row, column]
        return finish(factor.round_half_away(sums))

    return run


def _prepare_matmul(
    node: Node, weights: Tensor, matrix: NDArray[Any]
) -> Callable[[NDArray[np.int8]], NDArray[np.int64]]:
    """Prepare the product of int8 rows and a matrix, with zero point and bias.

    numpy multiplies integers without BLAS. With BLAS, in floating point, every sum is exact if none
    can exceed the type's mantissa, which depends on the weights.

    Args:
        node: for its bias and zero point.
        weights: the tensor of the matrix.
        matrix: ``(channels, k) int8``.

    Returns:
        A function of ``(rows, k)`` that returns ``(rows, channels)``.
    """
    wide = matrix.astype(np.int64)
    # -128 has the largest magnitude of int8.
    largest = 128 * int(np.abs(wide).sum(axis=1).max())
    dtype = np.float32 if largest < _EXACT_FLOAT32 else np.float64
    columns: NDArray[Any] = np.ascontiguousarray(wide.T, dtype)
    # The zero point adds the same to every sum, also over padding.
    constant = _bias(node, len(matrix)) - node.input.zero_point * wide.sum(axis=1)
    return lambda rows: np.matmul(rows.astype(dtype), columns).astype(np.int64) + constant


def _bias(node: Node, channels: int) -> NDArray[np.int64]:
    if len(node.constants) < 2 or node.constants[1] is None:
        return np.zeros(channels, np.int64)
    tensor, bias = node.constant(1, "int32", 1)
    node.require(tensor.shape == (channels,), f"biases of shape {tensor.shape}")
    return bias.astype(np.int64)


def _output_factor(node: Node, weights: Tensor, axis: int = 0) -> FixedPointFactor:
    """Return the factor from the scale of the sums, which may differ per channel, to the output's.

    Args:
        node: for the scales of its input and output.
        weights: for their scales.
        axis: the weights' dimension of the channels.
    """
    channels = weights.shape[axis]
    node.require(
        len(weights.scales) == 1 or (len(weights.scales) == channels and weights.axis == axis),
        f"{len(weights.scales)} scales for {channels} channels",
    )
    node.require(not weights.zero_points.any(), "weights that have a zero point")
    products = node.input.scale * weights.scales.astype(np.float64)
    return node.fixed_point(products / node.output.scale)
