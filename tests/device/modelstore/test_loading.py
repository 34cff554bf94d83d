from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mnist_edge import Classifier
from mnist_edge.errors import (
    InvalidManifest,
    InvalidModel,
    ModelHashMismatch,
    ModelNotFound,
    UnknownName,
)
from mnist_edge.modelstore import DEFAULT_MODEL, SCHEMES, loading
from mnist_edge.runtimes.sandbox import open_model


@pytest.fixture
def copied(nano: Path, tmp_path: Path) -> Path:
    """A folder with a copy of the shipped int8 model and its manifest."""
    folder = tmp_path / "own"
    folder.mkdir()
    for name in ("int8.tflite", "int8.json"):
        shutil.copy(nano / name, folder)
    return folder


def edit(manifest: Path, change: Any) -> None:
    document = json.loads(manifest.read_text(encoding="utf-8"))
    change(document)
    manifest.write_text(json.dumps(document), encoding="utf-8")


def check_missing(model: str | Path, said: str, *, scheme: str = "int8") -> None:
    with pytest.raises(ModelNotFound, match=said) as missing:
        loading.load_model(model, scheme=scheme)
    assert "\n" not in str(missing.value)


def test_a_name_a_folder_and_a_file_give_the_same_model(copied: Path) -> None:
    content = (copied / "int8.tflite").read_bytes()
    named = loading.load_model("nano")
    assert named.content == content
    assert loading.load_model(DEFAULT_MODEL) == loading.load_model()
    assert named.manifest is not None
    for door in (copied, str(copied), copied / "int8.tflite", str(copied / "int8.tflite")):
        stored = loading.load_model(door)
        assert stored.content == content
        assert stored.manifest == named.manifest
        assert stored.sha256 == named.manifest.sha256 == hashlib.sha256(content).hexdigest()


def test_a_local_folder_comes_before_a_shipped_model_of_its_name(
    copied: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copied.rename(copied.with_name("nano"))
    monkeypatch.chdir(copied.parent)
    assert loading.load_model("nano").path == Path("nano/int8.tflite")


def test_a_model_is_named_by_folder_and_scheme(copied: Path) -> None:
    assert loading.load_model(copied).name == "own/int8"


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_scheme_selects_the_file_of_a_folder(scheme: str) -> None:
    stored = loading.load_model(scheme=scheme)
    assert stored.path.name == f"{scheme}.tflite"
    assert stored.manifest is not None
    assert stored.manifest.scheme == scheme


def test_a_folder_gives_all_its_schemes_the_reference_first(nano: Path, copied: Path) -> None:
    assert [stored.path.stem for stored in loading.load_all_schemes("nano")] == list(SCHEMES)
    assert [stored.path.stem for stored in loading.load_all_schemes(copied)] == ["int8"]
    shutil.copy(nano / "float32.tflite", copied)
    assert [stored.path.stem for stored in loading.load_all_schemes(copied)] == ["float32", "int8"]


def test_a_model_without_a_manifest_has_none(tiny: Path) -> None:
    assert loading.load_model(tiny / "zero.tflite").manifest is None


def test_an_unknown_name_lists_the_known_ones() -> None:
    assert "nano" in loading.shipped_models()
    check_missing("giant", r"no model 'giant': give a shipped model \(.*nano.*\), a model folder")


@pytest.mark.parametrize("name", ["../mnist_edge", "../models/nano", "nano/../nano", "nano/"])
def test_a_name_cannot_leave_the_shipped_models(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    check_missing(name, "no model")


def test_a_missing_file_is_not_found(tmp_path: Path) -> None:
    check_missing(tmp_path / "int8.tflite", "no model .*int8.tflite")


@pytest.mark.parametrize("name", ["n" * 300, "n\0n"])
def test_a_name_that_no_system_accepts_is_not_found(name: str) -> None:
    check_missing(name, "no model")


def test_a_folder_without_models_says_how_to_make_them(tmp_path: Path) -> None:
    with pytest.raises(ModelNotFound, match=r"has no \.tflite; make it with: mnist-edge convert"):
        loading.load_all_schemes(tmp_path)


def test_a_folder_without_the_scheme_says_how_to_make_it(copied: Path) -> None:
    made = "mnist-edge convert KERAS_FILE --quantize float16 --out"
    said = f"own has no float16.tflite, but int8; make it with: {made} {copied}$"
    check_missing(copied, said, scheme="float16")
    (copied / "model.keras").touch()
    check_missing(copied, f"mnist-edge convert {copied} --quantize float16$", scheme="float16")


def test_no_shipped_model_is_converted_into_the_package(
    copied: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loading, "shipped_models_folder", lambda: copied.parent)
    check_missing(copied, "own has no float16.tflite, but int8$", scheme="float16")


@pytest.mark.parametrize("name", ["flaot16", "float", "INT", ""])
def test_an_unknown_scheme_gets_no_advice_to_convert(name: str, nano: Path) -> None:
    for model in (nano, "nano", None):
        with pytest.raises(UnknownName, match=f"unknown scheme '{name}'.*: choose one of float32"):
            loading.load_model(model, scheme=name)


@pytest.mark.parametrize("path", ["nowhere/model", "/nowhere/my.keras", "my.tflite", "./nano"])
def test_no_name_is_suggested_for_a_path(path: str) -> None:
    check_missing(path, f"no model {path}: no such file or folder; check the path")


@pytest.mark.parametrize(("name", "meant"), [("nanno", "nano"), ("EDGE", "edge"), ("ege", "edge")])
def test_the_closest_name_is_suggested_for_a_misspelt_one(name: str, meant: str) -> None:
    check_missing(name, rf"no model '{name}' \(did you mean '{meant}'\?\)")


def test_a_flipped_bit_is_caught_by_the_manifest(copied: Path) -> None:
    content = bytearray((copied / "int8.tflite").read_bytes())
    content[len(content) // 2] ^= 1
    (copied / "int8.tflite").write_bytes(content)
    for door in (copied, copied / "int8.tflite"):
        with pytest.raises(ModelHashMismatch, match="its manifest lists") as caught:
            loading.load_model(door)
        assert "\n" not in str(caught.value)


def test_a_truncated_model_is_caught_by_the_manifest(copied: Path) -> None:
    content = (copied / "int8.tflite").read_bytes()
    (copied / "int8.tflite").write_bytes(content[:-1])
    with pytest.raises(ModelHashMismatch, match=f"{len(content) - 1} bytes"):
        loading.load_model(copied)


def test_a_matching_hash_does_not_make_a_file_a_model(copied: Path) -> None:
    content = b"certainly not a model"
    (copied / "int8.tflite").write_bytes(content)
    digest = hashlib.sha256(content).hexdigest()
    edit(
        copied / "int8.json",
        lambda document: document.update(sha256=digest, size=len(content)),
    )
    with pytest.raises(InvalidModel, match="is not a TFLite model"):
        loading.load_model(copied)


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe\x00", b"[]"])
def test_a_damaged_manifest_is_named(content: bytes, copied: Path) -> None:
    (copied / "int8.json").write_bytes(content)
    with pytest.raises(InvalidManifest, match=r"int8\.json") as caught:
        loading.load_model(copied)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("end", ["input", "output"])
@pytest.mark.parametrize(
    "promise",
    # No model whose logits have both signs has its zero at 127.
    [{"shape": [1, 784]}, {"dtype": "uint8"}, {"scale": 0.25}, {"zero_point": 127}],
    ids=str,
)
def test_a_manifest_of_another_model_is_refused(end: str, promise: Any, copied: Path) -> None:
    edit(copied / "int8.json", lambda document: document[end].update(promise))
    with pytest.raises(InvalidManifest, match=f"promises {end} .*, the model has") as refused:
        open_model(loading.load_model(copied))
    assert "\n" not in str(refused.value)
    with pytest.raises(InvalidManifest):
        Classifier(copied)


def test_the_verified_bytes_are_the_ones_that_run(copied: Path, tiny: Path) -> None:
    stored = loading.load_model(copied)
    shutil.copy(tiny / "zero.tflite", copied / "int8.tflite")
    digit = np.diag(np.full(28, 255, np.uint8))[np.newaxis]
    swapped = open_model(stored).logits(digit)
    assert np.array_equal(swapped, open_model(loading.load_model("nano")).logits(digit))


@pytest.mark.parametrize("content", [b"", b"TFL3", b"not a model at all", b"\0\0\0\0TFL2" * 9])
def test_a_file_that_is_not_tflite_is_refused(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "model.tflite"
    path.write_bytes(content)
    with pytest.raises(InvalidModel, match=r"model\.tflite is not a TFLite model"):
        loading.load_model(path)


@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("int8.json", "no model; name the .tflite beside it, or their folder"),
        ("model.keras", "a Keras model; make a .tflite of it with: mnist-edge convert"),
    ],
)
def test_what_lies_beside_a_model_is_told_from_it(name: str, advice: str, copied: Path) -> None:
    (copied / name).touch()
    with pytest.raises(InvalidModel, match=f"{name} is {advice}"):
        loading.load_model(str(copied / name))
