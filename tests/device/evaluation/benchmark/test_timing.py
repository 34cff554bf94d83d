from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mnist_edge.evaluation.benchmark.timing import (
    summarize_latency,
    summarize_ratio,
    time_interleaved,
)
from tests.support.clocks import Clock

SECONDS = st.lists(st.floats(1e-6, 1e3), min_size=1, max_size=50)


def test_calls_are_timed_in_turn() -> None:
    clock = Clock()
    times = time_interleaved([clock.work("A", 1), clock.work("B", 3)], rounds=3, clock=clock)
    assert clock.called == "ABABAB"
    assert times == [[1, 1, 1], [3, 3, 3]]


@given(SECONDS)
def test_percentiles_equal_numpys(seconds: list[float]) -> None:
    found = summarize_latency(seconds, warm_up=7)
    expected = 1e6 * np.percentile(seconds, [50, 95, 99])
    assert [found.median_us, found.p95_us, found.p99_us] == pytest.approx(expected)
    assert (found.runs, found.warm_up) == (len(seconds), 7)


@given(SECONDS, st.floats(0.1, 10))
def test_a_slow_round_does_not_change_the_ratio(slow: list[float], ratio: float) -> None:
    found = summarize_ratio([ratio * times for times in slow], slow)
    assert [found.low, found.median, found.high] == pytest.approx(3 * [ratio])
