from __future__ import annotations

import math

import numpy as np
import pytest
import scipy
from hypothesis import given
from hypothesis import strategies as st

from mnist_edge.errors import InvalidValue
from mnist_edge.metrics.intervals import (
    Interval,
    difference_interval,
    digits_needed,
    mcnemar_p,
    paired_interval,
    wilson_interval,
)

Z = 1.959963984540054
COUNTS = st.tuples(*[st.integers(0, 40)] * 3).filter(any)
"""Counts of what only the first, only the second, and both or neither have right."""


@pytest.mark.parametrize(
    ("successes", "trials", "low", "high"),
    [
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_wilsons_interval_is_the_published_one(
    successes: int, trials: int, low: float, high: float
) -> None:
    # R. Newcombe, Two-sided confidence intervals for the single proportion: comparison of seven
    # methods, 1998, table I, method 3.
    assert wilson_interval(successes, trials) == pytest.approx((low, high), abs=5e-5)


@given(st.integers(1, 100_000), st.data(), st.sampled_from([0.8, 0.9, 0.95, 0.99]))
def test_wilsons_interval_equals_scipys(
    trials: int, data: st.DataObject, confidence: float
) -> None:
    successes = data.draw(st.integers(0, trials))
    found = wilson_interval(successes, trials, confidence=confidence)
    theirs = scipy.stats.binomtest(successes, trials).proportion_ci(confidence, method="wilson")
    assert found == pytest.approx((theirs.low, theirs.high), rel=1e-6, abs=1e-12)
    assert 0 <= found.low <= successes / trials <= found.high <= 1
    assert found.low < found.high


def test_wilsons_interval_is_exact_at_0_and_1() -> None:
    assert wilson_interval(0, 10_000).low == 0
    assert wilson_interval(10_000, 10_000).high == 1


def test_the_interval_of_a_drop_is_the_published_one() -> None:
    # Children's airways before and after a transplantation: 1 and 7 of 21 differ (M. Fagerland, S.
    # Lydersen and P. Laake, 2014, https://doi.org/10.1002/sim.6148).
    assert paired_interval(1, 7, 21) == pytest.approx((-0.517, -0.026), abs=5e-4)


def likeliest(first: int, second: int, total: int, difference: float) -> float:
    """Find by search the share of second-only that maximizes the likelihood at a difference."""

    def unlikeliness(share: float) -> float:
        cells = (share + difference, share, 1 - 2 * share - difference)
        counts = (first, second, total - first - second)
        return -sum(n * math.log(max(p, 1e-300)) for n, p in zip(counts, cells, strict=True) if n)

    bounds = (max(0.0, -difference), (1 - difference) / 2)
    return float(
        scipy.optimize.minimize_scalar(unlikeliness, bounds=bounds, options={"xatol": 1e-12}).x
    )


@pytest.mark.parametrize(
    ("first", "second", "total"),
    [(1, 7, 21), (6, 16, 161), (40, 20, 160), (3, 0, 50), (5, 4, 9), (12, 3, 10_000)],
)
def test_the_ends_of_a_drops_interval_are_z_standard_errors_away(
    first: int, second: int, total: int
) -> None:
    def score(difference: float) -> float:
        share = likeliest(first, second, total, difference)
        variance = (2 * share + difference - difference**2) / total
        return ((first - second) / total - difference) / math.sqrt(variance)

    seen = (first - second) / total
    low = scipy.optimize.brentq(lambda one: score(one) - Z, -0.999, seen)
    high = scipy.optimize.brentq(lambda one: score(one) + Z, seen, 0.999)
    found = paired_interval(first, second, total)
    assert found == pytest.approx((low, high), abs=2e-5)


@given(COUNTS)
def test_swapping_the_models_negates_the_interval_of_a_drop(counts: tuple[int, int, int]) -> None:
    first, second, rest = counts
    low, high = paired_interval(first, second, sum(counts))
    assert paired_interval(second, first, sum(counts)) == (-high, -low)
    assert -1 <= low <= (first - second) / (first + second + rest) <= high <= 1
    assert low < high


@given(COUNTS)
def test_the_interval_of_a_drop_excludes_0_where_mcnemars_uncorrected_test_does(
    counts: tuple[int, int, int],
) -> None:
    first, second, _ = counts
    low, high = paired_interval(first, second, sum(counts))
    seen = abs(first - second) > Z * math.sqrt(first + second)
    assert (low > 0 or high < 0) == seen


@given(COUNTS)
def test_more_digits_make_an_interval_narrower(counts: tuple[int, int, int]) -> None:
    first, second, rest = counts
    low, high = paired_interval(first, second, sum(counts))
    also_low, also_high = paired_interval(10 * first, 10 * second, 10 * (first + second + rest))
    assert also_high - also_low < high - low


@pytest.mark.parametrize("total", [1, 100, 10_000])
def test_models_that_never_differ_have_wilsons_interval_of_0(total: int) -> None:
    low, high = paired_interval(0, 0, total)
    assert low == -high
    assert high == pytest.approx(wilson_interval(0, total).high)


def test_the_interval_of_a_drop_has_its_coverage() -> None:
    # Few digits differ, as two schemes of one model do: 20 of 10,000 are expected to.
    random = np.random.RandomState(1)
    shares = (0.0014, 0.0006, 0.998)
    draws = random.multinomial(10_000, shares, size=2_000)
    intervals = [paired_interval(int(first), int(second), 10_000) for first, second, _ in draws]
    covered = np.mean([low <= shares[0] - shares[1] <= high for low, high in intervals])
    assert 0.935 < covered < 0.975


def test_the_interval_of_a_difference_is_the_published_one() -> None:
    # Newcombe 1998, table II, method 10: 56 of 70 against 48 of 80, and 9 of 10 against 3 of 10.
    for first, second, low, high in (
        ((48, 80), (56, 70), 0.0524, 0.3339),
        ((3, 10), (9, 10), 0.1705, 0.8090),
    ):
        found = difference_interval(
            first[0] / first[1], wilson_interval(*first), second[0] / second[1],
            wilson_interval(*second),
        )  # fmt: skip
        assert found == pytest.approx((low, high), abs=5e-5)


def test_mcnemars_p_is_the_published_one() -> None:
    # The airways again: M. Fagerland, S. Lydersen and P. Laake, The McNemar test for binary
    # matched-pairs data, 2013, https://doi.org/10.1186/1471-2288-13-91.
    assert mcnemar_p(1, 7) == pytest.approx(0.0703, abs=5e-5)


@given(st.integers(0, 500_000), st.integers(-3_000, 3_000))
def test_mcnemars_p_equals_scipys_up_to_a_million_pairs(fewer: int, more: int) -> None:
    first, second = fewer, max(0, fewer + more)
    theirs = scipy.stats.binomtest(first, first + second).pvalue if first + second else 1.0
    assert mcnemar_p(first, second) == pytest.approx(theirs, rel=1e-6, abs=1e-300)
    assert mcnemar_p(second, first) == mcnemar_p(first, second)


def test_mcnemars_p_is_1_without_a_difference() -> None:
    assert mcnemar_p(0, 0) == mcnemar_p(3, 3) == mcnemar_p(4, 3) == 1
    assert mcnemar_p(0, 1_000_000) == 0
    assert mcnemar_p(0, 10) == 2 / 2**10


@pytest.mark.parametrize(("power", "confidence"), [(0.8, 0.95), (0.9, 0.9)])
def test_the_sample_size_is_connors(power: float, confidence: float) -> None:
    # 45 % against 5 % of the pairs, by hand: (1.96 0.7071 + 0.8416 0.5831)^2 / 0.16 = 22.01.
    assert digits_needed(40, 0.5, power=power, confidence=confidence) == 23


def test_the_sample_size_has_its_power() -> None:
    drop, discordance = 0.2, 0.01
    total = digits_needed(drop, discordance)
    shares = ((discordance + drop / 100) / 2, (discordance - drop / 100) / 2, 1 - discordance)
    first, second, _ = np.random.RandomState(1).multinomial(total, shares, size=20_000).T
    seen = first - second > Z * np.sqrt(first + second)
    assert seen.mean() == pytest.approx(0.8, abs=0.015)


@given(st.floats(0.01, 50), st.floats(0, 1))
def test_a_smaller_drop_needs_more_digits(drop: float, discordance: float) -> None:
    needed = digits_needed(drop, discordance)
    assert needed >= 1
    assert digits_needed(-drop, discordance) == needed
    assert digits_needed(drop / 2, discordance) >= needed
    assert digits_needed(drop, discordance / 2) <= needed
    assert digits_needed(drop, discordance, power=0.95) >= needed


def test_invalid_counts_are_refused() -> None:
    for successes, trials_ in ((-1, 2), (3, 2), (0, 0)):
        with pytest.raises(InvalidValue, match="is not a share"):
            wilson_interval(successes, trials_)
    for first, second, total in ((-1, 0, 2), (2, 1, 2), (0, 0, 0)):
        with pytest.raises(InvalidValue, match="add up to at most the total"):
            paired_interval(first, second, total)
    with pytest.raises(InvalidValue, match="expected counts of 0 or more"):
        mcnemar_p(-1, 3)
    for drop, discordance in ((0.0, 0.1), (101.0, 0.1), (1.0, 1.1)):
        with pytest.raises(InvalidValue, match="expected a drop of at most"):
            digits_needed(drop, discordance)
    with pytest.raises(InvalidValue, match="power"):
        digits_needed(1, 0.1, power=1)
    with pytest.raises(InvalidValue, match="confidence"):
        wilson_interval(1, 2, confidence=1.0)


def test_an_interval_names_its_ends() -> None:
    assert Interval(1, 2) == (1, 2) == Interval(low=1, high=2)
