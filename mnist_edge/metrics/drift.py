"""Whether a week's readings differ from those of the weeks before by more than chance.

A permutation test on days. Readings within a day are not independent (a display shows the same
digits for hours, a form has one writer), so tests that count each reading, such as chi-squared,
would alarm all the time. Days are compared instead, each weekday with its own kind: if nothing has
changed, which Monday belongs to this week is a matter of chance, and so for every weekday.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
from numpy.typing import NDArray

from mnist_edge import CLASSES

REASONS = ("blank", "not-one-digit", "low-confidence")
"""Why there is no digit."""
ANSWERS = (*map(str, range(CLASSES)), *REASONS)
"""What a reading can be."""
FALSE_ALARM_RATE = 0.001
"""Probability that a week is said to differ though nothing has changed, for all figures together:
one in a thousand weeks. A week is judged once it is complete, and always alike, so looking often
does not make false alarms more likely."""
WEEKS_BEFORE = 8
"""Weeks that a week is compared with, at most."""
FIGURES = ("digits", "abstentions", "confidence")
"""What is compared: the mix of digits, the share of each reason for an abstention, and the mean
confidence. The false-alarm rate is shared between them evenly (Bonferroni)."""

_DRAWS = 9999
"""Random arrangements of the days; the smallest p-value is one in as many and one more."""
_SEED = 0
_DAYS = 7


@dataclass(frozen=True, kw_only=True)
class DayCounts:
    """What was read on one day."""

    counts: tuple[int, ...]
    """Number of readings by answer, as in ``ANSWERS``."""
    confidence: float
    """Sum of the confidences of all of them, each 0..1."""


@dataclass(frozen=True, kw_only=True)
class WeekDifference:
    """How a week differs from those before."""

    monday: date
    """First day of the week."""
    p_values: Mapping[str, float]
    """By figure, corrected for the number of figures, 0..1."""
    share_before: NDArray[np.float64]
    """``(13,)``, the share of each answer in the weeks before, on the same weekdays."""
    share: NDArray[np.float64]
    """``(13,)``, the same in the week."""
    confidence_before: float
    """Mean confidence in the weeks before, 0..1."""
    confidence: float
    """Mean confidence in the week, 0..1."""

    @property
    def differing(self) -> list[str]:
        """The figures that differ by more than chance explains."""
        return [name for name, p in self.p_values.items() if p <= FALSE_ALARM_RATE]


def compare_last_week(
    days: Mapping[date, DayCounts], today: date, *, draws: int = _DRAWS
) -> WeekDifference | None:
    """Compare the last complete week, Monday to Sunday, with the weeks before.

    The p-value is the share of arrangements whose statistic is at least as large, the real one
    counted as one of them, which keeps the false-alarm rate exact for any number of draws
    (B. Phipson and G. Smyth, Permutation p-values should never be zero, 2010,
    https://doi.org/10.2202/1544-6115.1585).

    Args:
        days: what was read, by day; days without a reading are left out.
        today: the day on which this is asked.
        draws: random arrangements of the days.

    Returns:
        None if there are too few days to show any difference: with readings on all weekdays, three
        weeks before the last are enough.
    """
    monday = today - timedelta(days=today.weekday() + _DAYS)
    pools = []
    for weekday in range(_DAYS):
        own = days.get(monday + timedelta(days=weekday))
        if own is None or not sum(own.counts):
            continue
        before = (
            days.get(monday + timedelta(days=weekday - _DAYS * week))
            for week in range(1, WEEKS_BEFORE + 1)
        )
        pools.append(_table([own, *(day for day in before if day and sum(day.counts))]))
    arrangements = np.prod([float(len(pool)) for pool in pools])
    if arrangements * FALSE_ALARM_RATE < len(FIGURES):
        return None
    generator = np.random.default_rng(_SEED)
    # The first is the real one: this week's days come first in each pool.
    picked = np.zeros((1 + draws, len(ANSWERS) + 1))
    for pool in pools:
        rows = generator.integers(0, len(pool), 1 + draws)
        rows[0] = 0
        picked += pool[rows]
    total = np.sum([pool.sum(axis=0) for pool in pools], axis=0)
    left = total - picked
    statistics = _statistics(picked, left)
    at_least = (statistics >= statistics[0] * (1 - 1e-9)).sum(axis=0)
    p_values = np.minimum(1.0, len(FIGURES) * at_least / (1 + draws))
    return WeekDifference(
        monday=monday,
        p_values=dict(zip(FIGURES, p_values.tolist(), strict=True)),
        share_before=left[0, :-1] / left[0, :-1].sum(),
        share=picked[0, :-1] / picked[0, :-1].sum(),
        confidence_before=float(left[0, -1] / left[0, :-1].sum()),
        confidence=float(picked[0, -1] / picked[0, :-1].sum()),
    )


def _table(days: Sequence[DayCounts]) -> NDArray[np.float64]:
    """Return ``(days, 14)``: the counts by answer, and the sum of the confidences."""
    return np.array([[*day.counts, day.confidence] for day in days], np.float64)


def _statistics(week: NDArray[np.float64], before: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return ``(draws, 3)``: how far apart two groups of days are in each figure."""
    abstained = slice(CLASSES, -1)
    answered = [group[:, :CLASSES].sum(axis=1, keepdims=True) for group in (week, before)]
    reasons = [
        np.hstack([count, group[:, abstained]])
        for count, group in zip(answered, (week, before), strict=True)
    ]
    means = [group[:, -1] / group[:, :-1].sum(axis=1) for group in (week, before)]
    return np.column_stack(
        [
            _chi_squared(week[:, :CLASSES], before[:, :CLASSES]),
            _chi_squared(*reasons),
            np.abs(means[0] - means[1]),
        ]
    )


def _chi_squared(first: NDArray[np.float64], second: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the distance of two groups' counts, ``(draws, cells)`` each, row by row."""
    sizes = [np.maximum(group.sum(axis=1, keepdims=True), 1) for group in (first, second)]
    ratio = np.sqrt(sizes[1] / sizes[0])
    both = np.maximum(first + second, 1)
    distance: NDArray[np.float64] = ((first * ratio - second / ratio) ** 2 / both).sum(axis=1)
    return distance
