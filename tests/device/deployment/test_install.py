"""Installing models on a device: refusals, the model in use, and rollback."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from mnist_edge import Classifier
from mnist_edge.deployment import install
from mnist_edge.errors import (
    InvalidArtifact,
    InvalidManifest,
    InvalidModel,
    MnistEdgeError,
    ModelHashMismatch,
    ModelNotFound,
    ModelRejected,
    NotWritable,
    UntrustedModel,
)
from mnist_edge.modelstore import loading
from mnist_edge.system import paths
from tests.support.installed import in_use, promised_accuracy, renamed
from tests.support.paths import SAMPLE
from tests.support.programs import Run
from tests.support.signing import Signer


def check_refused(source: Path, error: type[MnistEdgeError], said: str) -> None:
    """Check that a source is refused in one line and that store and model in use do not change."""
    before, files = in_use(), sorted(paths.store_folder().rglob("*"))
    with pytest.raises(error, match=said) as refused:
        install.install(str(source))
    assert "\n" not in str(refused.value)
    assert in_use() == before
    assert sorted(paths.store_folder().rglob("*")) == files


def test_installing_twice_changes_nothing(store: Path, update: Path) -> None:
    first = install.install(str(update))
    files = {path: path.stat().st_mtime_ns for path in store.rglob("*")}
    assert install.install(str(update)) == first
    assert {path: path.stat().st_mtime_ns for path in store.rglob("*")} == files


def test_a_taught_model_says_where_it_comes_from_and_the_old_one_comes_back(
    store: Path, nano: Path, tmp_path: Path, run: Run
) -> None:
    lineage = {"parent": "nano", "parent_weights_sha256": "ab" * 32, "pictures": 60}
    lineage |= {"first_taken": "2026-11-01", "last_taken": "2026-11-27"}
    source = renamed(nano, tmp_path / "taught", recipe="nano-taught", lineage=lineage)
    installed = run("model", "install", source)
    assert "it comes from 'nano' (weights abababababab), taught 60 pictures" in installed.stdout
    assert in_use().startswith("nano-taught-int8-")
    assert "taught 60 pictures" in run("info").stdout
    assert "it comes" not in run("model", "rollback").stdout
    assert in_use() == "edge"


def test_a_local_folder_does_not_hide_the_model_in_use(
    store: Path, update: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(update.parent, tmp_path / "here" / "nano")
    monkeypatch.chdir(tmp_path / "here")
    assert loading.load_model().path.is_absolute()
    assert loading.load_model("nano").path == Path("nano/int8.tflite")


def test_a_manifest_changed_on_the_device_is_noticed(store: Path, update: Path) -> None:
    name = install.install(str(update)).name
    path = store / name / "int8.json"
    path.write_text(path.read_text(encoding="utf-8") + "\n", encoding="utf-8")
    with pytest.raises(ModelHashMismatch, match="changed after its installation"):
        install.verify_model()


def test_concurrent_installations_are_all_recorded(
    store: Path, nano: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        install, "accept_model", lambda artifact, keys: (artifact.to_stored_model(), [])
    )
    models = [str(renamed(nano, tmp_path / str(seed), seed=seed)) for seed in range(4)]
    with ThreadPoolExecutor(8) as pool:
        for _ in range(5):
            installed = list(pool.map(install.install, [*models, *models]))
            record = json.loads((store / "in-use.json").read_text(encoding="utf-8"))
            names = {model.name for model in installed}
            assert len(names) == 4
            assert names <= {record["in_use"], *record["before"]}
            for path in store.iterdir():
                shutil.rmtree(path) if path.is_dir() else path.unlink()


def test_concurrent_rollbacks_each_go_back_a_step(
    store: Path, nano: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        install, "accept_model", lambda artifact, keys: (artifact.to_stored_model(), [])
    )
    for seed in range(4):
        install.install(str(renamed(nano, tmp_path / str(seed), seed=seed)))
    with ThreadPoolExecutor(4) as pool:
        rolled = {
            future.result().name for future in [pool.submit(install.rollback) for _ in range(4)]
        }
    assert len(rolled) == 4
    assert in_use() == "edge"


def test_a_model_whose_hash_differs_from_the_manifest_is_refused(store: Path, update: Path) -> None:
    install.install(str(update))
    content = bytearray(update.read_bytes())
    content[-1] ^= 1
    update.write_bytes(content)
    check_refused(update, ModelHashMismatch, "its manifest lists")


@pytest.mark.parametrize("end", ["input", "output"])
def test_a_manifest_of_another_input_or_output_is_refused(
    end: str, store: Path, nano: Path, tmp_path: Path
) -> None:
    document = json.loads((nano / "int8.json").read_text(encoding="utf-8"))
    ends = {end: {**document[end], "zero_point": 3}}
    check_refused(renamed(nano, tmp_path / "o", **ends), InvalidManifest, f"promises {end}")


@pytest.mark.parametrize("changes", [{"scheme": "../x"}, {"scheme": "int4"}, {"recipe": None}])
def test_a_manifest_of_an_unknown_scheme_or_recipe_is_refused(
    changes: dict[str, Any], store: Path, nano: Path, tmp_path: Path
) -> None:
    check_refused(renamed(nano, tmp_path / "o", **changes), InvalidManifest, "scheme|recipe")


@pytest.mark.parametrize(
    "changes",
    [
        {"temperature": 10**400},
        {"temperature": 1e308},
        {"temperature": 5e-324},
        {"labels": list("9876543210")},
        {"pixels": {"polarity": "black-on-white", "minimum": 0, "maximum": 255}},
        {"size": 0},
        {"size": 7},
        {"reading": "upside down"},
    ],
    ids=str,
)
def test_a_manifest_with_invalid_values_is_refused(
    changes: dict[str, Any], store: Path, nano: Path, tmp_path: Path
) -> None:
    check_refused(renamed(nano, tmp_path / "o", **changes), InvalidManifest, next(iter(changes)))


@pytest.mark.parametrize("temperature", [1e-3, 1e3])
def test_the_lowest_and_highest_temperatures_are_accepted(
    temperature: float, store: Path, nano: Path, tmp_path: Path
) -> None:
    install.install(str(renamed(nano, tmp_path / "o", temperature=temperature)))
    assert Classifier().predict(SAMPLE).without_abstention().digit == 7


def test_a_model_with_invalid_probabilities_is_rejected(
    store: Path, update: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def softmax(logits: Any, *, temperature: float) -> Any:
        return logits * float("nan")

    monkeypatch.setattr("mnist_edge.inference.classifier.softmax", softmax)
    check_refused(update, ModelRejected, "probabilities that do not add up to 1")


def test_an_unsigned_manifest_is_not_parsed(store: Path, update: Path, signer: Signer) -> None:
    name = install.install(str(update)).name
    (store / "trusted.pem").write_text(signer.pem)
    (store / name / "int8.json").write_bytes(b"\xff")
    for check in (install.verify_model, install.use):
        with pytest.raises(UntrustedModel, match="is not signed"):
            check(name)


def vouched(model: Path, nano: Path, folder: Path, **changes: Any) -> Path:
    """Put a model beside the shipped manifest, with its hash corrected."""
    from hashlib import sha256

    content = model.read_bytes()
    changes = {"sha256": sha256(content).hexdigest(), "size": len(content), **changes}
    path = renamed(nano, folder, **changes)
    shutil.copy(model, path)
    return path


def test_a_model_that_does_not_read_digits_is_rejected(
    store: Path, nano: Path, tiny: Path, tmp_path: Path
) -> None:
    tensors = {
        "input": {"shape": [1, 28, 28, 1], "dtype": "int8"},
        "output": {"shape": [1, 10], "dtype": "int8"},
    }
    from mnist_edge.runtimes.interpreter import Interpreter

    model = tiny / "quadrants-int8.tflite"
    opened = Interpreter(model.read_bytes())
    for end, spec in (("input", opened.input), ("output", opened.output)):
        tensors[end] = {**vars(spec), "shape": list(spec.shape)}
    path = vouched(model, nano, tmp_path / "o", **tensors)
    check_refused(path, ModelRejected, "differs from its golden vectors by up to [0-9]+ steps")
    manifest = path.with_suffix(".json")
    document = json.loads(manifest.read_text(encoding="utf-8"))
    del document["golden"]
    manifest.write_text(json.dumps(document), encoding="utf-8")
    said = (
        "of the 100 built-in digits, expected at least [0-9]+ by the "
        f"{100 * promised_accuracy(path):.2f} % in its manifest"
    )
    check_refused(path, ModelRejected, said)


def test_a_model_that_crashes_the_runtime_is_refused(
    store: Path, nano: Path, tmp_path: Path
) -> None:
    broken = tmp_path / "broken.tflite"
    broken.write_bytes((nano / "int8.tflite").read_bytes()[:2000])
    check_refused(vouched(broken, nano, tmp_path / "o"), InvalidModel, "damaged|cannot load")


def test_a_missing_file_of_a_model_is_named(store: Path, update: Path, tmp_path: Path) -> None:
    check_refused(tmp_path / "nothing.tflite", ModelNotFound, "no file .*nothing.tflite")
    check_refused(tmp_path, ModelNotFound, r"has no int8\.tflite")
    update.with_suffix(".json").unlink()
    check_refused(update, InvalidArtifact, "has no manifest int8.json")


def test_an_unwritable_store_leaves_the_model_in_use(
    update: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.delenv("MNIST_EDGE_MODELS")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "file"))
    assert in_use() == "edge"
    with pytest.raises(NotWritable, match="cannot write"):
        install.install(str(update))
    assert in_use() == "edge"


def test_models_are_installed_in_the_users_data_folder(
    update: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MNIST_EDGE_MODELS")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    install.install(str(update))
    assert (tmp_path / "data" / "mnist-edge" / "models" / "in-use.json").is_file()


def test_old_leftovers_of_killed_installations_are_removed(store: Path, update: Path) -> None:
    old, new = store / ".incoming-1", store / ".incoming-2"
    for folder in (old, new):
        folder.mkdir(parents=True)
        (folder / "int8.tflite").write_bytes(b"half")
    os.utime(old, (0, 0))
    install.install(str(update))
    assert not old.exists()
    assert new.exists()


def test_a_device_with_trusted_keys_requires_a_signature(
    store: Path, update: Path, signer: Signer
) -> None:
    (store / "trusted.pem").write_text(Signer(b"\x08" * 32).pem + signer.pem)
    check_refused(update, UntrustedModel, "is not signed, but .*trusted.pem requires a signature")
    manifest, signature = update.with_suffix(".json"), update.with_suffix(".json.sig")
    for wrong in (b"", b"\0" * 64, Signer(b"\x09" * 32).sign(manifest.read_bytes())):
        signature.write_bytes(wrong)
        check_refused(update, UntrustedModel, "is not signed by any key in")
    signature.write_bytes(signer.sign(manifest.read_bytes()))
    name = install.install(str(update)).name
    assert in_use() == name
    assert {f.check: f.found for f in install.verify_model().checks}["signature"] == (
        "by a trusted key"
    )
    # Shipped models need no signature.
    assert install.rollback().name == in_use() == "edge"
    assert {f.check: f.found for f in install.verify_model().checks}["signature"] == (
        "not asked for: comes with the package"
    )
    # The signature covers the manifest, and through its hash the model.
    manifest.write_text(manifest.read_text(encoding="utf-8") + " ")
    check_refused(update, UntrustedModel, "was changed since")


def test_an_unsigned_installed_model_cannot_be_used_once_there_is_a_key(
    store: Path, update: Path, signer: Signer
) -> None:
    name = install.install(str(update)).name
    install.rollback()
    (store / "trusted.pem").write_text(signer.pem)
    with pytest.raises(UntrustedModel):
        install.use(name)
    assert in_use() == "edge"


@pytest.mark.skipif(shutil.which("openssl") is None, reason="needs openssl")
def test_a_signature_made_by_openssl_is_accepted(store: Path, update: Path, tmp_path: Path) -> None:
    def openssl(*words: str | Path) -> None:
        program = shutil.which("openssl") or ""
        subprocess.run([program, *map(str, words)], check=True, capture_output=True)

    private, manifest = tmp_path / "private.pem", update.with_suffix(".json")
    openssl("genpkey", "-algorithm", "ed25519", "-out", private)
    openssl("pkey", "-in", private, "-pubout", "-out", store / "trusted.pem")
    signature = manifest.with_suffix(".json.sig")
    words = ("-sign", "-rawin", "-inkey", private, "-in", manifest, "-out", signature)
    openssl("pkeyutl", *words)
    install.install(str(update))
    assert in_use().startswith("second-try")


def test_install_takes_a_folder_and_a_name_as_predict_does(
    store: Path, nano: Path, update: Path, run: Run
) -> None:
    (first,) = {install.install(str(update)).name, install.install(str(update.parent)).name}
    assert in_use() == first
    assert install.install("nano").name == "nano"
    assert in_use() == "nano"
    assert run("model", "install", first).returncode == 0
    assert in_use() == first
    assert sorted(path.name for path in store.iterdir()) == sorted([first, "in-use.json"])


@pytest.mark.parametrize("source", ["naon", "nowhere/int8.tflite", "nowhere/model"])
def test_a_missing_source_is_not_installed(source: str, store: Path) -> None:
    with pytest.raises(ModelNotFound):
        install.install(source)
    assert list(store.iterdir()) == []


def test_a_folder_without_int8_or_its_manifest_is_not_installed(store: Path, update: Path) -> None:
    update.with_suffix(".json").unlink()
    with pytest.raises(InvalidArtifact, match=r"has no manifest int8\.json"):
        install.install(str(update.parent))
    update.unlink()
    with pytest.raises(ModelNotFound, match=r"has no int8\.tflite"):
        install.install(str(update.parent))
    assert list(store.iterdir()) == []
