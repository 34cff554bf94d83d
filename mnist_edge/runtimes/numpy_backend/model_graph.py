"""Parse a TFLite file into its operators and tensors."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mnist_edge.modelstore.loading import is_tflite
from mnist_edge.runtimes.numpy_backend.flatbuffer import EMPTY_TABLE, FlatbufferTable, damaged
from mnist_edge.runtimes.numpy_backend.tflite_schema import (
    CUSTOM_OPERATOR,
    DTYPES,
    OPERATORS,
    BufferFields,
    Field,
    ModelFields,
    OperatorCodeFields,
    OperatorFields,
    QuantizationFields,
    SubGraphFields,
    TensorFields,
)

_MAX_VALUES = 1 << 24
"""Values in a tensor beyond which a file counts as damaged; the largest of ``nano`` has 5,760."""
_MAX_DIMENSIONS = 8
_MAX_TENSORS = 100
"""Inputs or outputs of an operator beyond which a file counts as damaged."""
_MAX_NAME = 100
"""Bytes in an operator's name beyond which a file counts as damaged."""


@dataclass(frozen=True, kw_only=True)
class Tensor:
    """A tensor as the file describes it."""

    shape: tuple[int, ...]
    """Dimensions, each at least 1."""
    dtype: str
    """numpy's name of the type."""
    scales: NDArray[np.float32]
    """Real value of one step: one scale, or one per channel; none if it holds real values."""
    zero_points: NDArray[np.int64]
    """The integers that stand for 0.0, as many as scales."""
    axis: int
    """The dimension of the channels, if there are several scales."""
    data: NDArray[Any] | None = field(repr=False)
    """The values of a constant, in this shape; None for a tensor that is computed."""

    @property
    def scale(self) -> float:
        """The single scale; 0.0 if there is none, or one per channel."""
        return float(self.scales[0]) if len(self.scales) == 1 else 0.0

    @property
    def zero_point(self) -> int:
        """The single zero point; 0 if there is none, or one per channel."""
        return int(self.zero_points[0]) if len(self.zero_points) == 1 else 0


@dataclass(frozen=True, kw_only=True)
class GraphOperator:
    """One step of a model."""

    name: str
    """The schema's name of it."""
    version: int
    """Version of its definition, from 1; a runtime refuses a version newer than it knows."""
    inputs: tuple[int, ...]
    """Indices of its input tensors; -1 for an optional one that is left out."""
    outputs: tuple[int, ...]
    """Indices of its output tensors."""
    options: FlatbufferTable
    """Its options, in the schema's table for it."""


@dataclass(frozen=True, kw_only=True)
class Graph:
    """A model."""

    tensors: tuple[Tensor, ...]
    operators: tuple[GraphOperator, ...]
    """In the order in which they run."""
    inputs: tuple[int, ...]
    """Indices of the model's input tensors."""
    outputs: tuple[int, ...]
    """Indices of the model's output tensors."""


def parse_graph(content: bytes) -> Graph:
    """Parse a model file.

    Args:
        content: the bytes of a ``.tflite`` file.

    Raises:
        InvalidModel: the bytes are damaged.
    """
    if not is_tflite(content):
        raise damaged(f"it does not begin as a TFLite file ({len(content)} bytes)")
    model = FlatbufferTable.root(content)
    codes = [
        (_operator_name(code), code.scalar(OperatorCodeFields.VERSION))
        for code in model.tables(ModelFields.OPERATOR_CODES)
    ]
    subgraphs = model.tables(ModelFields.SUBGRAPHS)
    if not subgraphs:
        raise damaged("it has no graph")
    # As in TFLite, the first one runs; another one is called by an operator or a signature.
    subgraph = subgraphs[0]
    buffers = model.tables(ModelFields.BUFFERS)
    tensors = tuple(_tensor(table, buffers) for table in subgraph.tables(SubGraphFields.TENSORS))
    return Graph(
        tensors=tensors,
        operators=tuple(
            _operator(table, codes, len(tensors))
            for table in subgraph.tables(SubGraphFields.OPERATORS)
        ),
        inputs=_indices(subgraph, SubGraphFields.INPUTS, len(tensors)),
        outputs=_indices(subgraph, SubGraphFields.OUTPUTS, len(tensors)),
    )


def _operator_name(code: FlatbufferTable) -> str:
    # Old files have the number in a byte, new ones also in a field of its own.
    number = max(
        code.scalar(OperatorCodeFields.DEPRECATED_BUILTIN_CODE),
        code.scalar(OperatorCodeFields.BUILTIN_CODE),
    )
    if number == CUSTOM_OPERATOR:
        name = code.array(OperatorCodeFields.CUSTOM_CODE, max_items=_MAX_NAME).tobytes()
        return name.decode(errors="replace") or "CUSTOM"
    return OPERATORS.get(number, f"operator {number}")


def _tensor(table: FlatbufferTable, buffers: list[FlatbufferTable]) -> Tensor:
    shape = tuple(table.array(TensorFields.SHAPE, max_items=_MAX_DIMENSIONS).tolist())
    kind, buffer = table.scalar(TensorFields.TYPE), table.scalar(TensorFields.BUFFER)
    if kind not in DTYPES:
        raise damaged(f"a tensor is of type {kind}")
    if min(shape, default=1) < 1 or math.prod(shape) > _MAX_VALUES:
        raise damaged(f"a tensor is of shape {shape}")
    if buffer >= len(buffers):
        raise damaged(f"a tensor is in buffer {buffer} of {len(buffers)}")
    scales, zero_points = np.empty(0, np.float32), np.empty(0, np.int64)
    axis, quantization = 0, table.table(TensorFields.QUANTIZATION)
    if quantization is not None:
        scales = quantization.array(QuantizationFields.SCALE)
        zero_points = quantization.array(QuantizationFields.ZERO_POINT)
        axis = quantization.scalar(QuantizationFields.QUANTIZED_DIMENSION)
        if not len(zero_points):
            zero_points = np.zeros(len(scales), np.int64)
    if len(scales) != len(zero_points) or not (np.isfinite(scales) & (scales > 0)).all():
        raise damaged(f"a tensor has {len(scales)} scales and {len(zero_points)} zero points")
    limits = np.iinfo(DTYPES[kind] if "int" in DTYPES[kind] else np.int32)
    if len(scales) and not limits.min <= zero_points.min() <= zero_points.max() <= limits.max:
        raise damaged(f"a tensor of {DTYPES[kind]} has a zero point outside its type's range")
    return Tensor(
        shape=shape,
        dtype=DTYPES[kind],
        scales=scales,
        zero_points=zero_points,
        axis=axis,
        data=_constant(buffers[buffer], np.dtype(DTYPES[kind]), shape),
    )


def _constant(
    buffer: FlatbufferTable, dtype: np.dtype[Any], shape: tuple[int, ...]
) -> NDArray[Any] | None:
    data = buffer.array(BufferFields.DATA)
    if not len(data):
        return None
    if len(data) != math.prod(shape) * dtype.itemsize:
        raise damaged(f"a tensor of shape {shape} has {len(data)} bytes")
    return data.view(dtype.newbyteorder("<")).reshape(shape)


def _operator(
    table: FlatbufferTable, codes: list[tuple[str, int]], tensor_count: int
) -> GraphOperator:
    code = table.scalar(OperatorFields.OPCODE_INDEX)
    if code >= len(codes):
        raise damaged(f"an operator is of kind {code} of {len(codes)}")
    name, version = codes[code]
    return GraphOperator(
        name=name,
        version=version,
        inputs=_indices(table, OperatorFields.INPUTS, tensor_count),
        outputs=_indices(table, OperatorFields.OUTPUTS, tensor_count),
        options=table.table(OperatorFields.BUILTIN_OPTIONS) or EMPTY_TABLE,
    )


def _indices(table: FlatbufferTable, indices: Field, tensor_count: int) -> tuple[int, ...]:
    found: list[int] = table.array(indices, max_items=_MAX_TENSORS).tolist()
    if any(not -1 <= index < tensor_count for index in found):
        raise damaged(f"it refers to tensors {found[:4]}, but has {tensor_count}")
    return tuple(found)
