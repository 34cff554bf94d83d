"""Convolutions and dense layers, each as tflite-runtime's optimized kernel for x86-64 computes it.

Each function checks a ``Node``, prepares what does not depend on the input, and returns the kernel:
a function of ``(n, *shape)`` arrays that runs the operator on each of the n by itself.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mnist_edge.runtimes.numpy_backend.fixed_point import FixedPointFactor
from mnist_edge.runtimes.numpy_backend.im2col import SlidingWindows, plan_windows
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


@dataclass(frozen=True, kw_only=True)
class ConvPlan:
    """A convolution, depthwise or not, or a dense layer, in integers."""

    weights: NDArray[np.int8]
    """Filters of ``(channels, height, width, depth)``; ``(height, width, channels)`` if depthwise;
    ``(units, length)`` if dense."""
    bias: NDArray[np.int64]
    """``(channels,)``."""
    factor: FixedPointFactor
    """From the sums to steps of the output; a single factor, or one per channel."""
    activation: int
    """Its number in the schema."""


def prepare_conv(node: Node) -> Kernel:
    """Prepare CONV_2D: the products of every window and every filter."""
    plan, windows = plan_conv(node)
    channels = len(plan.weights)
    multiply = _prepare_matmul(node, plan.weights.reshape(channels, -1), plan.bias)
    finish = node.add_zero_point_and_clamp(plan.activation)
    length, before = plan.weights[0].size, node.input

    def run(values: NDArray[Any]) -> NDArray[Any]:
        patches = windows.over(values.reshape(-1, *before.shape[1:]), before.zero_point)
        return finish(plan.factor.round_half_up(multiply(patches.reshape(-1, length))))

    return run


def plan_conv(node: Node) -> tuple[ConvPlan, SlidingWindows]:
    """Check a CONV_2D and compute its integers and its windows.

    Raises:
        UnsuitableModel: it is not supported.
    """
    node.require_int8()
    filters, weights = node.constant(0, "int8", 4)
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
    plan = ConvPlan(
        weights=weights,
        bias=_bias(node, channels),
        factor=_output_factor(node, filters),
        activation=options.scalar(Conv2DOptions.ACTIVATION),
    )
    return plan, windows


def prepare_fully_connected(node: Node) -> Kernel:
    """Prepare FULLY_CONNECTED: the product of the input, in one or more rows, and a matrix."""
    plan = plan_fully_connected(node)
    multiply, length = _prepare_matmul(node, plan.weights, plan.bias), plan.weights.shape[1]
    finish = node.add_zero_point_and_clamp(plan.activation)
    return lambda values: finish(plan.factor.round_half_up(multiply(values.reshape(-1, length))))


def plan_fully_connected(node: Node) -> ConvPlan:
    """Check a FULLY_CONNECTED and compute its integers.

    Raises:
        UnsuitableModel: it is not supported.
    """
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
    return ConvPlan(
        weights=matrix,
        bias=_bias(node, units),
        factor=_output_factor(node, weights),
        activation=node.options.scalar(FullyConnectedOptions.ACTIVATION),
    )


def prepare_depthwise_conv(node: Node) -> Kernel:
    """Prepare DEPTHWISE_CONV_2D: every channel has filters of its own."""
    plan, windows = plan_depthwise_conv(node)
    before = node.input
    wide = plan.weights.astype(np.int64)
    height, width, channels = wide.shape
    multiplier = channels // before.shape[3]
    constant = plan.bias - before.zero_point * wide.sum(axis=(0, 1))
    finish = node.add_zero_point_and_clamp(plan.activation)

    def run(values: NDArray[Any]) -> NDArray[Any]:
        patches = windows.over(values.reshape(-1, *before.shape[1:]), before.zero_point)
        sums = np.broadcast_to(constant, (*patches.shape[:3], channels)).copy()
        for row in range(height):
            for column in range(width):
                pixels = np.repeat(patches[:, :, :, row, column], multiplier, -1)
                sums += pixels * wide[row, column]
        return finish(plan.factor.round_half_away(sums))

    return run


def plan_depthwise_conv(node: Node) -> tuple[ConvPlan, SlidingWindows]:
    """Check a DEPTHWISE_CONV_2D and compute its integers and its windows.

    Raises:
        UnsuitableModel: it is not supported.
    """
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
    node.require(one == 1 and channels % before.shape[3] == 0, f"filters of shape {filters.shape}")
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
    plan = ConvPlan(
        weights=weights[0],
        bias=_bias(node, channels),
        factor=_output_factor(node, filters, axis=3),
        activation=options.scalar(DepthwiseConv2DOptions.ACTIVATION),
    )
    return plan, windows


def _prepare_matmul(
    node: Node, matrix: NDArray[np.int8], bias: NDArray[np.int64]
) -> Callable[[NDArray[np.int8]], NDArray[np.int64]]:
    """Prepare the product of int8 rows and a matrix, with zero point and bias.

    numpy multiplies integers without BLAS. With BLAS, in floating point, every sum is exact if none
    can exceed the type's mantissa, which depends on the weights.

    Args:
        node: for its zero point.
        matrix: ``(channels, k)``.
        bias: ``(channels,)``.

    Returns:
        A function of ``(rows, k)`` that returns ``(rows, channels)``.
    """
    wide = matrix.astype(np.int64)
    # -128 has the largest magnitude of int8.
    largest = 128 * int(np.abs(wide).sum(axis=1).max())
    dtype = np.float32 if largest < _EXACT_FLOAT32 else np.float64
    columns: NDArray[Any] = np.ascontiguousarray(wide.T, dtype)
    # The zero point adds the same to every sum, also over padding.
    constant = bias - node.input.zero_point * wide.sum(axis=1)
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
