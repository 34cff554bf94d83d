from __future__ import annotations

import numpy as np

from mnist_edge.training.outliers.icons import icon
from mnist_edge.training.outliers.primitives import CANVAS


def test_an_icon_has_ink_and_paper_and_no_two_are_alike() -> None:
    random = np.random.default_rng(1)
    drawn = [icon(random) for _ in range(40)]
    assert {ink.shape for ink in drawn} == {(CANVAS, CANVAS)}
    assert all(0.03 < (ink > 0.5).mean() < 0.8 for ink in drawn)
    assert len({ink.tobytes() for ink in drawn}) == len(drawn)
