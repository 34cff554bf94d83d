from __future__ import annotations

import pytest

from mnist_edge.deployment.acceptance import min_correct


@pytest.mark.parametrize(("accuracy", "fewest"), [(1.0, 100), (0.99, 93), (0.95, 85), (0.5, 80)])
def test_the_minimum_allows_for_chance(accuracy: float, fewest: int) -> None:
    from scipy.stats import binom

    assert min_correct(accuracy, 100) == max(80, int(binom.ppf(1e-4, 100, accuracy)))
    assert abs(min_correct(accuracy, 100) - fewest) <= 2
