"""``teach``: from a writer's pictures to a model that is installed, or not."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from mnist_edge.commands import teach
from mnist_edge.data.labeled_pictures import find_labeled_pictures
from mnist_edge.data.mnist import Mnist
from mnist_edge.modelstore.manifest import ModelManifest
from tests.support.browsers import in_a_browser, open_browser, part, press, wait_for
from tests.support.digit_server import running_label_page
from tests.support.paths import ROOT
from tests.support.programs import Run, exit_status
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


def label_by_page(folder: Path, label_of: Callable[[str], str]) -> None:
    """Label the kept pictures in a browser, as a user does: look, press a key, and so on."""
    with running_label_page(folder, "--model", "micro") as server, open_browser() as browser:
        browser.get(server.link)
        wait_for(browser, "words", "Picture 1 ")
        while "to do" in part(browser, "count").text:
            source = part(browser, "origin").text.split("from ")[1].split(",")[0]
            press(browser, label_of(source))


@in_a_browser
def test_what_was_unsure_is_kept_labeled_taught_proved_installed_read_and_rolled_back(
    mnist: Mnist, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    drawn = draw_pictures(tmp_path / "drawn", squares(160, seed=5))
    store = tmp_path / "store"
    store.mkdir()
    kept = tmp_path / "kept"
    reading = ("predict", "drawn", "--model", "micro", "--keep-unsure", "kept")
    assert program(*reading, folder=tmp_path, store=store).returncode == 0
    label_by_page(kept, lambda source: Path(source).parent.name)
    labeled = find_labeled_pictures(kept)
    assert 20 < len(labeled) < len(drawn)
    # The tutorial's page is run on all pictures.
    monkeypatch.setattr(teach, "_PROGRAM", "tests.support.gains:compare_on_few_pictures")
    monkeypatch.setenv("MNIST_EDGE_MODELS", str(store))
    monkeypatch.chdir(tmp_path)
    capfd.readouterr()
    status = exit_status("teach", "kept", "--from", "micro")
    taught = capfd.readouterr()
    assert status == 0, taught.err
    assert taught.out.startswith("Better on your pictures, take micro-taught/int8")
    line = taught.out.splitlines()[-1]
    assert line == "to install it: mnist-edge model install runs/micro-taught"
    model = tmp_path / "runs" / "micro-taught"
    manifest = ModelManifest.from_json((model / "int8.json").read_text(), source=model)
    assert manifest.lineage
    assert manifest.lineage.parent == "micro"
    parent = ModelManifest.from_json((ROOT / "models/micro/int8.json").read_text(), source=model)
    assert manifest.operating_points
    assert parent.operating_points
    assert manifest.operating_points.balanced == manifest.min_confidence
    assert manifest.operating_points.careful >= parent.operating_points.careful
    report = json.loads((model / "gain.json").read_text())
    assert report["learned"] == manifest.lineage.pictures
    assert list(store.iterdir()) == []

    installed = program(*line.split()[4:], folder=tmp_path, store=store)
    assert f"taught {report['learned']} pictures of" in installed.stdout
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
