"""Check that whatever a TFLite file points to lies within it.

The TFLite runtimes follow the distances in a file without a check. A damaged one leads them to
memory of something else, which may or may not end the process: a trial proves nothing.
"""

from __future__ import annotations

from collections.abc import Iterable

from mnist_edge.errors import InvalidModel
from mnist_edge.runtimes.numpy_backend.flatbuffer import FlatbufferTable, damaged
from mnist_edge.runtimes.numpy_backend.tflite_schema import (
    BufferFields,
    Field,
    MetadataFields,
    ModelFields,
    OperatorCodeFields,
    OperatorFields,
    QuantizationFields,
    SignatureFields,
    SubGraphFields,
    TensorFields,
    TensorMapFields,
)

_OPERATOR = (OperatorFields.INPUTS, OperatorFields.OUTPUTS, OperatorFields.CUSTOM_OPTIONS)
_TENSOR = (TensorFields.SHAPE, TensorFields.NAME, TensorFields.SHAPE_SIGNATURE)
_QUANTIZATION = (
    QuantizationFields.MIN,
    QuantizationFields.MAX,
    QuantizationFields.SCALE,
    QuantizationFields.ZERO_POINT,
)


def require_within_bounds(content: bytes) -> None:
    """Check a file's operators, tensors, constants, signatures and metadata.

    Args:
        content: the bytes of a ``.tflite`` file.

    Raises:
        InvalidModel: one of them lies outside the file, or is of a tensor or buffer that the file
            does not have.
    """
    model = FlatbufferTable.root(content)
    buffers = model.tables(ModelFields.BUFFERS)
    for buffer in buffers:
        buffer.array(BufferFields.DATA)
    for code in model.tables(ModelFields.OPERATOR_CODES):
        code.array(OperatorCodeFields.CUSTOM_CODE)
    _check_descriptions(model, len(buffers))
    for graph in model.tables(ModelFields.SUBGRAPHS):
        _check_graph(graph, len(buffers))


def require_file_within_bounds(content: bytes, *, name: str) -> None:
    """Check as ``require_within_bounds`` does, and name the file in the error.

    Args:
        content: the bytes of a ``.tflite`` file.
        name: what its user calls it.

    Raises:
        InvalidModel: something lies outside the file.
    """
    try:
        require_within_bounds(content)
    except InvalidModel as error:
        raise InvalidModel(f"{name}: {error}") from error


def _check_descriptions(model: FlatbufferTable, buffers: int) -> None:
    """Check what the runtimes read when they load a file, whether or not anybody asks for it."""
    _read(model, (ModelFields.DESCRIPTION, ModelFields.METADATA_BUFFER))
    for metadata in model.tables(ModelFields.METADATA):
        metadata.array(MetadataFields.NAME)
        _require_index(metadata.scalar(MetadataFields.BUFFER), buffers, "buffer")
    for signature in model.tables(ModelFields.SIGNATURE_DEFS):
        signature.array(SignatureFields.KEY)
        signature.scalar(SignatureFields.SUBGRAPH_INDEX)
        for field in (SignatureFields.INPUTS, SignatureFields.OUTPUTS):
            for named in signature.tables(field):
                named.array(TensorMapFields.NAME)
                named.scalar(TensorMapFields.TENSOR)


def _check_graph(graph: FlatbufferTable, buffers: int) -> None:
    tensors = graph.tables(SubGraphFields.TENSORS)
    for tensor in tensors:
        _read(tensor, _TENSOR)
        _require_index(tensor.scalar(TensorFields.BUFFER), buffers, "buffer")
        if quantization := tensor.table(TensorFields.QUANTIZATION):
            _read(quantization, _QUANTIZATION)
    operators = graph.tables(SubGraphFields.OPERATORS)
    for operator in operators:
        _read(operator, _OPERATOR)
        if options := operator.table(OperatorFields.BUILTIN_OPTIONS):
            # Its vtable is looked up, whatever the operator.
            options.scalar(_ANY)
    ends = [(graph, SubGraphFields.INPUTS), (graph, SubGraphFields.OUTPUTS)]
    ends += [(one, field) for one in operators for field in _OPERATOR[:2]]
    for table, field in ends:
        for index in table.array(field).tolist():
            # -1 stands for an optional input that is left out.
            _require_index(max(index, 0), len(tensors), "tensor")


_ANY = Field(0, "b")


def _read(table: FlatbufferTable, fields: Iterable[Field]) -> None:
    for field in fields:
        table.array(field)


def _require_index(index: int, count: int, what: str) -> None:
    if index >= count:
        raise damaged(f"it refers to {what} {index} of {count}")
