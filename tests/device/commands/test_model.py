from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from mnist_edge import Classifier
from mnist_edge.deployment import install
from mnist_edge.errors import (
    ModelHashMismatch,
)
from mnist_edge.modelstore import loading
from tests.support.installed import in_use, promised_accuracy
from tests.support.paths import SAMPLE
from tests.support.programs import Run


def test_an_installed_model_is_the_one_in_use(store: Path, update: Path, run: Run) -> None:
    assert in_use() == "edge"
    said = run("model", "install", update)
    assert (said.returncode, said.stderr) == (0, "")
    assert in_use().startswith("second-try-int8-")
    assert said.stdout.startswith(f"in use: {in_use()} (100 of 100 built-in digits")
    assert str(store) in run("info").stdout
    assert Classifier().model.path.parent.parent == store
    assert Classifier(in_use()).model == loading.load_model()
    assert ": 7 (" in run("predict", SAMPLE).stdout
    # The shipped model is still found by its name.
    assert store not in loading.load_model("nano").path.parents


def test_rollback_returns_to_the_previous_model_each_time(
    store: Path, update: Path, nano: Path, tmp_path: Path, run: Run
) -> None:
    second = install.install(str(update)).name
    third = install.install(str(nano / "float32.tflite")).name
    assert loading.load_model().path.name == "float32.tflite"
    assert run("model", "use", "edge").returncode == 0
    for name in (third, second, "edge"):
        rolled = run("model", "rollback")
        assert rolled.stdout.startswith(f"in use: {name} (")
        assert in_use() == name
    ended = run("model", "rollback")
    assert ended.returncode == 1
    assert "no model was in use before edge" in ended.stderr
    assert run("model", "use", third).returncode == 0
    assert in_use() == third


def test_the_list_marks_the_model_in_use(store: Path, update: Path, run: Run) -> None:
    name = install.install(str(update)).name
    document = json.loads(run("model", "list", "--format", "json").stdout)
    entries = {entry["name"]: entry for entry in document["models"]}
    assert document["before"] == ["edge"]
    assert [key for key, entry in entries.items() if entry["in_use"]] == [name]
    assert [entries["edge"]["shipped"], entries[name]["shipped"]] == [True, False]
    assert entries[name]["sha256"] == loading.load_model(name).sha256
    promised = promised_accuracy(update)
    assert entries[name]["validation_accuracy"] == promised
    (line,) = (line for line in run("model", "list").stdout.splitlines() if line[0] == "*")
    assert line.split() == ["*", name, "int8", "15,993", f"{100 * promised:.2f}", "%"]
    (store / name / "int8.json").write_text("{")
    listed = run("model", "list", "--format", "json")
    assert listed.returncode == 0
    (damaged,) = (e for e in json.loads(listed.stdout)["models"] if e["name"] == name)
    assert damaged["error"]["type"] == "InvalidManifest"
    assert "damaged" in run("model", "list").stdout


def test_verify_lists_every_check(store: Path, update: Path, run: Run) -> None:
    name = install.install(str(update)).name
    for words in (("model", "verify"), ("model", "verify", "nano")):
        verified = run(*words)
        assert verified.returncode == 0
        head, *lines = verified.stdout.splitlines()
        assert head == f"{'nano' if 'nano' in words else name}: good"
        checks = ("sha256", "signature", "shape and type", "golden vectors", "accuracy")
        assert all(line.startswith(check) for line, check in zip(lines, checks, strict=True))
    missing = run("model", "verify", "giant-int8-0123456789ab")
    assert missing.returncode == 1
    assert name in missing.stderr


def test_a_damaged_model_in_use_can_be_rolled_back_and_reinstalled(
    store: Path, update: Path, run: Run
) -> None:
    name = install.install(str(update)).name
    path = store / name / "int8.tflite"
    path.write_bytes(path.read_bytes()[:-1])
    told = run("predict", SAMPLE)
    assert told.returncode == 1
    assert "mnist-edge model rollback" in told.stderr
    assert run("model", "verify").returncode == 1
    assert run("model", "rollback").returncode == 0
    assert in_use() == "edge"
    with pytest.raises(ModelHashMismatch):
        install.use(name)
    assert in_use() == "edge"
    install.install(str(update))
    assert in_use() == name


def test_a_missing_model_in_use_is_reported_with_what_to_do(
    store: Path, update: Path, run: Run
) -> None:
    shutil.rmtree(store / install.install(str(update)).name)
    told = run("predict", SAMPLE)
    assert told.returncode == 1
    assert "is gone; go back to the previous one with: mnist-edge model rollback" in told.stderr
    assert "is in use, but gone" in run("model", "list").stderr
    assert run("model", "rollback").returncode == 0
    assert run("predict", SAMPLE).returncode == 0


@pytest.mark.parametrize(
    "damage", [b"\xff", b"[" * 100_000, b'{"schema_version": ' + b"[" * 900 + b"]" * 900 + b"}"]
)
def test_every_command_reports_an_unreadable_manifest_in_one_line(
    damage: bytes, store: Path, update: Path, run: Run
) -> None:
    name = install.install(str(update)).name
    update.with_suffix(".json").write_bytes(damage)
    (store / name / "int8.json").write_bytes(damage)
    for words in (
        ("model", "verify"),
        ("model", "use", name),
        ("model", "install", update),
        ("info", name),
        ("predict", SAMPLE),
    ):
        told = run(*words)
        assert told.returncode == 1, words
        assert told.stderr.count("\n") == 1, words
        assert "Traceback" not in told.stderr
    assert run("model", "list").returncode == 0
    assert run("model", "rollback").returncode == 0
