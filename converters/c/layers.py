"""From the operators of an int8 model to the layers that the C kernels compute."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from mnist_edge import CLASSES, DIGIT_SHAPE
from mnist_edge.errors import ConversionError
from mnist_edge.modelstore.manifest import TensorSpec
from mnist_edge.runtimes.interpreter import quantization_table
from mnist_edge.runtimes.numpy_backend import kernels, matmul_kernels
from mnist_edge.runtimes.numpy_backend.executor import to_node
from mnist_edge.runtimes.numpy_backend.im2col import SlidingWindows
from mnist_edge.runtimes.numpy_backend.matmul_kernels import ConvPlan
from mnist_edge.runtimes.numpy_backend.model_graph import Graph, GraphOperator, Tensor, parse_graph
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

Image: TypeAlias = tuple[int, int, int]
"""Height, width and channels."""


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


@dataclass(frozen=True, kw_only=True)
class Layer:
    """A step of the program."""

    kind: Kind
    inputs: tuple[int, ...]
    """The tensors that it reads."""
    output: int
    """The tensor that it writes."""
    before: Image
    """Size of its first input."""
    after: Image
    """Size of its output."""
    operators: str
    """The model's operators that it stands for."""


@dataclass(frozen=True, kw_only=True)
class Program:
    """A model as a sequence of layers."""

    pixels: NDArray[np.generic]
    """``(256,)``, the value of the first tensor for each pixel."""
    channels: int
    """How often each pixel stands in the first tensor: 3 for a model of RGB."""
    input: int
    """The first tensor."""
    output: int
    """The last tensor, of ten values."""
    output_dtype: str
    """``int8`` or ``uint8``."""
    layers: tuple[Layer, ...]
    sizes: dict[int, int] = field(repr=False)
    """Bytes of each tensor."""


def build_program(content: bytes) -> Program:
    """Turn an int8 model into layers.

    Args:
        content: the bytes of a ``.tflite`` file that takes one digit's raw pixels.

    Raises:
        InvalidModel: the bytes are damaged.
        ConversionError: the model has something that no C is generated for; it is named.
    """
    try:
        return _build(parse_graph(content))
    except UnsupportedOperator as error:
        raise not_generated(error.what) from error


def not_generated(what: str) -> ConversionError:
    """Make the error for a model that no C is generated for."""
    return ConversionError(
        f"no C is generated for {what}; expected an int8 model of one 28x28 digit, as "
        "mnist-edge convert --quantize int8 writes it"
    )


def _build(graph: Graph) -> Program:
    first, last = _ends(graph)
    table = _first_table(graph.tensors[first])
    channels = math.prod(graph.tensors[first].shape) // math.prod(DIGIT_SHAPE)
    layers: list[Layer] = []
    # The tensor that each tensor's values are in: reshaping moves nothing.
    home = {first: first}
    for operator in graph.operators:
        sources = [index for index in operator.inputs if index in home]
        if not sources or len(operator.outputs) != 1 or operator.outputs[0] in home:
            raise UnsupportedOperator(f"{operator.name} of {len(sources)} computed inputs")
        [target] = operator.outputs
        if operator.name == "RESHAPE" and len(sources) == 1:
            kernels.prepare_reshape(to_node(graph, operator, sources[0]))
            home[target] = home[sources[0]]
            continue
        home[target] = target
        kind = _kind(graph, operator, sources)
        if isinstance(kind, Lookup) and home[sources[0]] == first and not layers:
            # A function of one pixel is part of the table from pixels to values.
            table, first = _apply(kind, table), target
            home[target] = target
            continue
        layers.append(
            Layer(
                kind=kind,
                inputs=tuple(home[source] for source in sources),
                output=target,
                before=_size(kind, graph.tensors[sources[0]]),
                after=_image(graph.tensors[target]),
                operators=operator.name,
            )
        )
    if last not in home:
        raise UnsupportedOperator("an output that no operator is connected to")
    layers = list(_fuse_pooling(layers, home[last]))
    tensors = {first, *(layer.output for layer in layers)}
    return Program(
        pixels=table,
        channels=channels,
        input=first,
        output=home[last],
        output_dtype=graph.tensors[last].dtype,
        layers=tuple(layers),
        sizes={index: math.prod(graph.tensors[index].shape) for index in tensors},
    )


def _ends(graph: Graph) -> tuple[int, int]:
    """Check the model's input and output, and return their tensors."""
    if len(graph.inputs) != 1 or len(graph.outputs) != 1 or -1 in (*graph.inputs, *graph.outputs):
        raise UnsupportedOperator(f"{len(graph.inputs)} inputs and {len(graph.outputs)} outputs")
    [first], [last] = graph.inputs, graph.outputs
    taken, given = graph.tensors[first], graph.tensors[last]
    for tensor, end in ((taken, "input"), (given, "output")):
        if tensor.dtype not in ("int8", "uint8") or len(tensor.scales) != 1:
            raise UnsupportedOperator(f"an {end} of {tensor.dtype}")
    pixels = math.prod(DIGIT_SHAPE)
    if taken.shape not in ((1, *DIGIT_SHAPE), (1, pixels), *((1, *DIGIT_SHAPE, n) for n in (1, 3))):
        raise UnsupportedOperator(f"an input of shape {taken.shape}")
    if math.prod(given.shape) != CLASSES:
        raise UnsupportedOperator(f"an output of shape {given.shape}")
    return first, last


def _first_table(tensor: Tensor) -> NDArray[np.generic]:
    return quantization_table(
        TensorSpec(
            shape=tensor.shape,
            dtype=tensor.dtype,
            scale=tensor.scale,
            zero_point=tensor.zero_point,
        )
    )


def _apply(lookup: Lookup, values: NDArray[np.generic]) -> NDArray[np.generic]:
    result: NDArray[np.generic] = lookup.table[values.view(np.int8).astype(np.int64) + _LEVELS // 2]
    return result


def _image(tensor: Tensor) -> Image:
    """Return a tensor's size as an image; a row of values has one pixel with as many channels."""
    if len(tensor.shape) == 4:
        return (tensor.shape[1], tensor.shape[2], tensor.shape[3])
    *rows, depth = tensor.shape or (1,)
    return (1, math.prod(rows), depth)


def _size(kind: Kind, tensor: Tensor) -> Image:
    """Return the size of a layer's input; for a dense layer, all values are of one pixel."""
    image = _image(tensor)
    is_dense = isinstance(kind, Conv) and kind.weights.shape[3] != image[2]
    return (1, 1, math.prod(image)) if is_dense else image


def _kind(graph: Graph, operator: GraphOperator, sources: Sequence[int]) -> Kind:
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


def _fuse_pooling(layers: Sequence[Layer], last: int) -> Iterator[Layer]:
    """Let a convolution take the maximum of its outputs as it computes them.

    Its own output, four times as large for windows of 2x2, is then never stored. Windows that
    overlap would be computed more than once, and are left alone.
    """
    readers = [index for layer in layers for index in layer.inputs] + [last]
    position = 0
    while position < len(layers):
        layer = layers[position]
        after = layers[position + 1] if position + 1 < len(layers) else None
        if (
            isinstance(layer.kind, Conv)
            and after is not None
            and isinstance(after.kind, MaxPool)
            and after.inputs == (layer.output,)
            and readers.count(layer.output) == 1
            and max(layer.kind.bounds[0], after.kind.bounds[0])
            <= min(layer.kind.bounds[1], after.kind.bounds[1])
            and all(
                stride >= size
                for stride, size in zip(
                    after.kind.windows.strides, after.kind.windows.size, strict=True
                )
            )
        ):
            # Clipping a maximum clips every value: the bounds of both are those of the narrower.
            low = max(layer.kind.bounds[0], after.kind.bounds[0])
            high = min(layer.kind.bounds[1], after.kind.bounds[1])
            kind = replace(layer.kind, pool=after.kind.windows, bounds=(low, high))
            operators = f"{layer.operators} and {after.operators}"
            yield replace(
                layer, kind=kind, output=after.output, after=after.after, operators=operators
            )
            position += 2
            continue
        yield layer
        position += 1
