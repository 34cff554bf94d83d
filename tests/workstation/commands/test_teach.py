"""``teach``: from a writer's pictures to a model that is installed, or not."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from mnist_edge.data.mnist import Mnist
from mnist_edge.modelstore.manifest import ModelManifest
from tests.support.paths import ROOT
from tests.support.programs import Run
from tests.support.writers import draw_pictures, squares


def program(*words: str | Path, folder: Path, store: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "mnist_edge", *map(str, words)],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), "MNIST_EDGE_MODELS": str(store)},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.slow
def test_a_writer_is_taught_proved_installed_read_and_rolled_back(
    mnist: Mnist, tmp_path: Path
) -> None:
    draw_pictures(tmp_path / "kept", squares(90, seed=5))
    store = tmp_path / "store"
    taught = program("teach", "kept", "--from", "micro", folder=tmp_path, store=store)
    assert taught.returncode == 0, taught.stderr
    assert taught.stdout.startswith("Better on your pictures, take micro-taught/int8")
    line = taught.stdout.splitlines()[-1]
    assert line == "to install it: mnist-edge model install runs/micro-taught"
    model = tmp_path / "runs" / "micro-taught"
    manifest = ModelManifest.from_json((model / "int8.json").read_text(), source=model)
    assert manifest.lineage
    assert manifest.lineage.parent == "micro"
    report = json.loads((model / "gain.json").read_text())
    assert report["learned"] == manifest.lineage.pictures
    assert not store.exists()

    installed = program(*line.split()[4:], folder=tmp_path, store=store)
    assert "taught 67 pictures of" in installed.stdout
    later = squares(20, seed=6)
    paths = draw_pictures(tmp_path / "later", later, first=500)
    read = program("predict", *paths, "--format", "jsonl", folder=tmp_path, store=store)
    digits = [json.loads(row)["digit"] for row in read.stdout.splitlines()]
    assert np.mean(np.array(digits) == later.labels) >= 0.9
    back = program("model", "rollback", folder=tmp_path, store=store)
    assert "in use: edge" in back.stdout


def test_a_model_that_cannot_be_taught_is_refused_before_anything_starts(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    ran = run("teach", "kept", "--from", "cnn")
    assert ran.returncode == 1
    assert ran.stderr.count("\n") == 1
    assert "cnn has no model.keras" in ran.stderr


def test_a_step_that_fails_ends_it_with_its_status(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    ran = run("teach", "kept", "--from", "micro")
    assert ran.returncode == 1
    assert "to install it" not in ran.stdout
