"""Fine-tuning: what it learns, what it refuses, and that it can be interrupted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mnist_edge.data.mnist import Digits, Mnist
from mnist_edge.errors import CheckpointMismatch, InvalidModel, InvalidValue, UnsuitableModel
from mnist_edge.training import fine_tuning, fine_tuning_run, training_record
from mnist_edge.training.fine_tuning_run import FineTuning, Lesson
from mnist_edge.training.frameworks import import_keras
from mnist_edge.training.training_run import predict_logits
from tests.support.lessons import LINEAGE, later_digits, lesson
from tests.support.paths import ROOT
from tests.support.recorder import Recorder, weights


@pytest.fixture(autouse=True)
def small_rounds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Mix few digits and outliers into each round."""
    monkeypatch.setattr(fine_tuning_run, "_DIGITS", 300)
    monkeypatch.setattr(fine_tuning_run, "_OUTLIERS", 40)
    monkeypatch.setattr(fine_tuning_run, "_DRAWN_OUTLIERS", 60)


@pytest.fixture(scope="module")
def parent() -> Any:
    """The smallest shipped model."""
    return fine_tuning.load_parent(ROOT / "models" / "micro")


def tune(
    parent: Any, mnist: Mnist, folder: Path, *, lesson_: Lesson, **options: Any
) -> training_record.TrainingRecord:
    options = {"resume": False, "listener": Recorder(), "settings": FineTuning(rounds=3), **options}
    return fine_tuning.fine_tune(parent, lesson_, mnist, folder, **options)


@pytest.mark.slow
def test_a_writers_digits_are_learned_and_mnists_are_not_forgotten(
    parent: Any, mnist: Mnist, tmp_path: Path
) -> None:
    record = tune(parent, mnist, tmp_path, lesson_=lesson(watched=6))
    taught = import_keras().models.load_model(tmp_path / "model.keras", compile=False)

    def right(model: Any, digits: Digits) -> float:
        return float((predict_logits(model, digits).argmax(axis=1) == digits.labels).mean())

    later = later_digits(200)
    assert right(taught, later) > right(parent, later) + 0.1
    validation = mnist.validation
    assert right(taught, validation) > right(parent, validation) - 0.003
    assert record.validation_accuracy == right(taught, validation)
    # The result is a blend of what it was and what it became.
    assert 0 < record.rounds[-1]["share"] <= 1
    assert training_record.read_training_record(tmp_path).lineage == record.lineage
    assert record.parent_points == {"balanced": 0.5, "careful": 0.9}
    assert record.learned_sha256 == ("cd" * 32,)
    assert not (tmp_path / "checkpoint.npz").exists()


@pytest.mark.slow
def test_a_resumed_run_ends_with_the_weights_of_one_never_interrupted(
    parent: Any, small_mnist: Mnist, tmp_path: Path
) -> None:
    parts, learned = tmp_path / "parts", lesson(watched=6)
    tune(parent, small_mnist, tmp_path / "whole", lesson_=learned)
    interrupting = Recorder(stop_after_rounds=1)
    with pytest.raises(KeyboardInterrupt):
        tune(parent, small_mnist, parts, lesson_=learned, listener=interrupting)
    assert not (parts / "model.keras").exists()
    with pytest.raises(CheckpointMismatch):
        tune(parent, small_mnist, parts, lesson_=lesson(), resume=True)
    resuming = Recorder()
    tune(parent, small_mnist, parts, lesson_=learned, resume=True, listener=resuming)
    assert resuming.starts[0][1] > 0
    for a, b in zip(weights(tmp_path / "whole"), weights(parts), strict=True):
        np.testing.assert_array_equal(a, b)
    # What is finished is not repeated.
    again = Recorder()
    tune(parent, small_mnist, parts, lesson_=learned, resume=True, listener=again)
    assert not again.starts


def test_a_single_digit_cannot_be_taught() -> None:
    digits = later_digits(10)
    sixes = digits.take(np.flatnonzero(digits.labels == 6))
    for taught, words in ((sixes, "only the digit 6"), (sixes.take(np.arange(0)), "no digit")):
        with pytest.raises(InvalidValue, match=words):
            Lesson(
                name="x",
                learned=taught,
                watched=sixes,
                lineage=LINEAGE,
                parent_points=None,
                sha256=(),
            )


def test_test_digits_are_recognized_by_their_pixels(small_mnist: Mnist) -> None:
    test = small_mnist.test
    fine_tuning.require_unseen(small_mnist.train.take(np.arange(5)), test)
    with pytest.raises(InvalidValue, match="2 of the pictures are test digits"):
        fine_tuning.require_unseen(test.take(np.array([3, 7])), test)


@pytest.mark.parametrize(("field", "value"), [("rounds", 0), ("learning_rate", 0.0), ("seed", -1)])
def test_settings_out_of_range_are_refused(field: str, value: float) -> None:
    with pytest.raises(InvalidValue):
        FineTuning(**{field: value})  # type: ignore[arg-type]  # that is what is tested


def test_a_damaged_or_foreign_model_cannot_be_a_parent(tmp_path: Path) -> None:
    (tmp_path / "model.keras").write_bytes(b"no archive")
    with pytest.raises(InvalidModel, match="cannot be loaded"):
        fine_tuning.load_parent(tmp_path)
    keras = import_keras()
    keras.Sequential([keras.Input((28, 28)), keras.layers.Flatten(), keras.layers.Dense(3)]).save(
        tmp_path / "model.keras"
    )
    with pytest.raises(UnsuitableModel, match="expected 28x28"):
        fine_tuning.load_parent(tmp_path)
