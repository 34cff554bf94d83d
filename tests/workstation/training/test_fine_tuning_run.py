"""A fine-tuning's rounds: when they stop, and what teaches."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from mnist_edge.data.mnist import Digits, Mnist
from mnist_edge.training import fine_tuning, fine_tuning_run
from mnist_edge.training.fine_tuning_run import FineTuning, FineTuningRun
from mnist_edge.training.losses import NO_DIGIT
from mnist_edge.training.pen_width import measure_pen_widths
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


@pytest.mark.slow
def test_a_network_that_forgot_mnist_is_blended_with_the_smallest_share(run: FineTuningRun) -> None:
    run.progress.rounds.append({"watched_cross_entropy": 0.5})
    kept = [np.asarray(one) for one in run.best]
    random = np.random.RandomState(1)
    for one in run.best:
        one.assign(np.asarray(one) + random.normal(0, 0.3, one.shape))
    network, record = run.finish()
    assert record["share"] == 0.3
    for value, old, new in zip(network.get_weights(), kept, run.best, strict=True):
        np.testing.assert_allclose(value, old + 0.3 * (np.asarray(new) - old), atol=1e-5)
    for one, value in zip(run.best, kept, strict=True):
        one.assign(value)
    run.progress.rounds.clear()


def test_some_of_mnists_digits_are_written_with_the_users_pens(run: FineTuningRun) -> None:
    own = measure_pen_widths(run.lesson.learned.images)
    digits = Digits(
        images=np.repeat(run.lesson.watched.images, 400, axis=0), labels=np.zeros(2400, np.uint8)
    )
    written = run.with_own_pens(digits, np.random.RandomState(1))
    changed = (written.images != digits.images).any(axis=(1, 2))
    assert 500 < changed.sum() <= 1000
    widths = measure_pen_widths(written.images[:1000])
    assert abs(widths.mean() - own.mean()) < 0.5
