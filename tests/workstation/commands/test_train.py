from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import pytest

from mnist_edge.training import trainer, training_record
from mnist_edge.training.recipes import find_recipe
from tests.support.programs import Run


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (["train", "--recipe", "resnet"], 2, "unknown recipe 'resnet'"),
        (["train", "--epochs", "0"], 2, "epochs 0"),
        (["train", "--learning-rate", "-1"], 2, "learning rate -1"),
        (["train", "--out", "file/below"], 1, "cannot write"),
        (["convert", "--quantize", "int4"], 2, "unknown scheme 'int4'"),
        (["convert", "nothing-here"], 1, "no model 'nothing-here'"),
        (["reproduce", "--only", "resnet"], 2, "unknown row 'resnet'"),
        (["run", "--recipe", "resnet"], 2, "unknown recipe 'resnet'"),
    ],
)
def test_a_wrong_argument_is_one_line_with_the_documented_status(
    arguments: list[str],
    status: int,
    said: str,
    tmp_path: Path,
    run: Run,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").touch()
    outcome = run(*arguments)
    assert outcome.returncode == status
    assert outcome.stdout == ""
    assert outcome.stderr.count("\n") == 1
    assert said in outcome.stderr


@pytest.fixture
def finished(tmp_path: Path) -> Path:
    """A folder that looks like a finished run of ``quick``."""
    folder = tmp_path / "finished"
    folder.mkdir()
    (folder / training_record.MODEL_FILE).write_bytes(b"hours of work")
    record = training_record.TrainingRecord(
        settings=training_record.recipe_settings(find_recipe("quick")),
        data_sha256={},
        parameters=7,
        versions={},
        rounds=[{"val_accuracy": 0.5}],
        losses=[],
        seconds=9000,
    )
    (folder / training_record.RECORD_FILE).write_text(json.dumps(asdict(record)))
    return folder


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("train", "--recipe", "quick"), "holds a finished run: --overwrite overwrites it"),
        (("train", "--recipe", "nano"), "holds a finished run: --overwrite"),
        (("train", "--recipe", "nano", "--resume"), "holds a finished run with other settings"),
        (("train", "--recipe", "quick", "--seed", "9", "--resume"), "with other settings"),
        (("run", "--recipe", "nano"), "with other settings: --fresh overwrites it"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_a_finished_run_is_not_overwritten_without_the_option(
    words: tuple[str, ...], said: str, finished: Path, run: Run
) -> None:
    ran = run(*words, "--out", finished)
    assert (ran.returncode, ran.stdout) == (2, "")
    assert said in ran.stderr
    assert (finished / training_record.MODEL_FILE).read_bytes() == b"hours of work"


def test_a_finished_run_that_is_resumed_stays_as_it_is(finished: Path, run: Run) -> None:
    ran = run("train", "--recipe", "quick", "--resume", "--out", finished)
    assert ran.returncode == 0
    assert ran.stdout == (f"quick: validation accuracy 50.00 %, 7 weights, 9000 s -> {finished}\n")
    assert (finished / training_record.MODEL_FILE).read_bytes() == b"hours of work"


@pytest.mark.parametrize("part", [".", "teachers/1/teachers/2"])
def test_an_interrupted_run_is_not_restarted_without_the_option(
    part: str, tmp_path: Path, run: Run
) -> None:
    checkpoint = tmp_path / part / trainer.CHECKPOINT_FILE
    checkpoint.parent.mkdir(parents=True, exist_ok=True)
    checkpoint.write_bytes(b"hours of work")
    ran = run("train", "--recipe", "edge", "--out", tmp_path)
    assert (ran.returncode, ran.stdout) == (2, "")
    assert "holds an interrupted run: --resume continues it, --overwrite starts again" in ran.stderr
    assert checkpoint.read_bytes() == b"hours of work"


def test_resume_and_overwrite_cannot_be_combined(run: Run) -> None:
    ran = run("train", "--resume", "--overwrite")
    assert ran.returncode == 2
    assert "cannot be combined" in ran.stderr
