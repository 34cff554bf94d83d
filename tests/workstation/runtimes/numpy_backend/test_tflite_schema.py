"""The positions of the schema's fields, against TensorFlow's own writer of each table."""

from __future__ import annotations

from typing import Any

import pytest

from mnist_edge.runtimes.numpy_backend import tflite_schema
from mnist_edge.runtimes.numpy_backend.flatbuffer import FlatbufferTable
from mnist_edge.runtimes.numpy_backend.tflite_schema import Field

OPTIONS = (
    "Conv2DOptions",
    "DepthwiseConv2DOptions",
    "Pool2DOptions",
    "FullyConnectedOptions",
    "MulOptions",
    "AddOptions",
    "ReducerOptions",
    "SoftmaxOptions",
)
SPELLED = {
    "activation": "fusedActivationFunction",
    "dilationW": "dilationWFactor",
    "dilationH": "dilationHFactor",
    "filterW": "filterWidth",
    "filterH": "filterHeight",
}
"""The schema's names, where ours are shorter."""


def schema_name(ours: str) -> str:
    first, *rest = ours.lower().split("_")
    name = first + "".join(word.capitalize() for word in rest)
    return SPELLED.get(name, name)


@pytest.mark.parametrize("table", OPTIONS)
def test_every_option_is_read_where_tensorflow_writes_it(table: str) -> None:
    import flatbuffers
    from tensorflow.lite.python import schema_py_generated

    fields = {
        name: field
        for name, field in vars(getattr(tflite_schema, table)).items()
        if isinstance(field, Field)
    }
    written: Any = getattr(schema_py_generated, f"{table}T")()
    values = {name: 1 + index for index, name in enumerate(fields)}
    for name, value in values.items():
        assert hasattr(written, schema_name(name))
        setattr(written, schema_name(name), value)
    builder = flatbuffers.Builder(0)
    builder.Finish(written.Pack(builder))
    read = FlatbufferTable.root(bytes(builder.Output()))
    assert {name: read.scalar(field) for name, field in fields.items()} == values


@pytest.mark.parametrize("table", OPTIONS)
def test_an_option_that_is_left_out_has_the_schemas_default(table: str) -> None:
    import flatbuffers
    from tensorflow.lite.python import schema_py_generated

    default: Any = getattr(schema_py_generated, f"{table}T")()
    builder = flatbuffers.Builder(0)
    builder.Finish(default.Pack(builder))
    read = FlatbufferTable.root(bytes(builder.Output()))
    for name, field in vars(getattr(tflite_schema, table)).items():
        if isinstance(field, Field):
            assert read.scalar(field) == getattr(default, schema_name(name))


@pytest.mark.parametrize(
    ("ours", "theirs"), [("Padding", "Padding"), ("Activation", "ActivationFunctionType")]
)
def test_the_enumerations_have_the_schemas_numbers(ours: str, theirs: str) -> None:
    from tensorflow.lite.python import schema_py_generated

    numbers = vars(getattr(schema_py_generated, theirs))
    for member in getattr(tflite_schema, ours):
        assert numbers[member.name] == member.value
