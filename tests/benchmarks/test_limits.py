from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from benchmarks.accuracy.limits import LIMITS, Level, draw_level, measure, reached, summary, table
from mnist_edge import Classifier

EASY = Level(limit="height", level=28, pictures=100, right=1, wrong=0, withheld=0)
HARDER = replace(EASY, level=20, right=0.95, withheld=0.05)
HARD = replace(EASY, level=14, right=0.5, wrong=0.1, withheld=0.4)


@pytest.mark.parametrize("name", LIMITS)
def test_a_level_is_drawn_again_from_its_seed(name: str) -> None:
    level = LIMITS[name].levels[0]
    first, again, other = (draw_level(name, level, index, seed=1) for index in (0, 0, 1))
    assert first[1] == again[1]
    assert np.array_equal(np.asarray(first[0]), np.asarray(again[0]))
    assert not np.array_equal(np.asarray(first[0]), np.asarray(other[0]))


def test_a_limit_is_the_last_level_before_the_first_failure() -> None:
    assert reached([EASY, HARDER, HARD], 0.97) == 28
    assert reached([EASY, HARDER, HARD], 0.9) == 20
    assert reached([HARD, EASY], 0.9) is None


def test_levels_and_limits_are_tables() -> None:
    assert table([HARD]).splitlines()[1].split()[:3] == ["height", "14", "100"]
    line = summary({"height": [EASY, HARDER, HARD]}).splitlines()[1]
    assert line == f"height            28      20  {LIMITS['height'].unit}"


@pytest.mark.slow
def test_easy_levels_are_read_and_hopeless_ones_withheld() -> None:
    classifier = Classifier()
    easy, *_, hopeless = measure(classifier, "contrast", count=3, seed=1)
    assert easy.right == 1
    assert hopeless.withheld == 1
