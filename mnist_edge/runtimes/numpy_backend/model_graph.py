"""A TFLite file as the operators and tensors in it.

The tables and the order of their fields are those of the schema
(tensorflow/compiler/mlir/lite/schema/schema.fbs).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mnist_edge.errors import InvalidModel
from mnist_edge.modelstore.loading import is_tflite
from mnist_edge.runtimes.numpy_backend.flatbuffer import FlatbufferTable

_MOST_VALUES = 1 << 24
"""Values in one tensor, beyond which a file is taken for damaged; the largest tensor of ``nano``
has 5,760."""

_DTYPES = {
    0: "float32",
    1: "float16",
    2: "int32",
    3: "uint8",
    4: "int64",
    6: "bool",
    7: "int16",
    9: "int8",
    10: "float64",
}
"""Types of tensors by their number in the schema, by numpy's names."""
_MOST_DIMENSIONS = 8
_CUSTOM = 32
"""The operator that is known by a name of its own."""
_OPERATORS = {
    0: "ADD",
    1: "AVERAGE_POOL_2D",
    2: "CONCATENATION",
    3: "CONV_2D",
    4: "DEPTHWISE_CONV_2D",
    6: "DEQUANTIZE",
    9: "FULLY_CONNECTED",
    11: "L2_NORMALIZATION",
    14: "LOGISTIC",
    17: "MAX_POOL_2D",
    18: "MUL",
    22: "RESHAPE",
    25: "SOFTMAX",
    39: "TRANSPOSE",
    40: "MEAN",
    114: "QUANTIZE",
}
"""Operators by their number in the schema: those that are run, and others that are met."""


@dataclass(frozen=True, kw_only=True)
class Tensor:
    """What a file says of a tensor."""

    shape: tuple[int, ...]
    """Dimensions, all at least 1."""
    dtype: str
    """numpy's name of the type."""
    scales: NDArray[np.float32]
    """Real value of one step: one, or one a channel; none where it holds real values itself."""
    zero_points: NDArray[np.int64]
    """The integer that stands for 0.0, as many as scales."""
    axis: int
    """The dimension that has a scale each, where there are several."""
    data: NDArray[Any] | None = field(repr=False)
    """The values of a constant, of this shape."""

    @property
    def scale(self) -> float:
        """The one scale; 0.0 where there is none, or one a channel."""
        return float(self.scales[0]) if len(self.scales) == 1 else 0.0

    @property
    def zero_point(self) -> int:
        """The one zero point; 0 where there is none."""
        return int(self.zero_points[0]) if len(self.zero_points) == 1 else 0


@dataclass(frozen=True, kw_only=True)
class GraphOperator:
    """One step of a model."""

    name: str
    """The schema's name for it."""
    version: int
    """Of its definition, from 1; a runtime that knows an older one refuses the file."""
    inputs: tuple[int, ...]
    """Positions of the tensors that it takes; -1 for an optional one that is left out."""
    outputs: tuple[int, ...]
    """Positions of the tensors that it makes."""
    options: FlatbufferTable
    """Its settings, by the schema's table for it."""


@dataclass(frozen=True, kw_only=True)
class Graph:
    """A model."""

    tensors: tuple[Tensor, ...]
    operators: tuple[GraphOperator, ...]
    """In the order that they run in."""
    inputs: tuple[int, ...]
    """Positions of the tensors that the model takes."""
    outputs: tuple[int, ...]
    """Positions of the tensors that the model gives."""


def parse_graph(content: bytes) -> Graph:
    """Reads a model.

    Args:
        content: the bytes of a ``.tflite`` file.

    Raises:
        InvalidModel: the bytes are damaged.
    """
    if not is_tflite(content):
        raise InvalidModel(
            f"the model is damaged: it does not begin as a TFLite file ({len(content)} bytes); "
            "copy the file again, or convert it again with: mnist-edge convert"
        )
    model = FlatbufferTable.root(content)
    codes = [(_name(code), code.scalar(2, "i", 1)) for code in model.tables(1)]
    subgraphs = model.tables(2)
    if len(subgraphs) != 1:
        raise _damaged(f"it has {len(subgraphs)} graphs, expected 1")
    buffers = model.tables(4)
    tensors = tuple(_tensor(table, buffers) for table in subgraphs[0].tables(0))
    inputs, outputs = (_positions(subgraphs[0], end, len(tensors)) for end in (1, 2))
    operators = tuple(_operator(table, codes, len(tensors)) for table in subgraphs[0].tables(3))
    return Graph(tensors=tensors, operators=operators, inputs=inputs, outputs=outputs)


def _name(code: FlatbufferTable) -> str:
    # Old files have the number in a byte, new ones in a field of its own as well.
    number = max(code.scalar(0, "b"), code.scalar(3, "i"))
    if number == _CUSTOM:
        return code.array(1, "u1", most=100).tobytes().decode(errors="replace") or "CUSTOM"
    return _OPERATORS.get(number, f"operator {number}")


def _tensor(table: FlatbufferTable, buffers: list[FlatbufferTable]) -> Tensor:
    shape = tuple(table.array(0, "<i4", most=_MOST_DIMENSIONS).tolist())
    kind, buffer = table.scalar(1, "b"), table.scalar(2, "I")
    if kind not in _DTYPES:
        raise _damaged(f"a tensor is of type {kind}")
    if min(shape, default=1) < 1 or math.prod(shape) > _MOST_VALUES:
        raise _damaged(f"a tensor is of shape {shape}")
    if buffer >= len(buffers):
        raise _damaged(f"a tensor is in buffer {buffer} of {len(buffers)}")
    scales, zero_points = np.empty(0, np.float32), np.empty(0, np.int64)
    axis, quantization = 0, table.table(4)
    if quantization is not None:
        scales, zero_points = quantization.array(2, "<f4"), quantization.array(3, "<i8")
        axis = quantization.scalar(6, "i")
        if not len(zero_points):
            zero_points = np.zeros(len(scales), np.int64)
    if len(scales) != len(zero_points) or not (np.isfinite(scales) & (scales > 0)).all():
        raise _damaged(f"a tensor has {len(scales)} scales and {len(zero_points)} zero points")
    limits = np.iinfo(_DTYPES[kind] if "int" in _DTYPES[kind] else np.int32)
    if len(scales) and not limits.min <= zero_points.min() <= zero_points.max() <= limits.max:
        raise _damaged(f"a tensor of {_DTYPES[kind]} has a zero point beyond its type")
    return Tensor(
        shape=shape,
        dtype=_DTYPES[kind],
        scales=scales,
        zero_points=zero_points,
        axis=axis,
        data=_constant(buffers[buffer], np.dtype(_DTYPES[kind]), shape),
    )


def _constant(
    buffer: FlatbufferTable, dtype: np.dtype[Any], shape: tuple[int, ...]
) -> NDArray[Any] | None:
    data = buffer.array(0, "u1")
    if not len(data):
        return None
    if len(data) != math.prod(shape) * dtype.itemsize:
        raise _damaged(f"a tensor of shape {shape} has {len(data)} bytes")
    return data.view(dtype.newbyteorder("<")).reshape(shape)


def _operator(table: FlatbufferTable, codes: list[tuple[str, int]], tensors: int) -> GraphOperator:
    code = table.scalar(0, "I")
    if code >= len(codes):
        raise _damaged(f"an operator is of kind {code} of {len(codes)}")
    name, version = codes[code]
    return GraphOperator(
        name=name,
        version=version,
        inputs=_positions(table, 1, tensors),
        outputs=_positions(table, 2, tensors),
        # Without settings of its own an operator has the schema's defaults: a table of no fields.
        options=table.table(4) or FlatbufferTable(_NO_FIELDS, 4),
    )


_NO_FIELDS = b"\4\0\4\0\4\0\0\0"
"""A vtable of no fields, and at byte 4 a table of it."""


def _positions(table: FlatbufferTable, field: int, tensors: int) -> tuple[int, ...]:
    positions: list[int] = table.array(field, "<i4", most=100).tolist()
    if any(not -1 <= position < tensors for position in positions):
        raise _damaged(f"tensors {positions[:4]} are meant where there are {tensors}")
    return tuple(positions)


def _damaged(found: str) -> InvalidModel:
    return InvalidModel(
        f"the model is damaged: {found}; copy the file again, or convert it again with: "
        "mnist-edge convert"
    )
