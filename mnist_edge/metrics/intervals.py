"""Confidence intervals and tests for accuracies and their differences.

Pure functions of counts. Two models that read the same digits are compared in pairs: digits that
both read alike say nothing about the difference, but would widen an interval that treated the two
accuracies as independent.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import NormalDist
from typing import NamedTuple

from mnist_edge.errors import InvalidValue

CONFIDENCE = 0.95
"""Default confidence of an interval, two-sided."""
POWER = 0.8
"""Default probability of detecting a true drop: J. Cohen's convention (Statistical Power Analysis
for the Behavioral Sciences, 1988, section 2.4)."""

_BISECTIONS = 60
"""Bisections of 0..1 until nothing of it is left in float64."""


class Interval(NamedTuple):
    """A confidence interval, both ends included."""

    low: float
    """Lower end."""
    high: float
    """Upper end."""


def wilson_interval(successes: int, trials: int, *, confidence: float = CONFIDENCE) -> Interval:
    """Return Wilson's score interval for a share.

    It contains the shares p whose distance from the observed share is at most z standard errors of
    p (E. B. Wilson, Probable Inference, the Law of Succession, and Statistical Inference, 1927,
    https://doi.org/10.1080/01621459.1927.10502953). Unlike the normal interval it stays within 0..1
    and has a width at 0 % and 100 %, near which accuracies on digits are.

    Args:
        successes: 0..trials.
        trials: 1 or more.
        confidence: two-sided, between 0 and 1.

    Raises:
        InvalidValue: an argument is outside its range.
    """
    if not 0 <= successes <= trials or trials < 1:
        raise InvalidValue(
            f"{successes} of {trials} is not a share; expected 0..n of n, with n at least 1"
        )
    z = _z(confidence)
    # Computed from the nearer end, so that both ends are exact there.
    if 2 * successes > trials:
        mirrored = wilson_interval(trials - successes, trials, confidence=confidence)
        return Interval(1 - mirrored.high, 1 - mirrored.low)
    share = successes / trials
    center = share + z * z / (2 * trials)
    half_width = z * math.sqrt(share * (1 - share) / trials + (z / (2 * trials)) ** 2)
    scale = 1 + z * z / trials
    # The product of both ends is the share squared, which avoids a cancellation.
    high = (center + half_width) / scale
    return Interval(share * share / scale / high if successes else 0.0, high)


def paired_interval(
    only_first: int, only_second: int, total: int, *, confidence: float = CONFIDENCE
) -> Interval:
    """Return Tango's score interval for the difference of two paired shares.

    It contains the differences d whose distance from the observed difference is at most z standard
    errors, taken at the most likely shares that differ by d (T. Tango, Equivalence test and
    confidence interval for the difference in proportions for the paired-sample design, Statistics
    in Medicine 17, 1998, pages 891-908). It is used because

    - it keeps its confidence with few discordant pairs, where the Wald interval is too narrow, or
      empty without any (recommended by M. Fagerland, S. Lydersen and P. Laake, Recommended tests
      and confidence intervals for paired binomial proportions, 2014,
      https://doi.org/10.1002/sim.6148);
    - it has a width even if the models never differ, that of Wilson's interval for 0 of ``total``;
      R. Newcombe's method 10 of the same year has almost none;
    - it excludes 0 exactly if McNemar's uncorrected test is significant, and depends on the
      concordant pairs only by their number.

    Args:
        only_first: pairs in which only the first succeeds, 0 or more.
        only_second: pairs in which only the second succeeds, 0 or more.
        total: all pairs, including those in which both or neither succeed.
        confidence: two-sided, between 0 and 1.

    Returns:
        Interval of the first share minus the second, -1..1; swapping both counts negates it
        exactly.

    Raises:
        InvalidValue: an argument is outside its range.
    """
    if min(only_first, only_second) < 0 or not 0 < total >= only_first + only_second:
        raise InvalidValue(
            f"{only_first} and {only_second} of {total} pairs; expected counts of 0 or more that "
            "add up to at most the total"
        )
    z = _z(confidence)
    return Interval(
        -_paired_upper(only_second, only_first, total, z),
        _paired_upper(only_first, only_second, total, z),
    )


def _paired_upper(first: int, second: int, total: int, z: float) -> float:
    """Return the upper end of Tango's interval, found by bisection."""
    low, high = (first - second) / total, 1.0
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        # Maximum-likelihood share of pairs won by the second: a quadratic's root in 0..1.
        half = (2 * total - first + second) * middle - first - second
        product = 8 * total * second * middle * (1 - middle)
        share = (math.sqrt(max(half * half + product, 0.0)) - half) / (4 * total)
        variance = total * (2 * share + middle * (1 - middle))
        if first - second - total * middle + z * math.sqrt(max(variance, 0.0)) > 0:
            low = middle
        else:
            high = middle
    return high


def difference_interval(
    first: float, around_first: Sequence[float], second: float, around_second: Sequence[float]
) -> Interval:
    """Return an interval for ``second - first`` from the two values' own intervals.

    The method of variance estimates recovery (G. Zou and A. Donner, Construction of confidence
    limits about effect measures: a general approach, Statistics in Medicine 27, 2008, pages
    1693-1702); for two shares with Wilson's intervals it is R. Newcombe's method 10 (Interval
    estimation for the difference between independent proportions, 1998). It assumes independence;
    for accuracies on the same digits, which are hard for both models or for neither, it is too wide
    rather than too narrow.

    Args:
        first: the value to subtract.
        around_first: its interval, low and high.
        second: the value to subtract from.
        around_second: its interval, of the same confidence.
    """
    difference = second - first
    return Interval(
        difference - math.hypot(second - around_second[0], around_first[1] - first),
        difference + math.hypot(around_second[1] - second, first - around_first[0]),
    )


def mcnemar_p(only_first: int, only_second: int) -> float:
    """Return the p-value of McNemar's exact two-sided test that two models are equally accurate.

    Under the null hypothesis a fair coin decides each discordant pair (Q. McNemar, Note on the
    sampling error of the difference between correlated proportions or percentages, 1947). The exact
    test is conservative: its p-value is often too large, never too small (M. Fagerland, S. Lydersen
    and P. Laake, 2013, https://doi.org/10.1186/1471-2288-13-91).

    Args:
        only_first: pairs in which only the first succeeds, 0 or more.
        only_second: pairs in which only the second succeeds, 0 or more.

    Returns:
        0..1, to eight digits for a million pairs.

    Raises:
        InvalidValue: a count is negative.
    """
    if min(only_first, only_second) < 0:
        raise InvalidValue(f"{only_first} and {only_second} pairs; expected counts of 0 or more")
    pairs, fewer = only_first + only_second, min(only_first, only_second)
    if 2 * fewer + 1 >= pairs:
        return 1.0
    largest = math.lgamma(pairs + 1) - math.lgamma(fewer + 1) - math.lgamma(pairs - fewer + 1)
    # The tail relative to its largest term; the terms after it fall at least geometrically.
    term = tail = 1.0
    for count in range(fewer, 0, -1):
        term *= count / (pairs - count + 1)
        tail += term
        if term < tail * 1e-17:
            break
    return min(1.0, 2 * tail * math.exp(largest - pairs * math.log(2)))


def digits_needed(
    drop: float, discordance: float, *, power: float = POWER, confidence: float = CONFIDENCE
) -> int:
    """Return the number of digits needed to detect a true drop.

    Sample size for McNemar's two-sided test without correction (R. Connor, Sample size for testing
    differences in proportions for the paired-sample design, Biometrics 43, 1987, pages 207-211),
    compared with others in P. Lachenbruch, On the sample size for studies based upon McNemar's
    test, Statistics in Medicine 11, 1992, pages 1521-1525.

    Args:
        drop: drop to detect, in percentage points, not 0; a gain needs as many digits.
        discordance: share of digits that only one of the models reads correctly, 0..1, as in
            ``Comparison.discordance``. It is at least the drop: a smaller value is raised to it.
        power: probability of detection, between 0.5 and 1.
        confidence: of the test, two-sided, between 0 and 1.

    Raises:
        InvalidValue: an argument is outside its range.
    """
    share = abs(drop) / 100
    if not 0 < share <= 1 or not 0 <= discordance <= 1:
        raise InvalidValue(
            f"a drop of {drop} points at a discordance of {discordance}; expected a drop of at "
            "most 100 points, not 0, and a discordance in 0..1"
        )
    if not 0.5 <= power < 1:
        raise InvalidValue(f"power {power} must be at least 0.5 and below 1")
    discordant = max(discordance, share)
    margin = _z(confidence) * math.sqrt(discordant) + NormalDist().inv_cdf(power) * math.sqrt(
        discordant - share * share
    )
    return math.ceil((margin / share) ** 2)


def _z(confidence: float) -> float:
    """Return the two-sided quantile of the standard normal distribution."""
    if not 0 < confidence < 1:
        raise InvalidValue(f"confidence {confidence} must be between 0 and 1")
    return NormalDist().inv_cdf((1 + confidence) / 2)
