"""How sure a share of digits is, and how sure the difference between two shares of them is.

Pure functions of counts. Two models that read the same digits are compared in pairs: what both read
alike says nothing about the difference, and would widen an interval that took the two shares for
independent.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import NormalDist
from typing import NamedTuple

from mnist_edge.errors import InvalidValue

CONFIDENCE = 0.95
"""Two-sided confidence of an interval unless another is asked for."""
POWER = 0.8
"""Chance of seeing a drop that is there: J. Cohen's convention (Statistical Power Analysis for the
Behavioral Sciences, 1988, section 2.4)."""

_HALVINGS = 60
"""Halvings of 0..1, after which nothing is left of it in float64."""


class Interval(NamedTuple):
    """The values that data do not speak against, both ends included."""

    low: float
    """The least of them."""
    high: float
    """The greatest of them."""


def wilson_interval(successes: int, trials: int, *, confidence: float = CONFIDENCE) -> Interval:
    """Where a share lies that was seen as ``successes`` of ``trials``.

    The score interval (E. B. Wilson, Probable Inference, the Law of Succession, and Statistical
    Inference, 1927, https://doi.org/10.1080/01621459.1927.10502953): the shares p from which the
    one that was seen is no further away than z of p's own standard errors. It stays within 0..1
    and has a width at 0 % and 100 %, near which accuracies of digits are.

    Args:
        successes: 0..trials.
        trials: 1 or more.
        confidence: two-sided, between 0 and 1.

    Raises:
        InvalidValue: an argument is outside its range.
    """
    if not 0 <= successes <= trials or trials < 1:
        raise InvalidValue(f"{successes} of {trials} is no share: give 0..n of n, which is above 0")
    z = _z(confidence)
    # From the other end where that is nearer, so that both ends are exact there.
    if 2 * successes > trials:
        mirrored = wilson_interval(trials - successes, trials, confidence=confidence)
        return Interval(1 - mirrored.high, 1 - mirrored.low)
    share = successes / trials
    middle = share + z * z / (2 * trials)
    reach = z * math.sqrt(share * (1 - share) / trials + (z / (2 * trials)) ** 2)
    scale = 1 + z * z / trials
    # The product of both ends is the share squared, which spares a difference of near equals.
    high = (middle + reach) / scale
    return Interval(share * share / scale / high if successes else 0.0, high)


def paired_interval(
    only_first: int, only_second: int, total: int, *, confidence: float = CONFIDENCE
) -> Interval:
    """Where the difference of two shares over the same digits lies.

    The score interval for paired shares (T. Tango, Equivalence test and confidence interval for
    the difference in proportions for the paired-sample design, Statistics in Medicine 17, 1998,
    pages 891-908): the differences d from which the one that was seen is no further away than z
    standard errors, these taken at the likeliest shares that differ by d. It is chosen because

    - it holds its confidence with few discordant pairs, where the plain interval is too narrow,
      and none at all with none (M. Fagerland, S. Lydersen and P. Laake, Recommended tests and
      confidence intervals for paired binomial proportions, 2014, https://doi.org/10.1002/sim.6148,
      recommend it);
    - two models that never differ still get a width, that of Wilson's interval of 0 among
      ``total``; R. Newcombe's method 10 of the same year gives theirs next to none;
    - it leaves out 0 exactly where McNemar's uncorrected test says so, and depends on the digits
      that both read alike by their number only.

    Args:
        only_first: what the first alone has, 0 or more.
        only_second: what the second alone has, 0 or more.
        total: pairs, those of which both or neither has it included.
        confidence: two-sided, between 0 and 1.

    Returns:
        Of the first share less the second, -1..1; with both counts changed over, exactly its
        negative.

    Raises:
        InvalidValue: an argument is outside its range.
    """
    if min(only_first, only_second) < 0 or not 0 < total >= only_first + only_second:
        raise InvalidValue(
            f"{only_first} and {only_second} of {total} are no pairs: give none below 0, and no "
            "more of both than there are"
        )
    z = _z(confidence)
    return Interval(
        -_paired_upper(only_second, only_first, total, z),
        _paired_upper(only_first, only_second, total, z),
    )


def _paired_upper(first: int, second: int, total: int, z: float) -> float:
    """The greatest difference that Tango's score does not exclude, found by halving."""
    low, high = (first - second) / total, 1.0
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        # The likeliest share of ``second`` alone: the root of a quadratic that is in 0..1.
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
    """Where the second of two figures less the first lies, from the intervals that they have.

    The method of variance estimates recovery (G. Zou and A. Donner, Construction of confidence
    limits about effect measures: a general approach, Statistics in Medicine 27, 2008, pages
    1693-1702); of two shares with Wilson's intervals it is R. Newcombe's method 10 (Interval
    estimation for the difference between independent proportions, 1998). It takes the figures for
    independent; where both are of the same digits, which are hard for both or for neither, it is
    too wide rather than too narrow.

    Args:
        first: the figure that is taken off.
        around_first: its interval, from and to.
        second: the figure that it is taken off.
        around_second: its interval, of the same confidence.
    """
    difference = second - first
    return Interval(
        difference - math.hypot(second - around_second[0], around_first[1] - first),
        difference + math.hypot(around_second[1] - second, first - around_first[0]),
    )


def mcnemar_p(only_first: int, only_second: int) -> float:
    """How often chance alone would part two equal models' successes this unevenly, or more so.

    Q. McNemar's test (Note on the sampling error of the difference between correlated proportions
    or percentages, 1947) in its exact, two-sided form: of the pairs that differ, a fair coin says
    which model has it right. Never too small, and often too large: M. Fagerland, S. Lydersen and
    P. Laake, 2013, https://doi.org/10.1186/1471-2288-13-91.

    Args:
        only_first: what the first alone has, 0 or more.
        only_second: what the second alone has, 0 or more.

    Returns:
        0..1; of a million pairs to eight digits.

    Raises:
        InvalidValue: a count is negative.
    """
    if min(only_first, only_second) < 0:
        raise InvalidValue(f"{only_first} and {only_second} are no counts: give none below 0")
    pairs, fewer = only_first + only_second, min(only_first, only_second)
    if 2 * fewer + 1 >= pairs:
        return 1.0
    largest = math.lgamma(pairs + 1) - math.lgamma(fewer + 1) - math.lgamma(pairs - fewer + 1)
    # The tail in parts of its largest term, from which on they fall at least geometrically.
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
    """How many digits it takes to see a drop that is there.

    By R. Connor, Sample size for testing differences in proportions for the paired-sample design,
    Biometrics 43, 1987, pages 207-211, for McNemar's two-sided test without correction; P.
    Lachenbruch, On the sample size for studies based upon McNemar's test, Statistics in Medicine
    11, 1992, pages 1521-1525, compares it with others.

    Args:
        drop: to be seen, in percentage points, 0 left out; a gain takes as many.
        discordance: share of digits that one model alone reads right, 0..1, as
            ``Comparison.discordance`` measures it. A drop needs one as large as itself: a smaller
            one counts as that.
        power: chance to see it, between 0.5 and 1.
        confidence: of the test, two-sided, between 0 and 1.

    Raises:
        InvalidValue: an argument is outside its range.
    """
    share = abs(drop) / 100
    if not 0 < share <= 1 or not 0 <= discordance <= 1:
        raise InvalidValue(
            f"a drop of {drop} points at a discordance of {discordance} cannot be: give 0..100 "
            "points, 0 left out, and 0..1"
        )
    if not 0.5 <= power < 1:
        raise InvalidValue(f"power {power} is outside 0.5..1, 1 left out")
    differing = max(discordance, share)
    reach = _z(confidence) * math.sqrt(differing) + NormalDist().inv_cdf(power) * math.sqrt(
        differing - share * share
    )
    return math.ceil((reach / share) ** 2)


def _z(confidence: float) -> float:
    """Standard errors to either side that hold a share of a normal distribution."""
    if not 0 < confidence < 1:
        raise InvalidValue(f"confidence {confidence} is not between 0 and 1")
    return NormalDist().inv_cdf((1 + confidence) / 2)
