from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest

from converters.keras_2_13 import modernize

OLD = "_layer_checkpoint_dependencies"


def write_keras_file(path: Path, layers: dict[str, float]) -> Path:
    """Write a ``.keras`` file whose weights are at the places of ``layers``."""
    import h5py

    weights = io.BytesIO()
    with h5py.File(weights, "w") as file:
        for place, value in layers.items():
            file[f"{place}/vars/0"] = np.full(3, value, np.float32)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("config.json", "{}")
        archive.writestr("model.weights.h5", weights.getvalue())
    return path


def read_weights(path: Path) -> dict[str, float]:
    import h5py

    with zipfile.ZipFile(path) as archive:
        assert archive.read("config.json") == b"{}"
        weights = io.BytesIO(archive.read("model.weights.h5"))
    found: dict[str, float] = {}
    with h5py.File(weights) as file:
        file.visititems(
            lambda name, node: (
                found.update({name.removesuffix("/vars/0"): float(node[0])})
                if isinstance(node, h5py.Dataset)
                else None
            )
        )
    return found


def test_weights_move_to_consecutive_layers(tmp_path: Path) -> None:
    old = write_keras_file(
        tmp_path / "old.keras",
        {
            f"{OLD}/dense": 1,
            f"{OLD}/dense_2": 2,
            f"{OLD}/dense_10": 3,
            f"{OLD}/conv2d_4": 4,
            f"{OLD}/model/{OLD}/dense_6": 5,
        },
    )
    assert modernize(old, tmp_path / "new.keras")
    assert read_weights(tmp_path / "new.keras") == {
        "layers/dense": 1,
        "layers/dense_1": 2,
        "layers/dense_2": 3,
        "layers/conv2d": 4,
        "layers/model/layers/dense": 5,
    }


@pytest.mark.parametrize("layers", [{"layers/dense": 1.0}, {}])
def test_a_file_of_another_release_is_left_alone(layers: dict[str, float], tmp_path: Path) -> None:
    assert not modernize(write_keras_file(tmp_path / "a.keras", layers), tmp_path / "new.keras")
    assert not (tmp_path / "new.keras").exists()
