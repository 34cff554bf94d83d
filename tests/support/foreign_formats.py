"""Rewrite files of today's Keras 2 as its older versions saved them.

What they wrote was read from Keras 2.1.6's source and from files that TensorFlow 2.13 saved, and
TensorFlow 2.13 loads every file that is rewritten here.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any


def _without_newer_keys(config: Any) -> Any:
    """Return only what versions before 2.11 wrote of a stored config."""
    if isinstance(config, list):
        return [_without_newer_keys(item) for item in config]
    if isinstance(config, dict):
        newer = {"module", "registered_name", "build_config", "optional"}
        return {key: _without_newer_keys(item) for key, item in config.items() if key not in newer}
    return config


def _initializers(layer: dict[str, Any]) -> Iterator[dict[str, Any]]:
    return (item for key, item in layer["config"].items() if key.endswith("_initializer"))


def to_keras_2_1(model: dict[str, Any]) -> None:
    """Keras of 2017 and 2018: a Sequential is a list of layers, the first of which has a shape."""
    layers = [layer for layer in model["config"]["layers"] if layer["class_name"] != "InputLayer"]
    for layer in layers:
        layer["config"].pop("groups", None)
        for initializer in _initializers(layer):
            if initializer["class_name"] == "GlorotUniform":
                scaling = {"scale": 1.0, "mode": "fan_avg", "distribution": "uniform", "seed": None}
                initializer.update(class_name="VarianceScaling", config=scaling)
    for layer in layers[1:]:
        del layer["config"]["dtype"]
    model["config"] = layers


def to_tensorflow_1_14(model: dict[str, Any]) -> None:
    """tf.keras of 2019: initializers have a type, a functional model is a ``Model``."""
    model["class_name"] = "Model"
    for layer in model["config"]["layers"]:
        for initializer in _initializers(layer):
            initializer["config"]["dtype"] = "float32"


def to_tensorflow_2_0(model: dict[str, Any]) -> None:
    """tf.keras of late 2019: a Sequential that learnt its shape from the data."""
    layers = [layer for layer in model["config"]["layers"] if layer["class_name"] != "InputLayer"]
    del layers[0]["config"]["batch_input_shape"]
    model["config"].update(layers=layers, build_input_shape=[None, 28, 28])


def age_h5(path: Path, version: str, edit: Callable[[dict[str, Any]], None] | None = None) -> Path:
    """Rewrite a file of Keras 2 as an older version saved it."""
    import h5py

    with h5py.File(path, "r+") as file:
        model = _without_newer_keys(json.loads(file.attrs["model_config"]))
        if edit:
            edit(model)
        file.attrs["model_config"] = json.dumps(model).encode()
        weights = file["model_weights"]
        file.attrs["keras_version"] = weights.attrs["keras_version"] = version.encode()
        del weights["top_level_model_weights"]
        training = json.loads(file.attrs["training_config"])
        training.update(metrics=["accuracy"], sample_weight_mode=None)
        file.attrs["training_config"] = json.dumps(training).encode()
    return path


def age_keras(path: Path) -> Path:
    """Rewrite a ``.keras`` file as TensorFlow 2.13 saved it, which no current Keras loads."""
    import h5py

    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    saved = json.loads(parts["metadata.json"]) | {"keras_version": "2.13.1"}
    model = json.loads(parts["config.json"])
    model["module"] = model["module"].replace("tf_keras", "keras")
    for layer in model["config"]["layers"]:
        layer["config"].pop("optional", None)
    weights = io.BytesIO(parts["model.weights.h5"])
    with h5py.File(weights, "r+") as file:
        _count_twice(file["layers"])
        file.move("layers", "_layer_checkpoint_dependencies")
    parts["metadata.json"] = json.dumps(saved).encode()
    parts["config.json"] = json.dumps(model).encode()
    parts["model.weights.h5"] = weights.getvalue()
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return path


def _count_twice(layers: Any) -> None:
    """Number layers with weights as 2.13 did, which counted each twice: dense, dense_2, dense_4."""
    numbered = [name.rpartition("_") for name, layer in layers.items() if len(layer["vars"])]
    counted = [(kind, int(number)) for kind, _, number in numbered if number.isdigit()]
    for kind, number in sorted(counted, reverse=True):
        layers.move(f"{kind}_{number}", f"{kind}_{2 * number}")
