from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from mnist_edge.data.idx import SHA256
from mnist_edge.training import recipes, training_record
from tests.support.recorder import Recorder, Train


@pytest.fixture(autouse=True)
def undrawn_curves() -> None:
    """Draw the plot of each training."""


@pytest.mark.slow
def test_a_run_records_its_settings_data_and_versions(train: Train, tmp_path: Path) -> None:
    recipe = recipes.quick().with_epochs(2, 3_000)
    listener = Recorder()
    record = train(recipe, tmp_path, listener=listener)
    assert record.settings["name"] == "quick"
    assert record.settings["seed"] == recipe.seed
    assert record.data_sha256 == SHA256
    assert {"python", "keras", "numpy", "keras backend"} <= record.versions.keys()
    assert [entry["step"] for entry in record.rounds] == [12, 24]
    assert record.rounds == listener.rounds
    assert listener.steps == list(range(1, 25))
    assert record.seconds > 0
    assert training_record.is_finished(tmp_path, recipe)
    assert not training_record.is_finished(tmp_path, replace(recipe, seed=9))
    with Image.open(tmp_path / training_record.CURVES_FILE) as curves:
        assert curves.width > 1_000
        assert curves.height > 300
        assert len(set(curves.convert("L").tobytes())) > 20
    json.loads((tmp_path / training_record.RECORD_FILE).read_text())


def test_a_damaged_record_is_not_a_finished_run(tmp_path: Path) -> None:
    (tmp_path / training_record.MODEL_FILE).write_bytes(b"")
    for text in ("", "{}", "[" * 200_000, '{"settings": 5}', "\ud800"):
        (tmp_path / training_record.RECORD_FILE).write_text(text, "utf-8", "surrogatepass")
        assert not training_record.is_finished(tmp_path, recipes.quick())
