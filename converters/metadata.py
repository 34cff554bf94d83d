"""TFLite Metadata: what a model is and how to feed it, inside the ``.tflite`` itself.

Task libraries read it where they would read our manifest if they knew it: MediaPipe takes the
labels and the normalization from here. It is a flatbuffer of its own in one of the model's
buffers; the labels follow the model as an uncompressed zip archive, which a TFLite runtime takes
no notice of. The tables are those of ``mediapipe/tasks/metadata/metadata_schema.fbs``, written
without MediaPipe, which is no dependency. TensorFlow ships no code for that schema.
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
"""Name of the archived file with one label a line."""
_IDENTIFIER = b"M001"
_NO_DATE = (1980, 1, 1, 0, 0, 0)
"""The first date that a zip archive can hold: the same model gives the same bytes any day."""

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
"""Fields of each table in the schema's order, which is what a flatbuffer knows them by."""
_COLOR_SPACES = {"rgb": 1, "grayscale": 2}
_FEATURE_PROPERTIES, _IMAGE_PROPERTIES, _NORMALIZATION_OPTIONS, _TENSOR_AXIS_LABELS = 1, 2, 1, 2


@dataclass(frozen=True, kw_only=True)
class Metadata:
    """What the metadata says of a model with one picture in and one logit a label out.

    An empty text is left out.
    """

    name: str
    """Of the model."""
    description: str = ""
    """What it does, and on what."""
    author: str = ""
    """Who made it."""
    license: str = ""
    """Its terms, by SPDX name or in full."""
    labels: tuple[str, ...] = LABELS
    """What each output stands for; none holds a line break."""
    input_name: str = "image"
    """Of the input tensor."""
    input_description: str = ""
    """How a picture must look."""
    color_space: Literal["grayscale", "rgb"]
    """One channel or three."""
    mean: float = 0.0
    """Taken from each pixel 0..255; 0.0 where the graph eats raw pixels. By the convention a
    quantized model keeps its float original's: the tensor's own scale and zero point follow."""
    std: float = 1.0
    """What a pixel less ``mean`` is divided by; 1.0 where the graph eats raw pixels."""
    input_range: tuple[float, float]
    """Least and greatest input in the tensor's own type: ``(0, 255)`` for ``uint8`` and for raw
    pixels as ``float32``, ``(-128, 127)`` for ``int8``."""
    output_name: str = "logits"
    """Of the output tensor."""
    output_description: str = ""
    """What the outputs mean."""


def add_metadata(content: bytes, metadata: Metadata) -> bytes:
    """A model with its description inside.

    What it computes stays, and the same arguments give the same bytes.

    Args:
        content: the bytes of a ``.tflite`` file without such a description.
        metadata: what to say.

    Raises:
        InvalidModel: the bytes are no TFLite model, or it is described already.
        MissingDependency: the workstation extra is not installed.
    """
    model = parse_model(content)
    from tensorflow.lite.python.schema_py_generated import BufferT, MetadataT

    buffer, entry = BufferT(), MetadataT()
    buffer.data = np.frombuffer(_flatbuffer(metadata), np.uint8)
    entry.name, entry.buffer = METADATA_NAME, len(model.buffers)
    model.buffers = [*model.buffers, buffer]
    model.metadata = [*(model.metadata or []), entry]
    described = io.BytesIO(serialize_model(model))
    # Appending makes the archive's offsets count from the start of the whole file, where every
    # reader of such files looks for them.
    with zipfile.ZipFile(described, "a") as archive:
        archive.writestr(zipfile.ZipInfo(LABELS_FILE, _NO_DATE), "\n".join(metadata.labels))
    return described.getvalue()


def _flatbuffer(metadata: Metadata) -> bytes:
    """The description alone, as the model's buffer holds it."""
    least, greatest = metadata.input_range
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
        stats=_table("Stats", max=(greatest,), min=(least,)),
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
        min_parser_version="1.0.0",  # the schema says which field came when
    )
    builder = import_module("flatbuffers").Builder()  # it has no types
    builder.Finish(_write(builder, root), file_identifier=_IDENTIFIER)
    return bytes(builder.Output())


@dataclass(frozen=True)
class _Table:
    """A table to write: an integer is an enum's byte, a tuple a vector of floats."""

    kind: str
    fields: dict[str, _Value]


_Value: TypeAlias = "str | int | tuple[float, ...] | list[_Table] | _Table"


def _table(kind: str, **fields: _Value) -> _Table:
    return _Table(kind, {name: value for name, value in fields.items() if value != ""})


def _write(builder: Any, value: _Value) -> int:
    """Writes what a field refers to and gives its offset; an enum is held by the field itself."""
    if isinstance(value, int):
        return value
    if isinstance(value, str):
        return int(builder.CreateString(value))
    # What a table or a vector refers to must stand before it is begun.
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
