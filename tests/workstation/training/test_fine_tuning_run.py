"""A fine-tuning's rounds: when they stop, and what teaches."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from mnist_edge.data.mnist import Mnist
from mnist_edge.training import fine_tuning, fine_tuning_run
from mnist_edge.training.fine_tuning_run import FineTuning, FineTuningRun
from mnist_edge.training.losses import NO_DIGIT
from tests.support.lessons import lesson
from tests.support.paths import ROOT


@pytest.fixture(scope="module")
def run(mnist: Mnist) -> Any:
    """A run of the smallest shipped model, not begun."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(fine_tuning_run, "_DRAWN_OUTLIERS", 60)
        parent = fine_tuning.load_parent(ROOT / "models" / "micro")
        yield FineTuningRun(parent, lesson(watched=6), mnist, FineTuning(rounds=5))


@pytest.mark.slow
def test_a_round_has_each_picture_digits_of_mnist_and_outliers(run: FineTuningRun) -> None:
    pictures = run.round_pictures(0)
    counts = np.bincount(pictures.labels)
    assert counts[6] > 500
    assert counts[9] > 500
    assert all(counts[label] > 200 for label in range(10))
    assert counts[NO_DIGIT] == 60
    again, other = run.round_pictures(0), run.round_pictures(1)
    np.testing.assert_array_equal(pictures.images, again.images)
    assert not np.array_equal(pictures.labels, other.labels)


@pytest.mark.slow
def test_the_parent_teaches_where_it_is_right_and_the_label_where_it_is_not(
    run: FineTuningRun, mnist: Mnist
) -> None:
    digits = mnist.validation.take(np.arange(20))
    taught = run.targets(digits)[:, 1:]
    assert (taught.argmax(axis=1) == digits.labels).all()
    wrong = fine_tuning_run.without_digit(digits.images)
    np.testing.assert_allclose(run.targets(wrong)[:, 1:], 0.1, atol=1e-6)


def test_the_best_round_is_that_of_the_watched_pictures_and_patience_ends_it(
    run: FineTuningRun,
) -> None:
    states = []
    for loss in (0.5, 0.2, 0.3, 0.4, 0.21):
        run.progress.rounds.append({"watched_cross_entropy": loss})
        states.append((run.best_round(), run.is_finished))
    run.progress.rounds.clear()
    assert states == [(0, False), (1, False), (1, False), (1, False), (1, True)]
    assert run.best_round() == -1
