"""Write TFLite Metadata: a description of a model and its input inside the ``.tflite`` itself.

Task libraries read it as this project reads its manifest: MediaPipe takes the labels and the
normalization from it. It is a flatbuffer of its own in one of the model's buffers; the labels
follow the model as an uncompressed zip archive, which TFLite runtimes ignore. The tables are those
of ``mediapipe/tasks/metadata/metadata_schema.fbs``, written here because MediaPipe is not a
dependency and TensorFlow ships no code for that schema.
"""

from __future__ import annotations

import io
import zipfile
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Literal, TypeAlias

import numpy as np

from converters.compact import METADATA_NAME, parse_model, serialize_model
from mnist_edge.modelstore.manifest import LABELS

LABELS_FILE = "labels.txt"
"""Name of the archived file with one label per line."""
_IDENTIFIER = b"M001"
_NO_DATE = (1980, 1, 1, 0, 0, 0)
"""The earliest date of the zip format: a fixed date keeps the bytes reproducible."""

_FIELDS = {
    "ModelMetadata": (
        *("name", "description", "version", "subgraph_metadata", "author", "license"),
        *("associated_files", "min_parser_version"),
    ),
    "SubGraphMetadata": ("name", "description", "input_tensor_metadata", "output_tensor_metadata"),
    "TensorMetadata": (
        *("name", "description", "dimension_names", "content", "process_units", "stats"),
        *("associated_files",),
    ),
    "Content": ("content_properties_type", "content_properties", "range"),
    "FeatureProperties": (),
    "ImageProperties": ("color_space", "default_size"),
    "ProcessUnit": ("options_type", "options"),
    "NormalizationOptions": ("mean", "std"),
    "Stats": ("max", "min"),
    "AssociatedFile": ("name", "description", "type", "locale", "version"),
}
"""Fields of each table in the schema's order, by which a flatbuffer identifies them."""
_COLOR_SPACES = {"rgb": 1, "grayscale": 2}
_FEATURE_PROPERTIES, _IMAGE_PROPERTIES, _NORMALIZATION_OPTIONS, _TENSOR_AXIS_LABELS = 1, 2, 1, 2


@dataclass(frozen=True, kw_only=True)
class Metadata:
    """Metadata of a model with one input picture and one logit per label; empty text is omitted."""

    name: str
    """Name of the model."""
    description: str = ""
    """What the model does."""
    author: str = ""
    """Author of the model."""
    license: str = ""
    """License of the model, as an SPDX identifier or in full."""
    labels: tuple[str, ...] = LABELS
    """Label of each output, without line breaks."""
    input_name: str = "image"
    """Name of the input tensor."""
    input_description: str = ""
    """Description of the expected picture."""
    color_space: Literal["grayscale", "rgb"]
    """Color space: one channel or three."""
    mean: float = 0.0
    """Subtracted from each pixel 0..255; 0.0 if the model takes raw pixels. By convention a
    quantized model has that of its float original; its scale and zero point apply afterwards."""
    std: float = 1.0
    """Divisor of a pixel after subtracting ``mean``; 1.0 if the model takes raw pixels."""
    input_range: tuple[float, float]
    """Minimum and maximum input in the tensor's own type: ``(0, 255)`` for ``uint8`` and for raw
    pixels as ``float32``, ``(-128, 127)`` for ``int8``."""
    output_name: str = "logits"
    """Name of the output tensor."""
    output_description: str = ""
    """Description of the outputs."""


def add_metadata(content: bytes, metadata: Metadata) -> bytes:
    """Add metadata to a model, reproducibly and without changing what it computes.

    Args:
        content: the bytes of a ``.tflite`` file without metadata.
        metadata: the metadata to add.

    Raises:
        InvalidModel: the bytes are not a TFLite model, or it has metadata already.
        MissingDependency: the workstation extra is not installed.
    """
    model = parse_model(content)
    from tensorflow.lite.python.schema_py_generated import BufferT, MetadataT

    buffer, entry = BufferT(), MetadataT()
    buffer.data = np.frombuffer(_flatbuffer(metadata), np.uint8)
    entry.name, entry.buffer = METADATA_NAME, len(model.buffers)
    model.buffers = [*model.buffers, buffer]
    model.metadata = [*(model.metadata or []), entry]
    result = io.BytesIO(serialize_model(model))
    # In append mode the archive's offsets count from the start of the whole file, as every reader
    # of such files expects.
    with zipfile.ZipFile(result, "a") as archive:
        archive.writestr(zipfile.ZipInfo(LABELS_FILE, _NO_DATE), "\n".join(metadata.labels))
    return result.getvalue()


def _flatbuffer(metadata: Metadata) -> bytes:
    """Serialize the metadata alone, for the model's buffer."""
    minimum, maximum = metadata.input_range
    picture = _table(
        "TensorMetadata",
        name=metadata.input_name,
        description=metadata.input_description,
        content=_table(
            "Content",
            content_properties_type=_IMAGE_PROPERTIES,
            content_properties=_table(
                "ImageProperties", color_space=_COLOR_SPACES[metadata.color_space]
            ),
        ),
        process_units=[
            _table(
                "ProcessUnit",
                options_type=_NORMALIZATION_OPTIONS,
                options=_table("NormalizationOptions", mean=(metadata.mean,), std=(metadata.std,)),
            )
        ],
        stats=_table("Stats", max=(maximum,), min=(minimum,)),
    )
    logits = _table(
        "TensorMetadata",
        name=metadata.output_name,
        description=metadata.output_description,
        content=_table(
            "Content",
            content_properties_type=_FEATURE_PROPERTIES,
            content_properties=_table("FeatureProperties"),
        ),
        associated_files=[_table("AssociatedFile", name=LABELS_FILE, type=_TENSOR_AXIS_LABELS)],
    )
    root = _table(
        "ModelMetadata",
        name=metadata.name,
        description=metadata.description,
        author=metadata.author,
        license=metadata.license,
        subgraph_metadata=[
            _table(
                "SubGraphMetadata",
                input_tensor_metadata=[picture],
                output_tensor_metadata=[logits],
            )
        ],
        min_parser_version="1.0.0",  # the oldest version of the schema with all these fields
    )
    builder = import_module("flatbuffers").Builder()  # untyped
    builder.Finish(_write(builder, root), file_identifier=_IDENTIFIER)
    return bytes(builder.Output())


@dataclass(frozen=True)
class _Table:
    """A table to write; an integer field is an enum's byte, a tuple a vector of floats."""

    kind: str
    fields: dict[str, _Value]


_Value: TypeAlias = "str | int | tuple[float, ...] | list[_Table] | _Table"


def _table(kind: str, **fields: _Value) -> _Table:
    return _Table(kind, {name: value for name, value in fields.items() if value != ""})


def _write(builder: Any, value: _Value) -> int:
    """Write the value that a field refers to and return its offset, or an enum's value itself."""
    if isinstance(value, int):
        return value
    if isinstance(value, str):
        return int(builder.CreateString(value))
    # Referenced values must be written before the table or vector that refers to them.
    if isinstance(value, _Table):
        order = _FIELDS[value.kind]
        written = [(name, field, _write(builder, field)) for name, field in value.fields.items()]
        builder.StartObject(len(order))
        for name, field, entry in written:
            is_enum = isinstance(field, int)
            add = builder.PrependUint8Slot if is_enum else builder.PrependUOffsetTRelativeSlot
            add(order.index(name), entry, 0)
        return int(builder.EndObject())
    entries = value if isinstance(value, tuple) else [_write(builder, table) for table in value]
    is_tables = isinstance(value, list)
    add = builder.PrependUOffsetTRelative if is_tables else builder.PrependFloat32
    builder.StartVector(4, len(entries), 4)
    for element in reversed(entries):
        add(element)
    return int(builder.EndVector())
