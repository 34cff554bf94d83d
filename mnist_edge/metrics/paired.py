"""Paired comparison of two models on the same digits.

Pure functions of arrays.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mnist_edge.errors import InvalidValue
from mnist_edge.metrics.intervals import Interval, mcnemar_p, paired_interval


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """How two models, a reference and a candidate, answer the same digits.

    Raises:
        InvalidValue: a count is negative, or all are 0.
    """

    both_right: int
    """Digits that both read correctly."""
    only_reference: int
    """Digits that only the reference reads correctly."""
    only_candidate: int
    """Digits that only the candidate reads correctly."""
    both_wrong: int
    """Digits that both misread."""
    agreement: float
    """Share of digits with the same answer, right or wrong, 0..1."""

    def __post_init__(self) -> None:
        counts = (self.both_right, self.only_reference, self.only_candidate, self.both_wrong)
        if min(counts) < 0 or not any(counts):
            raise InvalidValue(f"counts {counts}; expected 0 or more each, and at least one digit")

    @property
    def total(self) -> int:
        """Number of digits."""
        return self.both_right + self.only_reference + self.only_candidate + self.both_wrong

    @property
    def drop(self) -> float:
        """Accuracy lost from reference to candidate, in percentage points; negative for a gain."""
        return 100 * (self.only_reference - self.only_candidate) / self.total

    @property
    def drop_interval(self) -> Interval:
        """95 % confidence interval of the drop, two-sided, in percentage points."""
        interval = paired_interval(self.only_reference, self.only_candidate, self.total)
        return Interval(100 * interval.low, 100 * interval.high)

    @property
    def largest_drop(self) -> float:
        """Largest drop that the data do not exclude, in percentage points.

        The upper end of the two-sided 95 % interval, which is a one-sided bound at 97.5 %, the
        convention for showing non-inferiority (ICH E9, Statistical Principles for Clinical Trials,
        1998, sections 3.3.2 and 5.5).
        """
        return self.drop_interval.high

    @property
    def p_value(self) -> float:
        """P-value of McNemar's exact two-sided test for no difference, 0..1."""
        return mcnemar_p(self.only_reference, self.only_candidate)

    @property
    def discordance(self) -> float:
        """Share of digits that only one of the models reads correctly, 0..1."""
        return (self.only_reference + self.only_candidate) / self.total


def compare(
    reference: NDArray[Any], candidate: NDArray[Any], labels: NDArray[np.uint8]
) -> Comparison:
    """Compare two models' most likely digits, digit by digit.

    Args:
        reference: ``(n, 10)`` logits.
        candidate: ``(n, 10)`` logits of the same digits in the same order.
        labels: ``(n,)``, 0..9.

    Raises:
        InvalidValue: the three differ in length, or are empty.
    """
    return compare_answers(reference.argmax(axis=1), candidate.argmax(axis=1), labels)


def compare_answers(
    reference: NDArray[np.integer[Any]],
    candidate: NDArray[np.integer[Any]],
    labels: NDArray[np.uint8],
) -> Comparison:
    """Compare two models' answers digit by digit.

    Args:
        reference: ``(n,)`` answers: 0..9, or any other number for an abstention.
        candidate: ``(n,)`` answers to the same digits in the same order.
        labels: ``(n,)``, 0..9.

    Raises:
        InvalidValue: the three differ in length, or are empty.
    """
    if not len(reference) == len(candidate) == len(labels) > 0:
        raise InvalidValue(
            f"{len(reference)} and {len(candidate)} answers to {len(labels)} digits cannot be "
            "paired; expected one answer of each model per digit, and at least one digit"
        )
    right, also_right = reference == labels, candidate == labels
    return Comparison(
        both_right=int((right & also_right).sum()),
        only_reference=int((right & ~also_right).sum()),
        only_candidate=int((~right & also_right).sum()),
        both_wrong=int((~right & ~also_right).sum()),
        agreement=float((reference == candidate).mean()),
    )
