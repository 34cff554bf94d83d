"""``train --from``: what is refused, listed and asked about before a network learns."""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import typer
from PIL import Image

from mnist_edge.commands.train_from import find_parent
from mnist_edge.data.mnist import Digits, Mnist
from mnist_edge.errors import ModelNotFound
from mnist_edge.modelstore import loading
from mnist_edge.system import paths
from mnist_edge.training import fine_tuning, suspect_labels
from mnist_edge.training.fine_tuning_run import Lesson
from mnist_edge.training.losses import NO_DIGIT
from mnist_edge.training.suspect_labels import SuspectLabel
from mnist_edge.training.training_record import TrainingRecord
from tests.support.paths import ROOT
from tests.support.programs import Run
from tests.support.writers import draw_pictures, squares

MICRO = ROOT / "models" / "micro"


@pytest.fixture
def writer(tmp_path: Path) -> Path:
    """A folder of twelve pictures of two digits."""
    draw_pictures(tmp_path / "writer", squares(12, seed=3))
    return tmp_path / "writer"


@pytest.fixture
def lessons(monkeypatch: pytest.MonkeyPatch) -> list[Lesson]:
    """The lessons that would be taught; nothing is trained."""
    taught: list[Lesson] = []

    def note(parent: Any, lesson: Lesson, *_: Any, **__: Any) -> TrainingRecord:
        taught.append(lesson)
        return TrainingRecord(
            settings={},
            data_sha256={},
            parameters=7,
            versions={},
            rounds=[{"val_accuracy": 0.5}],
            losses=[],
            seconds=1,
        )

    monkeypatch.setattr(fine_tuning, "fine_tune", note)
    return taught


def without_keras(tmp_path: Path) -> list[str]:
    shutil.copytree(MICRO, tmp_path / "installed", ignore=shutil.ignore_patterns("model.keras"))
    return ["--from", str(tmp_path / "installed"), "--pictures", str(tmp_path / "writer")]


def unlabeled(tmp_path: Path) -> list[str]:
    (tmp_path / "empty").mkdir()
    return ["--from", str(MICRO), "--pictures", str(tmp_path / "empty")]


def other_labels(tmp_path: Path) -> list[str]:
    (tmp_path / "labels.csv").write_text("path,label\na.png,seven\n")
    return ["--from", str(MICRO), "--data", str(tmp_path / "labels.csv")]


def finished(tmp_path: Path) -> list[str]:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "model.keras").touch()
    where = ["--out", str(tmp_path / "run")]
    return ["--from", str(MICRO), "--pictures", str(tmp_path / "writer"), *where]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (lambda _: ["--from", str(MICRO)], "--from needs labelled pictures"),
        (lambda _: ["--pictures", "writer"], "add --from MODEL"),
        (lambda _: ["--from", "edgy", "--pictures", "writer"], "no model 'edgy'"),
        (lambda _: ["--from", "cnn", "--pictures", "writer"], "has no model.keras"),
        (without_keras, "a clone of the project has them"),
        (unlabeled, "no labelled picture in"),
        (other_labels, "row 2 of .* label 'seven'"),
        (finished, "holds a finished run: --overwrite"),
        (lambda _: ["--from", str(MICRO), "--pictures", "writer", "--epochs", "0"], "epochs 0"),
        (
            lambda _: ["--from", str(MICRO), "--pictures", "writer", "--teachers", "runs"],
            "leave out --teachers",
        ),
        (
            lambda _: ["--from", str(MICRO), "--pictures", "writer", "--out", str(MICRO)],
            "holds the model to start from",
        ),
    ],
)
def test_what_cannot_be_taught_is_refused_in_one_line(
    arguments: Callable[[Path], list[str]],
    said: str,
    writer: Path,
    run: Run,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    outcome = run("train", *arguments(tmp_path))
    assert outcome.returncode in (1, 2)
    assert outcome.stdout == ""
    assert outcome.stderr.count("\n") == 1
    assert re.search(said, outcome.stderr), outcome.stderr


def test_a_shipped_model_learns_by_the_keras_file_of_its_clone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    without = shutil.ignore_patterns("model.keras")
    shutil.copytree(MICRO, tmp_path / "installed" / "micro", ignore=without)
    shutil.copytree(MICRO, tmp_path / "a clone" / "models" / "micro")
    for module in (loading, paths):
        monkeypatch.setattr(module, "shipped_models_folder", lambda: tmp_path / "installed")
    monkeypatch.setattr(paths, "installed_from", (tmp_path / "a clone").as_uri)
    cloned = tmp_path / "a clone" / "models" / "micro"
    assert find_parent("micro").path == cloned / "int8.tflite"
    for name in ("int8.tflite", "int8.json"):
        shutil.copy(ROOT / "models" / "nano" / name, cloned)
    with pytest.raises(ModelNotFound, match=r"no model\.keras, .*mnist-edge/models/micro"):
        find_parent("micro")


@pytest.mark.slow
def test_pictures_are_split_and_what_teaches_nothing_is_listed(
    writer: Path, lessons: list[Lesson], run: Run, tmp_path: Path
) -> None:
    Image.new("L", (90, 90), 255).save(writer / "6" / "blank.png")
    (writer / "6" / "torn.png").write_bytes(b"no picture")
    draw_pictures(tmp_path / "more", squares(4, seed=4), first=50)
    (tmp_path / "more" / "6").rename(tmp_path / "more" / "x")
    ran = run(
        *("train", "--from", MICRO, "--data", writer, "--data", tmp_path / "more"),
        *("--out", tmp_path / "out"),
    )
    assert ran.returncode == 0, ran.stderr
    (lesson,) = lessons
    assert lesson.name == "micro-taught"
    counts = np.bincount(lesson.learned.labels, minlength=11)
    assert counts[6] + counts[9] + counts[NO_DIGIT] == len(lesson.learned) == 12
    assert lesson.lineage.pictures == len(lesson.sha256) == 12
    assert "blank.png teaches nothing: the front end finds nothing in it" in ran.stderr
    assert "torn.png teaches nothing" in ran.stderr
    assert "4 pictures are left to prove a gain with, which hardly ever suffices" in ran.stderr


@pytest.mark.slow
def test_a_doubtful_label_is_listed_and_on_a_terminal_asked_about(
    writer: Path, lessons: list[Lesson], run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def suspect(parent: Any, pictures: Digits, references: Digits) -> list[SuspectLabel]:
        return [SuspectLabel(index=i, label=6, suggested=9) for i in (0, 1, 2)]

    monkeypatch.setattr(suspect_labels, "find_suspect_labels", suspect)
    arguments = ("train", "--from", MICRO, "--pictures", writer, "--out", tmp_path / "out")
    listed = run(*arguments)
    assert listed.returncode == 0
    assert "000.png is labelled 6, and looks like 9 beside the others" in listed.stderr
    assert "correct the labels that are wrong, and rerun" in listed.stderr

    answers = iter(["-", "maybe", "9", "6"])
    monkeypatch.setattr(typer, "prompt", lambda *_, **__: next(answers))
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    run(*arguments)
    as_labeled, asked = (np.bincount(lesson.learned.labels)[[6, 9]] for lesson in lessons)
    assert as_labeled.sum() == 9
    assert asked.sum() == 8 or asked.sum() == 9
    assert asked[0] < as_labeled[0]


@pytest.mark.slow
def test_digits_of_the_test_set_are_refused(
    mnist: Mnist, lessons: list[Lesson], run: Run, tmp_path: Path
) -> None:
    for index in range(4):
        folder = tmp_path / "own" / str(mnist.test.labels[index])
        folder.mkdir(parents=True)
        Image.fromarray(mnist.test.images[index]).save(folder / "a.png")
    ran = run("train", "--from", MICRO, "--pictures", tmp_path / "own", "--out", tmp_path / "out")
    assert ran.returncode == 2
    assert "are test digits of MNIST" in ran.stderr
    assert not lessons
