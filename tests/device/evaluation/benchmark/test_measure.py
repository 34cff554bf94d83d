from __future__ import annotations

import pytest

from mnist_edge.errors import InvalidValue
from mnist_edge.evaluation.benchmark.measure import BenchmarkPlan, interleaved_ratios
from tests.support.clocks import Clock


def test_ratios_are_to_the_first_call_and_the_first_round_is_a_warm_up() -> None:
    clock = Clock()
    calls = [clock.work("A", 2), clock.work("B", 4), clock.work("C", 1)]
    half, double = interleaved_ratios(calls, rounds=2, clock=clock)[::-1]
    assert clock.called == "ABCABCABC"
    assert (double.median, half.median, half.rounds) == (2, 0.5, 2)


@pytest.mark.parametrize("name", ["digits", "pictures", "rounds", "starts"])
def test_a_plan_without_anything_to_measure_is_refused(name: str) -> None:
    with pytest.raises(InvalidValue, match=f"{name} 0"):
        BenchmarkPlan(**{name: 0})
