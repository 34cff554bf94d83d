from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from converters import layer_error
from mnist_edge.data.mnist import Mnist
from mnist_edge.evaluation.reproduction import page
from mnist_edge.training import learning_curves, trainer, training_record, training_run
from mnist_edge.training.recipes import Recipe
from tests.support.recorder import Recorder, Train


@pytest.fixture(scope="session")
def small_mnist(mnist: Mnist) -> Mnist:
    """3,000, 1,000 and 1,000 real digits, which train in a second."""
    return replace(
        mnist,
        train=mnist.train.take(np.arange(3_000)),
        train_indices=mnist.train_indices[:3_000],
        validation=mnist.validation.take(np.arange(1_000)),
        test=mnist.test.take(np.arange(1_000)),
    )


@pytest.fixture(autouse=True)
def small_statistics_sample(monkeypatch: pytest.MonkeyPatch) -> None:
    """Measure the statistics of averaged weights on a sample that fits the small split."""
    monkeypatch.setattr(training_run, "STATISTICS_SIZE", 1_000)


@pytest.fixture(autouse=True)
def undrawn_curves(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave the plot of a training empty: drawing takes half a second and has tests of its own."""

    def leave_empty(
        rounds: Sequence[dict[str, float]],
        losses: Sequence[tuple[int, float]],
        target: Path,
        *,
        title: str,
    ) -> None:
        assert rounds
        target.touch()

    monkeypatch.setattr(trainer, "draw_curves", leave_empty)


@pytest.fixture
def train(small_mnist: Mnist) -> Train:
    """Train a recipe on the small split and return its record."""

    def run(
        recipe: Recipe,
        folder: Path,
        *,
        resume: bool = False,
        listener: Recorder | None = None,
    ) -> training_record.TrainingRecord:
        trainer.train(recipe, small_mnist, folder, resume=resume, listener=listener or Recorder())
        return training_record.read_training_record(folder)

    return run


@pytest.fixture
def figures(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The matplotlib figures that a test draws."""
    drawn: list[Any] = []
    new_figure = learning_curves.new_figure

    def keep(**size: float) -> Any:
        drawn.append(new_figure(**size))
        return drawn[-1]

    for module in (learning_curves, layer_error, page):
        monkeypatch.setattr(module, "new_figure", keep)
    return drawn
