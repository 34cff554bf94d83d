"""Softmax, temperature scaling, and the confidence threshold below which a model abstains.

Pure functions of arrays.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

MAX_ERROR_RATE = 0.001
"""Maximum share of wrong answers: five of 5,000, about the smallest rate that so few digits
distinguish from zero."""
MIN_COVERAGE = 0.99
"""Minimum share of digits to answer. A model with 99 % accuracy then abstains no more often than it
misreads."""

_TEMPERATURES = (0.01, 100.0)
"""Range in which the temperature is fitted."""
_BISECTIONS = 60
"""Bisections of that range's logarithm until nothing of it is left in float64."""


def count_correct(logits: NDArray[Any], labels: NDArray[np.uint8]) -> int:
    """Count the digits whose largest logit is at their label.

    Args:
        logits: ``(n, 10)``, or any scores in the same order.
        labels: ``(n,)``, 0..9.
    """
    return int((logits.argmax(axis=1) == labels).sum())


def softmax(logits: ArrayLike, *, temperature: float = 1.0) -> NDArray[np.float64]:
    """Return the probabilities over the last axis, finite for any finite logits.

    ``exp(z / T)`` divided by its sum. The largest logit is subtracted first, which cancels out and
    keeps the exponentials in 0..1.

    Args:
        logits: ``(..., n)``.
        temperature: above 0; higher temperatures make the probabilities more equal.

    Returns:
        Same shape as the logits.
    """
    values = np.asarray(logits, np.float64)
    exponentials = np.exp((values - values.max(axis=-1, keepdims=True)) / temperature)
    probabilities: NDArray[np.float64] = exponentials / exponentials.sum(axis=-1, keepdims=True)
    return probabilities


class TabulatedSoftmax:
    """``softmax`` of ten logits at a time that are integers of 8 bits: the same, bit for bit.

    An exponential is looked up by the largest logit and its own; a row of the table is computed
    when it is needed for the first time.

    Args:
        levels: ``(256,)``, the logit that each integer stands for: those from 0 on, then the
            negative ones, as they index a table. They grow with the integer.
        temperature: as for ``softmax``.
    """

    def __init__(self, levels: NDArray[np.float32], *, temperature: float = 1.0) -> None:
        self._levels, self._temperature = levels.astype(np.float64), temperature
        self._exponentials: dict[int, list[float]] = {}

    def __call__(self, integers: Sequence[int]) -> list[float]:
        """Return the probabilities of ten integers.

        Ten numbers of Python's take a third of the time of an array of ten.
        """
        highest = max(integers)
        row = self._exponentials.get(highest)
        if row is None:
            below = np.minimum(self._levels - self._levels[highest], 0)  # what is above has no use
            row = self._exponentials[highest] = np.exp(below / self._temperature).tolist()
        exponentials = [row[integer] for integer in integers]
        a, b, c, d, e, f, g, h, i, j = exponentials
        # In this order numpy adds ten numbers.
        total = ((a + b) + (c + d)) + ((e + f) + (g + h)) + i + j
        return [exponential / total for exponential in exponentials]


def negative_log_likelihood(
    logits: NDArray[Any], labels: NDArray[np.uint8], *, temperature: float = 1.0
) -> float:
    """Return the mean negative log-likelihood of the labels, in nats, 0 or more.

    Computed from logits, so it is finite even for a confident wrong answer.

    Args:
        logits: ``(n, 10)``.
        labels: ``(n,)``, 0..9.
        temperature: of the softmax, above 0.
    """
    scaled = np.asarray(logits, np.float64) / temperature
    shifted = scaled - scaled.max(axis=1, keepdims=True)
    label_logits = shifted[np.arange(len(labels)), labels]
    return float((np.log(np.exp(shifted).sum(axis=1)) - label_logits).mean())


def fit_temperature(logits: NDArray[Any], labels: NDArray[np.uint8]) -> float:
    """Fit the softmax temperature (temperature scaling).

    Minimizes the mean negative log-likelihood of ``softmax(logits / T)`` (Guo et al. 2017, On
    Calibration of Modern Neural Networks, section 4.2, https://arxiv.org/abs/1706.04599). It is
    convex in 1/T, so its derivative, the softmax's expected logit minus the label's logit, has one
    zero, which bisection finds.

    Args:
        logits: ``(n, 10)``.
        labels: ``(n,)``, 0..9.

    Returns:
        0.01..100; 1.0 if every digit is read correctly, as the likelihood then has no maximum.
    """
    if count_correct(logits, labels) == len(labels):
        return 1.0
    values = np.asarray(logits, np.float64)
    # Relative to the label's logit, which becomes 0.
    values = values - values[np.arange(len(labels)), labels][:, np.newaxis]
    low, high = map(math.log, _TEMPERATURES)
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        expected = softmax(values, temperature=math.exp(middle)) * values
        if expected.sum() > 0:  # overconfident
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
    """Choose the confidence below which a model abstains.

    The lowest threshold whose error rate is at most ``max_error_rate``; if no threshold within
    ``min_coverage`` reaches that, the one with the lowest error rate.

    Args:
        confidences: ``(n,)``, 0..1, of validation digits.
        right: ``(n,)``, whether each was read correctly.
        max_error_rate: share of wrong answers among the answered digits, 0..1.
        min_coverage: share of digits that are answered, 0..1.

    Returns:
        One of the confidences, or 0.0 to answer every digit.
    """
    order = np.argsort(confidences, kind="stable")
    # Equal confidences are answered together or not at all.
    thresholds, withheld = np.unique(confidences[order], return_index=True)
    answered = len(order) - withheld
    wrong = np.cumsum(~right[order][::-1])[::-1][withheld]
    allowed = answered / len(order) >= min_coverage
    error_rates = (wrong / answered)[allowed]
    first = int(np.argmax(error_rates <= max(max_error_rate, error_rates.min())))
    return float(thresholds[first]) if first else 0.0
