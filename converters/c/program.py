"""From the graph of an int8 model to the sequence of layers that C runs."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from converters.c.layers import Conv, Kind, Lookup, MaxPool, make_layer
from mnist_edge import CLASSES, DIGIT_SHAPE
from mnist_edge.errors import ConversionError
from mnist_edge.modelstore.manifest import TensorSpec
from mnist_edge.runtimes.interpreter import quantization_table
from mnist_edge.runtimes.numpy_backend import kernels
from mnist_edge.runtimes.numpy_backend.executor import to_node
from mnist_edge.runtimes.numpy_backend.model_graph import Graph, Tensor, parse_graph
from mnist_edge.runtimes.numpy_backend.node import UnsupportedOperator

Image: TypeAlias = tuple[int, int, int]
"""Height, width and channels."""
_ZERO = 128
"""Place of the integer 0 in the table of a layer."""


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
        kind = make_layer(graph, operator, sources)
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
    result: NDArray[np.generic] = lookup.table[values.view(np.int8).astype(np.int64) + _ZERO]
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
