"""Logits to probabilities, and how sure a model must be of its answer to give it.

Pure functions of arrays: nothing is read, run, timed or printed here.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

MAX_ERROR_RATE = 0.001
"""Share of the answers that may be wrong: five of 5,000, about the least that so few tell from
none."""
MIN_COVERAGE = 0.99
"""Share of the digits that must be answered all the same. A model that reads 99 % of them then
asks about no more digits than it misreads."""

_TEMPERATURES = (0.01, 100.0)
"""Least and greatest temperature that is looked for."""
_HALVINGS = 60
"""Halvings of that range's logarithm, after which nothing is left of it in float64."""


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


def choose_threshold(
    confidences: NDArray[np.float64],
    right: NDArray[np.bool_],
    *,
    max_error_rate: float = MAX_ERROR_RATE,
    min_coverage: float = MIN_COVERAGE,
) -> float:
    """The confidence below which it is better to give no answer.

    The lowest one that leaves at most ``max_error_rate`` of the answers wrong. Where that would
    take more silence than ``min_coverage`` allows, the one within it that leaves the smallest share
    wrong.

    Args:
        confidences: ``(n,)``, 0..1, of validation digits.
        right: ``(n,)``, whether each was read right.
        max_error_rate: share of the answered digits, 0..1.
        min_coverage: share of all digits, 0..1.

    Returns:
        One of the confidences, or 0.0 where every digit may be answered.
    """
    order = np.argsort(confidences, kind="stable")
    # A threshold withholds all that lie below it: of equal confidences, all or none.
    thresholds, withheld = np.unique(confidences[order], return_index=True)
    answered = len(order) - withheld
    wrong = np.cumsum(~right[order][::-1])[::-1][withheld]
    allowed = answered / len(order) >= min_coverage
    shares = (wrong / answered)[allowed]
    first = int(np.argmax(shares <= max(max_error_rate, shares.min())))
    return float(thresholds[first]) if first else 0.0
