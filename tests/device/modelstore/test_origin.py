"""The network that files were converted from."""

from __future__ import annotations

import dataclasses
import json
import shutil
import zipfile
from pathlib import Path

import pytest

from mnist_edge.errors import InvalidModel, MixedNetworks
from mnist_edge.modelstore import loading, origin
from mnist_edge.modelstore.loading import StoredModel
from mnist_edge.modelstore.manifest import ModelManifest, Score
from mnist_edge.modelstore.origin import NetworkOrigin, weights_sha256
from tests.support.paths import EDGE, NANO


def copy_schemes(source: Path, folder: Path, *schemes: str) -> None:
    folder.mkdir(exist_ok=True)
    for scheme in schemes:
        for suffix in ("tflite", "json"):
            shutil.copy(source / f"{scheme}.{suffix}", folder)


def to_version_1(folder: Path) -> None:
    """Remove the fields that manifests of older releases lack."""
    for path in folder.glob("*.json"):
        document = json.loads(path.read_text(encoding="utf-8"))
        del document["weights_sha256"]
        path.write_text(json.dumps({**document, "schema_version": 1}), encoding="utf-8")


def manifest(folder: Path) -> ModelManifest:
    found = loading.read_manifest(folder / "int8.tflite")
    assert found
    return found


def save_keras(path: Path, *, date: str, weights: bytes = b"weights") -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("metadata.json", date)
        archive.writestr("config.json", "{}")
        archive.writestr("model.weights.h5", weights)
    return path


def test_the_shipped_manifests_carry_the_hash_of_the_keras_file_beside_them() -> None:
    for folder in (NANO, EDGE):
        for model in loading.load_all_schemes(folder):
            assert model.manifest
            assert model.manifest.weights_sha256 == weights_sha256(folder / origin.MODEL_FILE)


def test_the_hash_of_weights_does_not_depend_on_saving(tmp_path: Path) -> None:
    first = save_keras(tmp_path / "a.keras", date="today")
    again = save_keras(tmp_path / "b.keras", date="tomorrow")
    other = save_keras(tmp_path / "c.keras", date="today", weights=b"weightz")
    assert weights_sha256(first) == weights_sha256(again) != weights_sha256(other)


def test_a_saved_models_weights_are_its_variables_or_its_graph(tmp_path: Path) -> None:
    def save(name: str, graph: bytes, *variables: bytes) -> Path:
        folder = tmp_path / name
        (folder / "variables").mkdir(parents=True)
        (folder / "saved_model.pb").write_bytes(graph)
        for number, content in enumerate(variables):
            (folder / "variables" / f"{number}").write_bytes(content)
        return folder

    one, again, other = save("1", b"a", b"w"), save("2", b"b", b"w"), save("3", b"a", b"v")
    assert weights_sha256(one) == weights_sha256(again) != weights_sha256(other)
    assert weights_sha256(save("4", b"a")) != weights_sha256(save("5", b"b"))


@pytest.mark.parametrize("damage", ["gone", "truncated", "changed"])
def test_unreadable_weights_are_an_error_of_one_line(damage: str, tmp_path: Path) -> None:
    path = tmp_path / "model.keras"
    if damage != "gone":
        save_keras(path, date="today", weights=bytes(10_000))
        content = bytearray(path.read_bytes())
        content[300:310] = b"0123456789"
        path.write_bytes(content)
    if damage == "truncated":
        path = tmp_path
        (tmp_path / "variables").mkdir()
        (tmp_path / "variables" / "folder").mkdir()
    with pytest.raises(InvalidModel, match="cannot read the weights of") as refused:
        weights_sha256(path)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("older", [False, True])
def test_files_of_two_networks_are_named(older: bool, tmp_path: Path) -> None:
    copy_schemes(EDGE, tmp_path, "float32")
    copy_schemes(NANO, tmp_path, "int8", "dynamic")
    if older:
        to_version_1(tmp_path)
    with pytest.raises(MixedNetworks) as refused:
        origin.require_one_network(loading.load_all_schemes(tmp_path))
    message = str(refused.value)
    assert "float32.tflite from 'edge' (seed 1, " in message
    assert "dynamic.tflite, int8.tflite from 'nano' (seed 2, " in message
    assert f"--out {tmp_path}" in message
    assert "\n" not in message


@pytest.mark.parametrize("older", [False, True])
def test_files_of_one_network_pass(older: bool, tmp_path: Path) -> None:
    copy_schemes(NANO, tmp_path, "float32", "int8")
    if older:
        to_version_1(tmp_path)
    models = loading.load_all_schemes(tmp_path)
    origin.require_one_network(models)
    assert origin.origin_warnings(models) == []
    # A file of an older release beside one of this release.
    copy_schemes(NANO, tmp_path, "int8")
    origin.require_one_network(loading.load_all_schemes(tmp_path))


def test_networks_differ_by_weights_and_scaling() -> None:
    nano = manifest(NANO)
    known = NetworkOrigin.of(nano)
    assert known.is_same(NetworkOrigin.of(dataclasses.replace(nano, recipe="renamed", seed=None)))
    assert not known.is_same(NetworkOrigin.of(dataclasses.replace(nano, weights_sha256="0" * 64)))
    assert not known.is_same(NetworkOrigin.of(dataclasses.replace(nano, reading="pixels/255")))
    older = dataclasses.replace(nano, weights_sha256=None)
    for change in (
        {"recipe": "edge"},
        {"seed": 7},
        {"validation_float": Score(correct=4_711, total=5_000, runtime="keras")},
    ):
        assert not known.is_same(NetworkOrigin.of(dataclasses.replace(older, **change)))


def test_a_missing_manifest_and_other_weights_are_warnings(
    tmp_path: Path,
) -> None:
    copy_schemes(NANO, tmp_path, "float32", "int8")
    (tmp_path / "int8.json").unlink()

    def warnings() -> list[str]:
        return origin.origin_warnings(loading.load_all_schemes(tmp_path))

    (unknown,) = warnings()
    assert unknown.startswith("no manifest states the network of int8.tflite: ")
    shutil.copy(NANO / "model.keras", tmp_path)
    assert warnings() == [unknown]
    shutil.copy(EDGE / "model.keras", tmp_path)
    assert warnings()[0] == unknown
    assert warnings()[1].startswith(f"{tmp_path / 'model.keras'} holds other weights than ")
    (tmp_path / "model.keras").write_bytes(b"")
    assert len(warnings()) == 2


def test_leftovers_of_other_networks_are_found_and_removed(tmp_path: Path) -> None:
    copy_schemes(EDGE, tmp_path, "float32", "float16")
    copy_schemes(NANO, tmp_path, "int8")
    copy_schemes(NANO, tmp_path, "dynamic")
    (tmp_path / "dynamic.json").write_text("not a manifest")
    (tmp_path / "notes.txt").write_text("mine")
    nano = NetworkOrigin.of(manifest(NANO))
    found = origin.schemes_of_other_networks(tmp_path, nano)
    assert {scheme: one.recipe for scheme, one in found.items()} == {
        "float32": "edge",
        "float16": "edge",
    }
    removed = origin.remove_schemes_of_other_networks(tmp_path, nano)
    assert [path.name for path in removed] == ["float32.tflite", "float16.tflite"]
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "dynamic.json",
        "dynamic.tflite",
        "int8.json",
        "int8.tflite",
        "notes.txt",
    ]
    stored: StoredModel = loading.load_model(tmp_path)
    assert stored.manifest == manifest(NANO)
