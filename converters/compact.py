"""A ``.tflite`` of fewer bytes that computes the same, bit for bit.

TensorFlow names every tensor after all the layers that it was fused from, and stores a scale, zero
point or shape anew for each tensor that has it. No runtime needs either: of the 19,696 bytes that
it makes of ``nano`` in int8, 4,464.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mnist_edge.errors import InvalidModel
from mnist_edge.modelstore.loading import TFLITE_IDENTIFIER, is_tflite
from mnist_edge.training.frameworks import import_tensorflow

METADATA_NAME = b"TFLITE_METADATA"
"""Name of the entry that refers to a model's TFLite Metadata."""
_ALIGNMENT = 16
"""Bytes that data begins at a multiple of: ``force_align`` in ``Buffer`` of TFLite's schema."""


def compact(content: bytes) -> bytes:
    """A model without names of inner tensors, and with equal numbers stored once.

    The names of a graph's inputs and outputs and of a signature's tensors stay. Slimming what is
    slim gives the same bytes.

    Args:
        content: the bytes of a ``.tflite`` file without TFLite Metadata.

    Raises:
        InvalidModel: the bytes are no TFLite model, or it has TFLite Metadata.
        MissingDependency: the workstation extra is not installed.
    """
    model = parse_model(content)
    for place, graph in enumerate(model.subgraphs):
        named = {*graph.inputs, *graph.outputs, *_of_signatures(model, place)}
        for index, tensor in enumerate(graph.tensors):
            if index not in named:
                tensor.name = b""
    return serialize_model(model)


def _of_signatures(model: Any, place: int) -> set[int]:
    """Tensors of one graph that a signature calls by name."""
    signatures = [one for one in model.signatureDefs or [] if one.subgraphIndex == place]
    return {end.tensorIndex for one in signatures for end in [*one.inputs, *one.outputs]}


def parse_model(content: bytes) -> Any:
    """A model as TensorFlow's ``ModelT``, to be changed and packed again.

    Args:
        content: the bytes of a ``.tflite`` file without TFLite Metadata. The files that go with
            such lie behind the model, which ``pack`` would write without them.

    Raises:
        InvalidModel: the bytes are no TFLite model, or it has TFLite Metadata.
        MissingDependency: the workstation extra is not installed.
    """
    import_tensorflow()
    from tensorflow.lite.tools import flatbuffer_utils

    if not is_tflite(content):
        raise InvalidModel("the bytes are no TFLite model; convert the model again")
    model = flatbuffer_utils.convert_bytearray_to_object(bytearray(content))
    if any(entry.name == METADATA_NAME for entry in model.metadata or []):
        raise InvalidModel("the model has TFLite Metadata already; convert the model again")
    return model


def serialize_model(model: Any) -> bytes:
    """The bytes of a ``ModelT``: equal vectors are written once, and data is aligned.

    TensorFlow's own writer in Python neither shares nor aligns.
    """
    builder = _SharingBuilder(import_module("flatbuffers").Builder())  # it has no types
    builder.Finish(model.Pack(builder), file_identifier=TFLITE_IDENTIFIER)
    return bytes(builder.Output())


class _SharingBuilder:
    """A flatbuffers ``Builder`` that refers to a vector or string again rather than repeat it.

    A table holds the distance to a vector, and nothing says that another may not lead there too.
    """

    def __init__(self, builder: Any) -> None:
        self._builder = builder
        self._written: dict[tuple[str, bytes], int] = {}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._builder, name)

    def CreateNumpyVector(self, vector: NDArray[Any]) -> int:  # noqa: N802  # the Builder's name
        """Where a vector of numbers is written."""
        key = (vector.dtype.str, vector.tobytes())
        if key not in self._written:
            # Weights of every type are bytes here.
            if vector.dtype == np.uint8:
                self._builder.Prep(_ALIGNMENT, len(vector))
            self._written[key] = self._builder.CreateNumpyVector(vector)
        return self._written[key]

    def CreateString(self, text: str | bytes) -> int:  # noqa: N802  # the Builder's name
        """Where a string is written."""
        key = ("string", text if isinstance(text, bytes) else text.encode())
        if key not in self._written:
            self._written[key] = self._builder.CreateString(text)
        return self._written[key]
