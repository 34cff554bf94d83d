"""The layers that the C kernels compute, and how each is made of an operator of an int8 model."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from mnist_edge import CLASSES
from mnist_edge.runtimes.numpy_backend import kernels, matmul_kernels
from mnist_edge.runtimes.numpy_backend.executor import to_node
from mnist_edge.runtimes.numpy_backend.im2col import SlidingWindows
from mnist_edge.runtimes.numpy_backend.matmul_kernels import ConvPlan
from mnist_edge.runtimes.numpy_backend.model_graph import Graph, GraphOperator
from mnist_edge.runtimes.numpy_backend.node import Node, UnsupportedOperator
from mnist_edge.runtimes.numpy_backend.tflite_schema import (
    AddOptions,
    Pool2DOptions,
    SoftmaxOptions,
)

_LEVELS = 256
_MAX_SUM = 1 << 31
"""Magnitude below which every accumulator must stay, also while it is rounded: C's integers have 32
bits."""
_MAX_FIELD = (1 << 15) - 1
"""Largest size that a layer's description holds, in 16 bits."""
_ADD_SHIFT = 20
"""Bits by which ADD widens its inputs, as TensorFlow Lite's kernel does
(tensorflow/lite/kernels/add.cc)."""


@dataclass(frozen=True, kw_only=True)
class Channels:
    """What turns the sums of each channel into steps of the output."""

    bias: NDArray[np.int64]
    multiplier: NDArray[np.int64]
    shift: NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class Conv:
    """A convolution or a dense layer, with the max pooling that follows it, if one does."""

    weights: NDArray[np.int8]
    """``(channels, height, width, depth)``."""
    channels: Channels
    windows: SlidingWindows
    zeros: tuple[int, int]
    """Zero points of the input and the output."""
    bounds: tuple[int, int]
    """Lowest and highest output."""
    pool: SlidingWindows | None = None
    """The windows of the max pooling over this layer's own output, which is then never stored."""


@dataclass(frozen=True, kw_only=True)
class Depthwise:
    """A depthwise convolution."""

    weights: NDArray[np.int8]
    """``(height, width, channels)``."""
    channels: Channels
    windows: SlidingWindows
    zeros: tuple[int, int]
    bounds: tuple[int, int]


@dataclass(frozen=True, kw_only=True)
class MaxPool:
    """A max pooling."""

    windows: SlidingWindows
    bounds: tuple[int, int]


@dataclass(frozen=True, kw_only=True)
class AveragePool:
    """An average pooling."""

    windows: SlidingWindows
    bounds: tuple[int, int]


@dataclass(frozen=True, kw_only=True)
class Mean:
    """The mean of each channel over the whole image."""

    count: int
    """Values in a mean."""
    multiplier: int
    shift: int
    subtracted: int
    added: int


@dataclass(frozen=True, kw_only=True)
class Pad:
    """Rows and columns around an image."""

    before: tuple[int, int]
    """Rows above and columns on the left."""
    fill: int


@dataclass(frozen=True, kw_only=True)
class Add:
    """The sum of two images of one shape."""

    zeros: tuple[int, int, int]
    """Zero points of both inputs and the output."""
    multipliers: tuple[int, int, int]
    shifts: tuple[int, int, int]
    bounds: tuple[int, int]


@dataclass(frozen=True, kw_only=True)
class Lookup:
    """A function of each value by itself: a change of scale, or a rectifier."""

    table: NDArray[np.generic]
    """``(256,)``, the result for -128..127."""


@dataclass(frozen=True, kw_only=True)
class Softmax:
    """A softmax."""

    table: NDArray[np.float32]
    """``(256,)``, the exponential for each distance from the largest input."""


Kind: TypeAlias = Conv | Depthwise | MaxPool | AveragePool | Mean | Pad | Add | Lookup | Softmax


def make_layer(graph: Graph, operator: GraphOperator, sources: Sequence[int]) -> Kind:
    """Make the layer of an operator.

    Args:
        graph: the model.
        operator: one of it that computes something.
        sources: the tensors that it reads of those that are computed.

    Raises:
        UnsupportedOperator: no kernel computes it.
    """
    if operator.name == "ADD":
        return _add(graph, operator, sources)
    if operator.name not in _BUILDERS:
        raise UnsupportedOperator(operator.name)
    if len(sources) != 1:
        raise UnsupportedOperator(f"{operator.name} of {len(sources)} computed inputs")
    node = to_node(graph, operator, sources[0])
    if node.input.shape[:1] != (1,) and len(node.input.shape) > 1:
        raise UnsupportedOperator(f"{operator.name} of shape {node.input.shape}")
    return _BUILDERS[operator.name](node)


def _conv(node: Node) -> Conv:
    plan, windows = matmul_kernels.plan_conv(node)
    return Conv(
        weights=plan.weights,
        channels=_channels(node, plan, plan.weights.reshape(len(plan.weights), -1)),
        windows=windows,
        zeros=_zeros(node),
        bounds=node.clamp_range(plan.activation),
    )


def _dense(node: Node) -> Conv:
    """Return a dense layer as the convolution of a single pixel."""
    plan = matmul_kernels.plan_fully_connected(node)
    units, length = plan.weights.shape
    node.require(math.prod(node.input.shape) == length, f"shape {node.input.shape}")
    return Conv(
        weights=plan.weights.reshape(units, 1, 1, length),
        channels=_channels(node, plan, plan.weights),
        windows=SlidingWindows(size=(1, 1), strides=(1, 1), pads=((0, 0), (0, 0)), count=(1, 1)),
        zeros=_zeros(node),
        bounds=node.clamp_range(plan.activation),
    )


def _depthwise(node: Node) -> Depthwise:
    plan, windows = matmul_kernels.plan_depthwise_conv(node)
    channels = plan.weights.shape[-1]
    return Depthwise(
        weights=plan.weights,
        channels=_channels(node, plan, plan.weights.reshape(-1, channels).T),
        windows=windows,
        zeros=_zeros(node),
        bounds=node.clamp_range(plan.activation),
    )


def _channels(node: Node, plan: ConvPlan, rows: NDArray[np.int8]) -> Channels:
    """Check that no sum overflows, and return a factor per channel."""
    zero = node.input.zero_point
    farthest = max(127 - zero, zero + 128)
    largest = np.abs(plan.bias) + farthest * np.abs(rows.astype(np.int64)).sum(axis=1)
    count = len(rows)
    multiplier, shift = (
        np.broadcast_to(values, count) for values in (plan.factor.multiplier, plan.factor.shift)
    )
    _require_32_bits(node, largest, multiplier, shift)
    node.require(max(node.input.shape[-1], count) <= _MAX_FIELD, f"{count} channels")
    return Channels(bias=plan.bias, multiplier=multiplier, shift=shift)


def _require_32_bits(
    node: Node, largest: NDArray[np.int64], multiplier: NDArray[np.int64], shift: NDArray[np.int64]
) -> None:
    """Check that no sum up to ``largest`` overflows while it is rounded."""
    widened = largest << np.maximum(shift, 0)
    rounded = ((widened * multiplier) >> 31) + 1 + ((1 << np.maximum(-shift, 0)) >> 1)
    largest = np.maximum(widened, rounded)
    node.require(bool(largest.max() < _MAX_SUM), f"sums of up to {largest.max()}")


def _zeros(node: Node) -> tuple[int, int]:
    return node.input.zero_point, node.output.zero_point


def _max_pool(node: Node) -> MaxPool:
    bounds = node.clamp_range(node.options.scalar(Pool2DOptions.ACTIVATION))
    return MaxPool(windows=kernels.plan_pool(node), bounds=bounds)


def _average_pool(node: Node) -> AveragePool:
    bounds = node.clamp_range(node.options.scalar(Pool2DOptions.ACTIVATION))
    return AveragePool(windows=kernels.plan_pool(node), bounds=bounds)


def _mean(node: Node) -> Mean:
    plan, shape = kernels.plan_mean(node), node.input.shape
    # All but the batch and the channels.
    node.require(plan.axes == tuple(range(1, len(shape) - 1)), f"axes {plan.axes} of {shape}")
    count = math.prod(shape[1:-1])
    largest = np.array([(count << 7) + abs(plan.subtracted)])
    _require_32_bits(node, largest, plan.factor.multiplier, plan.factor.shift)
    return Mean(
        count=count,
        multiplier=int(plan.factor.multiplier),
        shift=int(plan.factor.shift),
        subtracted=plan.subtracted,
        added=plan.added,
    )


def _pad(node: Node) -> Pad:
    pads = kernels.plan_pad(node)
    node.require(
        len(pads) == 4 and pads[0] == pads[3] == (0, 0), f"pads {pads} of shape {node.input.shape}"
    )
    return Pad(before=(pads[1][0], pads[2][0]), fill=node.output.zero_point)


def _lookup(node: Node) -> Lookup:
    prepare = {
        "MUL": kernels.prepare_mul,
        "QUANTIZE": kernels.prepare_quantize,
        "RELU": kernels.prepare_relu,
        "RELU6": kernels.prepare_relu,
    }[node.name]
    if node.name == "MUL":
        node.require(node.constant(0, "int8")[1].size == 1, "a constant per value")
    node.require(node.input.dtype in ("int8", "uint8"), f"an input of {node.input.dtype}")
    kernel = prepare(node)
    # In the order of the bytes -128..127, whatever the input's type.
    levels = np.arange(-_LEVELS // 2, _LEVELS // 2).astype(np.int8).view(node.input.dtype)
    return Lookup(table=kernel(levels).astype(node.output.dtype))


def _softmax(node: Node) -> Softmax:
    kernels.prepare_softmax(node)
    node.require(math.prod(node.input.shape) == CLASSES, f"shape {node.input.shape}")
    beta = float(node.options.scalar(SoftmaxOptions.BETA))
    return Softmax(table=kernels.softmax_table(node.input.scale, beta))


_BUILDERS: dict[str, Callable[[Node], Kind]] = {
    "AVERAGE_POOL_2D": _average_pool,
    "CONV_2D": _conv,
    "DEPTHWISE_CONV_2D": _depthwise,
    "FULLY_CONNECTED": _dense,
    "MAX_POOL_2D": _max_pool,
    "MEAN": _mean,
    "MUL": _lookup,
    "PAD": _pad,
    "QUANTIZE": _lookup,
    "RELU": _lookup,
    "RELU6": _lookup,
    "SOFTMAX": _softmax,
}
"""The function that makes a layer of each operator of one computed input."""


def _add(graph: Graph, operator: GraphOperator, sources: Sequence[int]) -> Add:
    """Return the integers of ADD, as TensorFlow Lite's kernel prepares them.

    Both inputs are widened, brought to twice the larger scale, added, and brought to the output's
    (tensorflow/lite/kernels/add.cc, ``PopulateQuantizedParams``).
    """
    if len(sources) != 2 or len(operator.inputs) != 2:
        raise UnsupportedOperator("ADD of a constant")
    node, other = to_node(graph, operator, sources[0]), graph.tensors[sources[1]]
    node.require_int8()
    node.require(other.dtype == "int8" and len(other.scales) == 1, f"a second {other.dtype}")
    node.require(node.input.shape == other.shape, f"shapes {node.input.shape} and {other.shape}")
    node.require_shape(node.input.shape)
    scales = node.input.scale, other.scale
    largest = 2 * max(scales)
    factors = [
        node.fixed_point(real)
        for real in (
            *(scale / largest for scale in scales),
            largest / ((1 << _ADD_SHIFT) * node.output.scale),
        )
    ]
    node.require(all(int(factor.shift) <= 0 for factor in factors), "an output of too fine a scale")
    first, second, third = factors
    return Add(
        zeros=(node.input.zero_point, other.zero_point, node.output.zero_point),
        multipliers=(int(first.multiplier), int(second.multiplier), int(third.multiplier)),
        shifts=(int(first.shift), int(second.shift), int(third.shift)),
        bounds=node.clamp_range(node.options.scalar(AddOptions.ACTIVATION)),
    )
