"""Drift: how often a week is said to differ without a reason, and with one."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from typing import TypeAlias

import numpy as np
import pytest
from numpy.typing import NDArray

from mnist_edge.metrics.drift import (
    ANSWERS,
    FALSE_ALARM_RATE,
    FIGURES,
    DayCounts,
    compare_last_week,
)

Mix: TypeAlias = NDArray[np.float64]
"""Shares of the answers."""
TODAY = date(2026, 11, 25)
"""A Wednesday."""
MONDAY = date(2026, 11, 16)
"""The first day of the last complete week."""
MIX: Mix = np.array([0.095] * 10 + [0.01, 0.01, 0.03])


def simulate(
    seed: int, *, weeks: int = 9, changed: Callable[[Mix], Mix] | None = None
) -> dict[date, DayCounts]:
    """Days whose readings hang together, more of them on workdays, with other digits on Sundays.

    Args:
        seed: of the random numbers.
        weeks: complete ones, the last included.
        changed: makes the mix of the last week.
    """
    random = np.random.default_rng(seed)
    days = {}
    for number in range(7 * weeks):
        day = MONDAY + timedelta(days=6 - number)
        mix = changed(MIX) if changed and day >= MONDAY else MIX
        if day.weekday() == 6:
            mix = np.roll(mix, 1) * [3, *[1] * 12]
        # One day's mix is as if of 40 readings, however many there are.
        shares = random.dirichlet(40 * mix / mix.sum())
        size = random.poisson(300 if day.weekday() < 5 else 40)
        counts = random.multinomial(size, shares)
        confidence = float(counts.sum() * random.normal(0.97, 0.01))
        days[day] = DayCounts(counts=tuple(counts.tolist()), confidence=confidence)
    return days


def more_abstentions(mix: Mix) -> Mix:
    return np.array([*mix[:10] * 0.7, *mix[10:] * 7])


@pytest.mark.slow
def test_false_alarms_are_as_rare_as_documented() -> None:
    # At the rate itself it would take a hundred thousand histories; the test is the same at 5 %.
    histories = 300
    smallest = []
    for seed in range(histories):
        difference = compare_last_week(simulate(seed), TODAY, draws=299)
        assert difference is not None
        smallest.append(min(difference.p_values.values()))
    alarms = sum(p <= 0.05 for p in smallest)
    # Three standard errors above 5 % of 300.
    assert alarms <= 15 + 3 * (300 * 0.05 * 0.95) ** 0.5
    assert alarms > 0
    assert sum(p <= 0.5 for p in smallest) > 75


@pytest.mark.slow
def test_a_test_that_counts_readings_would_alarm_all_the_time() -> None:
    scipy_stats = pytest.importorskip("scipy.stats")
    alarms = 0
    for seed in range(20):
        days = simulate(seed)
        week = sum(np.array(one.counts) for day, one in days.items() if day >= MONDAY)
        before = sum(np.array(one.counts) for day, one in days.items() if day < MONDAY)
        alarms += scipy_stats.chi2_contingency([week, before]).pvalue < FALSE_ALARM_RATE
    assert alarms > 15


def test_a_change_is_found_and_named() -> None:
    found = 0
    for seed in range(10):
        difference = compare_last_week(simulate(seed, changed=more_abstentions), TODAY)
        assert difference is not None
        found += "abstentions" in difference.differing
        assert difference.share[10:].sum() > difference.share_before[10:].sum()
    assert found >= 9


def test_the_answer_is_the_same_on_each_day_of_the_next_week() -> None:
    days = simulate(0, changed=more_abstentions)
    first = compare_last_week(days, date(2026, 11, 23))
    last = compare_last_week(days, date(2026, 11, 29))
    assert first is not None
    assert last is not None
    assert first.monday == last.monday == MONDAY
    assert first.p_values == last.p_values
    assert tuple(first.p_values) == FIGURES
    # The day after is of the next week, which has no readings yet.
    assert compare_last_week(days, date(2026, 11, 30)) is None


def test_too_few_days_give_no_result() -> None:
    assert compare_last_week({}, TODAY) is None
    assert compare_last_week(simulate(0, weeks=3), TODAY) is None
    assert compare_last_week(simulate(0, weeks=4), TODAY) is not None
    empty = DayCounts(counts=(0,) * len(ANSWERS), confidence=0.0)
    days = {day: empty if day < MONDAY else one for day, one in simulate(0).items()}
    assert compare_last_week(days, TODAY) is None


def test_equal_weeks_do_not_differ() -> None:
    counts = tuple(range(1, len(ANSWERS) + 1))
    one = DayCounts(counts=counts, confidence=0.9 * sum(counts))
    days = {MONDAY + timedelta(days=6 - number): one for number in range(63)}
    difference = compare_last_week(days, TODAY)
    assert difference is not None
    assert set(difference.p_values.values()) == {1.0}
    assert difference.confidence == pytest.approx(difference.confidence_before)
