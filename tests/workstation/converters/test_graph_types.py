"""Networks of other number types are converted as float32, without casts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from converters import conversion
from converters.conversion import Converted
from converters.operators import read_operators
from mnist_edge.data.mnist import Mnist
from tests.support import foreign_models
from tests.support.brought_models import convert
from tests.support.foreign_models import keras_3, save, without_warnings


def _dense(dtype: str) -> Any:
    keras = keras_3()
    return keras.Sequential(
        [
            keras.Input((28, 28)),
            keras.layers.Flatten(dtype=dtype),
            keras.layers.Dense(16, activation="relu", dtype=dtype),
            keras.layers.Dense(10, dtype=dtype),
            keras.layers.Softmax(dtype="float32"),
        ]
    )


@pytest.mark.slow
@pytest.mark.parametrize("saved", ["keras", "savedmodel"])
@pytest.mark.parametrize("dtype", ["mixed_float16", "mixed_bfloat16", "float64"])
def test_a_network_of_another_float_dtype_is_converted_as_float32(
    dtype: str, saved: str, few: Mnist, tmp_path: Path
) -> None:
    model = _dense(dtype)
    accuracy = foreign_models.train(keras_3(), model, few, "x/255", epochs=1)
    path = tmp_path / "model.keras"
    if saved == "keras":
        save(model, path)
    else:
        path = tmp_path / "saved"
        with without_warnings():
            model.export(path, verbose=False)
    prepared = conversion.prepare(path, few)
    assert prepared.scaling.name == "pixels/255"
    assert prepared.score.accuracy == pytest.approx(accuracy, abs=0.01)
    converted = convert(prepared, tmp_path)
    assert isinstance(converted, Converted), converted
    assert "CAST" not in {operator.name for operator in read_operators(converted.content)}


@pytest.mark.parametrize(
    ("dtype", "order"),
    [
        ("uint8", ("Rescaling", "Flatten")),
        pytest.param("int32", ("Rescaling", "Flatten"), marks=pytest.mark.slow),
        ("uint8", ("Flatten", "Rescaling")),
    ],
)
def test_a_network_of_integer_input_is_converted_without_casts(
    dtype: str, order: tuple[str, ...], few: Mnist, tmp_path: Path
) -> None:
    keras = keras_3()
    layers = {
        "Rescaling": keras.layers.Rescaling(1 / 255),
        # Values that are moved only are no longer integers either.
        "Flatten": keras.layers.Flatten(dtype=dtype if order[0] == "Flatten" else None),
    }
    values = entry = keras.Input((28, 28), dtype=dtype)
    for name in order:
        values = layers[name](values)
    model = keras.Model(entry, keras.layers.Dense(10, activation="softmax")(values))
    foreign_models.train(keras, model, few, "x", epochs=1)
    prepared = conversion.prepare(save(model, tmp_path / "bytes.keras"), few)
    assert prepared.scaling.name == "pixels"
    # No scaling to fractions was tried: the input cannot hold them.
    assert "next inverted," in prepared.findings[0]
    converted = convert(prepared, tmp_path)
    assert isinstance(converted, Converted), converted
    assert "CAST" not in {operator.name for operator in read_operators(converted.content)}
