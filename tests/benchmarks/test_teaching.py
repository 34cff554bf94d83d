from __future__ import annotations

import numpy as np
import pytest

from benchmarks.accuracy.teaching import Scores, TeachingRow, table
from benchmarks.accuracy.writers import WRITERS, count_holes, draw_writer
from mnist_edge.data.mnist import Mnist
from mnist_edge.training.habits import HABITS


@pytest.mark.parametrize("name", WRITERS)
def test_a_writer_is_drawn_again_from_its_seed(name: str, mnist: Mnist) -> None:
    first, again, other = (
        draw_writer(name, mnist, 20, seed=seed, measured=False) for seed in (1, 1, 2)
    )
    assert np.array_equal(first.images, again.images)
    assert not np.array_equal(first.images, other.images)
    assert len(np.unique(first.labels)) > 1
    measured = draw_writer(name, mnist, 20, seed=1, measured=True)
    assert len(measured) == 20
    if name in HABITS:
        assert set(measured.labels) == {HABITS[name].digit}


def test_what_nobody_can_read_is_left_out(mnist: Mnist) -> None:
    drawn = draw_writer("slashed 0", mnist, 30, seed=3, measured=True)
    assert all(count_holes(image) for image in drawn.images)
    ring = np.zeros((28, 28), np.uint8)
    ring[4:24, 6:22] = 255
    assert count_holes(ring) == 0
    ring[8:20, 10:18] = 0
    assert count_holes(ring) == 1


def test_a_row_has_the_misreadings_that_are_gone() -> None:
    row = TeachingRow(
        writer="square 6",
        pictures=30,
        before=Scores(right=0.8, mnist=0.9967, outliers=0.02),
        after=Scores(right=0.95, mnist=0.9965, outliers=0.025),
        seconds=31.4,
    )
    assert row.gone == pytest.approx(0.75)
    words = " ".join(table([row]).splitlines()[1].split())
    assert words == "square 6 30 80.0 % 95.0 % 75 % -0.02 +0.50 31 s"
