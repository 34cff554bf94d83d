from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from mnist_edge.training.outliers import sketches
from mnist_edge.training.outliers.primitives import CANVAS, Ink, Random

SKETCHES = [
    sketches.written_letter,
    sketches.written_lookalike,
    sketches.doubtful_letter,
    sketches.shape,
    sketches.arrow,
    sketches.tick,
    sketches.scribble,
    sketches.curl,
    sketches.cursive,
    sketches.grid,
    sketches.garment,
]


@pytest.mark.parametrize("draw", SKETCHES, ids=lambda draw: draw.__name__)
def test_a_sketch_has_ink_and_paper_and_no_two_are_alike(draw: Callable[[Random], Ink]) -> None:
    random = np.random.default_rng(1)
    drawn = [draw(random) for _ in range(15)]
    assert {ink.shape for ink in drawn} == {(CANVAS, CANVAS)}
    assert all(0.02 < (ink > 0.1).mean() < 0.9 for ink in drawn)
    assert len({ink.tobytes() for ink in drawn}) == len(drawn)


def test_a_garment_has_levels_of_gray_as_cloth_has() -> None:
    random = np.random.default_rng(1)
    levels = [len(np.unique(sketches.garment(random))) for _ in range(10)]
    assert np.median(levels) > 50
