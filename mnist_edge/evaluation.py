"""Predictions and labels to figures; two models' predictions to a paired comparison.

Pure functions of arrays: nothing is read, run, timed or printed here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Two models over the same digits."""

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

    @property
    def total(self) -> int:
        """Digits compared."""
        return self.both_right + self.only_reference + self.only_candidate + self.both_wrong

    @property
    def drop(self) -> float:
        """Accuracy lost from reference to candidate in percentage points; negative if gained."""
        return 100 * (self.only_reference - self.only_candidate) / self.total


def count_correct(logits: NDArray[Any], labels: NDArray[np.uint8]) -> int:
    """How many digits the largest logit names rightly.

    Args:
        logits: ``(n, 10)``, or anything that orders the digits alike.
        labels: ``(n,)``, 0..9.
    """
    return int((logits.argmax(axis=1) == labels).sum())


def compare(
    reference: NDArray[Any], candidate: NDArray[Any], labels: NDArray[np.uint8]
) -> Comparison:
    """Pairs two models' answers, digit by digit.

    Args:
        reference: ``(n, 10)`` logits.
        candidate: ``(n, 10)`` logits of the same digits in the same order.
        labels: ``(n,)``, 0..9.
    """
    first, second = reference.argmax(axis=1), candidate.argmax(axis=1)
    right, also_right = first == labels, second == labels
    return Comparison(
        both_right=int((right & also_right).sum()),
        only_reference=int((right & ~also_right).sum()),
        only_candidate=int((~right & also_right).sum()),
        both_wrong=int((~right & ~also_right).sum()),
        agreement=float((first == second).mean()),
    )
