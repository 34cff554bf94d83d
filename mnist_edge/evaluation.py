"""Logits and labels to figures: what was right, how sure of it, and two models side by side.

Pure functions of arrays: nothing is read, run, timed or printed here.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

CALIBRATION_BINS = 15
"""Bins of confidence that a calibration error is taken over, as Guo et al. have them."""
MOST_WRONG = 0.001
"""Share of the answers that may be wrong: five of 5,000, about the least that so few tell from
none."""
LEAST_ANSWERED = 0.99
"""Share of the digits that must be answered all the same. A model that reads 99 % of them then
asks about no more digits than it misreads."""

_TEMPERATURES = (0.01, 100.0)
"""Least and greatest temperature that is looked for."""
_HALVINGS = 60
"""Halvings of that range's logarithm, after which nothing is left of it in float64."""


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


def softmax(logits: ArrayLike, *, temperature: float = 1.0) -> NDArray[np.float64]:
    """Probabilities of the last axis, finite for any finite logits.

    ``exp(z / T)`` over its sum. The largest logit is subtracted first, which changes nothing but
    keeps the exponentials in 0..1.

    Args:
        logits: ``(..., n)``.
        temperature: above 0; a higher one brings the probabilities nearer to each other.

    Returns:
        Of the logits' shape.
    """
    values = np.asarray(logits, np.float64)
    exponentials = np.exp((values - values.max(axis=-1, keepdims=True)) / temperature)
    probabilities: NDArray[np.float64] = exponentials / exponentials.sum(axis=-1, keepdims=True)
    return probabilities


def fit_temperature(logits: NDArray[Any], labels: NDArray[np.uint8]) -> float:
    """What logits are to be divided by for their softmax to be as sure as it is right.

    Temperature scaling: the T of least mean negative log-likelihood of ``softmax(logits / T)``
    (Guo et al. 2017, On Calibration of Modern Neural Networks, section 4.2,
    https://arxiv.org/abs/1706.04599). The likelihood is convex in 1/T, so that its slope, what the
    softmax expects of the logits less the right digit's own, changes sign once: that place is
    found by halving.

    Args:
        logits: ``(n, 10)``.
        labels: ``(n,)``, 0..9.

    Returns:
        0.01..100; 1.0 where every digit is read right: the likelihood then grows without end as T
        falls, and says nothing.
    """
    if count_correct(logits, labels) == len(labels):
        return 1.0
    values = np.asarray(logits, np.float64)
    # Measured from the right digit's logit, which is then 0.
    values = values - values[np.arange(len(labels)), labels][:, np.newaxis]
    low, high = map(math.log, _TEMPERATURES)
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        expected = softmax(values, temperature=math.exp(middle)) * values
        if expected.sum() > 0:  # surer than right
            low = middle
        else:
            high = middle
    return math.exp((low + high) / 2)


def calibration_error(
    probabilities: NDArray[np.float64],
    labels: NDArray[np.uint8],
    *,
    bins: int = CALIBRATION_BINS,
) -> float:
    """How far confidence is from accuracy: the expected calibration error, 0..1.

    The digits are sorted into bins of equal width by confidence; the gap between mean confidence
    and accuracy of each counts by its share of the digits (Guo et al. 2017, equation 3,
    https://arxiv.org/abs/1706.04599).

    Args:
        probabilities: ``(n, 10)``.
        labels: ``(n,)``, 0..9.
        bins: how many.
    """
    confidences = probabilities.max(axis=1)
    right = probabilities.argmax(axis=1) == labels
    # A bin holds its upper edge: (0, 1/15], (1/15, 2/15] and so on.
    chosen = np.ceil(confidences * bins).astype(int) - 1
    gaps = np.bincount(chosen, weights=right - confidences, minlength=bins)
    return float(np.abs(gaps).sum() / len(labels))


def choose_threshold(
    confidences: NDArray[np.float64],
    right: NDArray[np.bool_],
    *,
    most_wrong: float = MOST_WRONG,
    least_answered: float = LEAST_ANSWERED,
) -> float:
    """The confidence below which it is better to give no answer.

    The lowest one that leaves at most ``most_wrong`` of the answers wrong. Where that would take
    more silence than ``least_answered`` allows, the one within it that leaves the smallest share
    wrong.

    Args:
        confidences: ``(n,)``, 0..1, of validation digits.
        right: ``(n,)``, whether each was read right.
        most_wrong: share of the answered digits, 0..1.
        least_answered: share of all digits, 0..1.

    Returns:
        One of the confidences, or 0.0 where every digit may be answered.
    """
    order = np.argsort(confidences, kind="stable")
    # A threshold withholds all that lie below it: of equal confidences, all or none.
    thresholds, withheld = np.unique(confidences[order], return_index=True)
    answered = len(order) - withheld
    wrong = np.cumsum(~right[order][::-1])[::-1][withheld]
    allowed = answered / len(order) >= least_answered
    shares = (wrong / answered)[allowed]
    first = int(np.argmax(shares <= max(most_wrong, shares.min())))
    return float(thresholds[first]) if first else 0.0


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
