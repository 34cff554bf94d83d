"""How the scaling and orientation of a network's input are inferred."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from converters import conversion
from converters.conversion import Converted
from mnist_edge.data.mnist import Mnist
from mnist_edge.runtimes.sandbox import run_sandboxed
from tests.support import foreign_models
from tests.support.brought_models import convert
from tests.support.foreign_models import dense_net, keras_3, save


@pytest.mark.slow
def test_a_network_of_transposed_digits_is_detected_and_converted_upright(
    few: Mnist, tmp_path: Path
) -> None:
    turned = replace(
        few,
        train=replace(few.train, images=few.train.images.transpose(0, 2, 1)),
        validation=replace(few.validation, images=few.validation.images.transpose(0, 2, 1)),
    )
    keras, model = keras_3(), dense_net(keras_3())
    accuracy = foreign_models.train(keras, model, turned, "x/255")
    prepared = conversion.prepare(save(model, tmp_path / "emnist.keras"), few)
    assert prepared.scaling.name == "pixels/255-transposed"
    assert "transposed digits, as EMNIST" in prepared.findings[1]
    assert prepared.score.accuracy == pytest.approx(accuracy, abs=0.01)
    requested = conversion.prepare(tmp_path / "emnist.keras", few, pixels="pixels/255")
    assert requested.findings[-1].endswith("; it reads more with --pixels pixels/255-transposed")
    converted = convert(prepared, tmp_path)
    assert isinstance(converted, Converted), converted
    assert converted.manifest.reading == "pixels/255-transposed"
    run = run_sandboxed(converted.content, few.validation.images, name="emnist")
    read = (run.logits.argmax(axis=1) == few.validation.labels).mean()
    assert read == pytest.approx(accuracy, abs=0.02)


@pytest.mark.slow
@pytest.mark.parametrize("reading", ["x/255", pytest.param("x/127.5-1", marks=pytest.mark.slow)])
def test_linear_outputs_are_ranked_by_squared_error(
    reading: str, few: Mnist, tmp_path: Path
) -> None:
    keras = keras_3()
    model = keras.Sequential(
        [
            keras.Input((28, 28)),
            keras.layers.Flatten(),
            keras.layers.Dense(32, activation="relu"),
            keras.layers.Dense(10),
        ]
    )
    model.compile(keras.optimizers.Adam(1e-3), "mse")
    values = foreign_models.READINGS[reading](few.train.images).astype(np.float32)
    model.fit(values, np.eye(10)[few.train.labels], epochs=4, verbose=0)
    prepared = conversion.prepare(save(model, tmp_path / "linear.keras"), few)
    assert prepared.scaling.name == {"x/255": "pixels/255", "x/127.5-1": "pixels/127.5-1"}[reading]
    assert "squared error" in prepared.findings[0]
    assert prepared.findings[1].startswith("warning: it was trained by a squared error")


@pytest.mark.slow
def test_scalings_that_differ_only_by_temperature_are_a_warning(few: Mnist, tmp_path: Path) -> None:
    keras = keras_3()
    # Linear and without a bias, scaling the input only scales the outputs.
    model = keras.Sequential(
        [keras.Input((28, 28)), keras.layers.Flatten(), keras.layers.Dense(10, use_bias=False)]
    )
    foreign_models.train(
        keras, model, few, "x/255", loss=foreign_models.logits_loss(keras), epochs=1
    )
    for name, network, warned in (("known", model, False), ("unknown", _uncompiled(model), True)):
        prepared = conversion.prepare(save(network, tmp_path / f"{name}.keras"), few)
        assert prepared.scaling.name == "pixels/255"
        assert any("by temperature alone" in finding for finding in prepared.findings) is warned


@pytest.mark.slow
def test_outputs_far_from_logits_are_warned_of_where_a_scale_hardly_matters(
    few: Mnist, tmp_path: Path
) -> None:
    keras = keras_3()
    model = keras.Sequential(
        [keras.Input((28, 28)), keras.layers.Flatten(), keras.layers.Dense(10)]
    )
    model.compile(keras.optimizers.Adam(1e-3), "mse")
    values = foreign_models.READINGS["x/255"](few.train.images).astype(np.float32)
    model.fit(values, np.eye(10)[few.train.labels], epochs=4, verbose=0)
    prepared = conversion.prepare(save(_uncompiled(model), tmp_path / "values.keras"), few)
    assert any("by temperature alone" in finding for finding in prepared.findings)


def _uncompiled(model: Any) -> Any:
    copy = type(model).from_config(model.get_config())
    copy.set_weights(model.get_weights())
    return copy
