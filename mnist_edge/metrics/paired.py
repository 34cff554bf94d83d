"""Two models over the same digits, paired digit by digit.

Pure functions of arrays: nothing is read, run, timed or printed here.
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
    """Two models over the same digits.

    Raises:
        InvalidValue: a count is negative, or all are 0.
    """

    both_right: int
    """Digits both read right."""
    only_reference: int
    """Digits the reference alone read right."""
    only_candidate: int
    """Digits the candidate alone read right."""
    both_wrong: int
    """Digits both misread."""
    agreement: float
    """Share of digits, 0..1, on which both give the same answer, right or wrong."""

    def __post_init__(self) -> None:
        counts = (self.both_right, self.only_reference, self.only_candidate, self.both_wrong)
        if min(counts) < 0 or not any(counts):
            raise InvalidValue(f"counts {counts} are no comparison: give none below 0, one above")

    @property
    def total(self) -> int:
        """Digits compared."""
        return self.both_right + self.only_reference + self.only_candidate + self.both_wrong

    @property
    def drop(self) -> float:
        """Accuracy lost from reference to candidate in percentage points; negative if gained."""
        return 100 * (self.only_reference - self.only_candidate) / self.total

    @property
    def drop_interval(self) -> Interval:
        """Where the drop lies with 95 % confidence, two-sided, in percentage points."""
        found = paired_interval(self.only_reference, self.only_candidate, self.total)
        return Interval(100 * found.low, 100 * found.high)

    @property
    def largest_drop(self) -> float:
        """The drop that all larger ones than are excluded, in percentage points.

        The upper end of the two-sided 95 % interval: one-sided, a confidence of 97.5 %, as is the
        custom where something is to be shown to be no worse (ICH E9, Statistical Principles for
        Clinical Trials, 1998, sections 3.3.2 and 5.5).
        """
        return self.drop_interval.high

    @property
    def p_value(self) -> float:
        """McNemar's exact two-sided p of no difference, 0..1."""
        return mcnemar_p(self.only_reference, self.only_candidate)

    @property
    def discordance(self) -> float:
        """Share of digits, 0..1, that one model alone read right."""
        return (self.only_reference + self.only_candidate) / self.total


def compare(
    reference: NDArray[Any], candidate: NDArray[Any], labels: NDArray[np.uint8]
) -> Comparison:
    """Pairs two models' answers, digit by digit.

    Args:
        reference: ``(n, 10)`` logits.
        candidate: ``(n, 10)`` logits of the same digits in the same order.
        labels: ``(n,)``, 0..9.

    Raises:
        InvalidValue: the three are not equally long, or empty.
    """
    _require_pairs(reference, candidate, labels)
    first, second = reference.argmax(axis=1), candidate.argmax(axis=1)
    right, also_right = first == labels, second == labels
    return Comparison(
        both_right=int((right & also_right).sum()),
        only_reference=int((right & ~also_right).sum()),
        only_candidate=int((~right & also_right).sum()),
        both_wrong=int((~right & ~also_right).sum()),
        agreement=float((first == second).mean()),
    )


def compare_by_class(
    reference: NDArray[Any], candidate: NDArray[Any], labels: NDArray[np.uint8]
) -> dict[int, Comparison]:
    """The comparison of each digit by itself: its drop is the recall lost, with an interval.

    Ten intervals of 95 % are ten chances to miss: one in two or three such tables has a digit whose
    interval leaves out its true drop.

    Args:
        reference: as for ``compare``, and so the others.
        candidate: logits.
        labels: those that occur are the keys, ascending.

    Raises:
        InvalidValue: as ``compare``.
    """
    _require_pairs(reference, candidate, labels)
    return {
        int(label): compare(reference[chosen], candidate[chosen], labels[chosen])
        for label in np.unique(labels)
        for chosen in [labels == label]
    }


def _require_pairs(
    reference: NDArray[Any], candidate: NDArray[Any], labels: NDArray[np.uint8]
) -> None:
    if not len(reference) == len(candidate) == len(labels) > 0:
        raise InvalidValue(
            f"{len(reference)} and {len(candidate)} answers to {len(labels)} digits cannot be "
            "paired: give one of each model to every digit, and one digit at least"
        )
