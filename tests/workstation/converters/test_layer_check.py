"""Networks that Keras cannot build alone are refused by name, with advice."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from converters import formats
from mnist_edge.errors import UnsuitableModel
from tests.support.brought_models import activated
from tests.support.foreign_models import keras_2, keras_3, save, without_warnings


def _refused(path: Path) -> str:
    with pytest.raises(UnsuitableModel) as caught:
        formats.identify(path)
    message = str(caught.value)
    assert str(path) in message
    assert "\n" not in message
    return message


@pytest.mark.parametrize(
    ("wrapper", "line"),
    [
        ("PruneLowMagnitude", "model = tfmot.sparsity.keras.strip_pruning(model)"),
        ("ClusterWeights", "model = tfmot.clustering.keras.strip_clustering(model)"),
        ("QuantizeWrapperV2", "model.export('FOLDER')"),
    ],
)
def test_a_wrapper_of_the_optimization_toolkit_is_named_with_its_remedy(
    wrapper: str, line: str, tmp_path: Path
) -> None:
    import h5py

    path = save(activated("relu"), tmp_path / "wrapped.h5")
    with h5py.File(path, "r+") as file:
        config = json.loads(file.attrs["model_config"])
        layers = config["config"]["layers"]
        config["config"]["layers"] = [
            layers[0],
            *(
                {"class_name": wrapper, "config": {"name": f"wrapped_{index}", "layer": layer}}
                for index, layer in enumerate(layers[1:])
            ),
        ]
        file.attrs["model_config"] = json.dumps(config)
    message = _refused(path)
    assert message.count(wrapper) == 1
    assert line in message


@pytest.mark.slow
@pytest.mark.parametrize("version", [2, 3])
def test_a_lambda_as_an_activation_is_named_with_its_layer(version: int, tmp_path: Path) -> None:
    keras = keras_2() if version == 2 else keras_3()
    model = keras.Sequential(
        [
            keras.layers.InputLayer((28, 28)),
            keras.layers.Flatten(),
            keras.layers.Dense(10, activation=lambda values: values, name="answers"),
        ]
    )
    message = _refused(save(model, tmp_path / ("model.h5" if version == 2 else "model.keras")))
    assert "layer 'answers' has a lambda as its activation" in message


def test_a_custom_function_as_an_activation_is_named(tmp_path: Path) -> None:
    def halved(values: Any) -> Any:
        return values / 2

    keras = keras_3()
    model = keras.Sequential(
        [keras.Input((784,)), keras.layers.Dense(10, activation=halved, name="answers")]
    )
    message = _refused(save(model, tmp_path / "model.keras"))
    assert "layer 'answers' has the custom function halved as its activation" in message


@pytest.mark.slow
def test_a_model_quantized_by_keras_is_refused(tmp_path: Path) -> None:
    model = activated("relu")
    with without_warnings():
        model.quantize("int8")
    message = _refused(save(model, tmp_path / "quantized.keras"))
    assert "quantized by Keras' model.quantize" in message
    assert "hidden" in message
