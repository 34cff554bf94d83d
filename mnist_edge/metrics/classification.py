"""Classification metrics: confusion, calibration error, divergence, accuracy against coverage.

Pure functions of arrays.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mnist_edge import CLASSES
from mnist_edge.errors import InvalidValue
from mnist_edge.metrics.confidence import softmax

CALIBRATION_BINS = 15
"""Default number of confidence bins of a calibration error, as in Guo et al."""


def confusion_matrix(
    answers: NDArray[Any], labels: NDArray[np.uint8], *, classes: int = CLASSES
) -> NDArray[np.int64]:
    """Count how often each label was answered with each class.

    Args:
        answers: ``(n,)``, 0..classes-1.
        labels: ``(n,)``, 0..classes-1.
        classes: number of classes.

    Returns:
        ``(classes, classes)``: labels in rows, answers in columns. The difference of two matrices
        shows where answers moved.
    """
    # On 32-bit machines bincount accepts only integers of their native size.
    cells = labels.astype(np.intp) * classes + answers.astype(np.intp)
    return np.bincount(cells, minlength=classes * classes).reshape(classes, classes)


def recall(confusion: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the recall of each class, ``(classes,)``; nan for a class without digits."""
    return _shares(confusion.diagonal(), confusion.sum(axis=1))


def precision(confusion: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the precision of each class, ``(classes,)``; nan for a class never answered."""
    return _shares(confusion.diagonal(), confusion.sum(axis=0))


def _shares(part: NDArray[np.int64], whole: NDArray[np.int64]) -> NDArray[np.float64]:
    shares = np.full(part.shape, np.nan)
    return np.divide(part, whole, out=shares, where=whole > 0)


@dataclass(frozen=True, kw_only=True)
class ReliabilityBin:
    """The digits of similar confidence: a bar of a reliability diagram."""

    low: float
    """Lower edge of the confidence, exclusive, 0..1."""
    high: float
    """Upper edge of the confidence, inclusive, 0..1."""
    count: int
    """Number of digits."""
    confidence: float
    """Mean confidence, 0..1; nan for an empty bin."""
    accuracy: float
    """Share read correctly, 0..1; nan for an empty bin."""


def reliability_bins(
    probabilities: NDArray[np.float64],
    labels: NDArray[np.uint8],
    *,
    bins: int = CALIBRATION_BINS,
) -> tuple[ReliabilityBin, ...]:
    """Return confidence against accuracy, as a reliability diagram shows it.

    Bins of equal width, the least confident first (Guo et al. 2017, On Calibration of Modern Neural
    Networks, section 2, https://arxiv.org/abs/1706.04599).

    Args:
        probabilities: ``(n, 10)``.
        labels: ``(n,)``, 0..9.
        bins: number of bins.
    """
    confidences, right, chosen = _assign_bins(probabilities, labels, bins)
    counts = np.bincount(chosen, minlength=bins)
    confidence = _shares(np.bincount(chosen, weights=confidences, minlength=bins), counts)
    accuracy = _shares(np.bincount(chosen, weights=right, minlength=bins), counts)
    return tuple(
        ReliabilityBin(
            low=number / bins,
            high=(number + 1) / bins,
            count=int(counts[number]),
            confidence=float(confidence[number]),
            accuracy=float(accuracy[number]),
        )
        for number in range(bins)
    )


def calibration_error(
    probabilities: NDArray[np.float64],
    labels: NDArray[np.uint8],
    *,
    bins: int = CALIBRATION_BINS,
) -> float:
    """Return the expected calibration error, 0..1.

    The mean gap between confidence and accuracy over the ``reliability_bins``, weighted by their
    number of digits (Guo et al. 2017, equation 3, https://arxiv.org/abs/1706.04599).

    Args:
        probabilities: ``(n, 10)``.
        labels: ``(n,)``, 0..9.
        bins: number of bins.
    """
    confidences, right, chosen = _assign_bins(probabilities, labels, bins)
    gaps = np.bincount(chosen, weights=right - confidences, minlength=bins)
    return float(np.abs(gaps).sum() / len(labels))


def _assign_bins(
    probabilities: NDArray[np.float64], labels: NDArray[np.uint8], bins: int
) -> tuple[NDArray[np.float64], NDArray[np.bool_], NDArray[np.intp]]:
    """Return each digit's confidence, whether it was read correctly, and its bin."""
    confidences: NDArray[np.float64] = probabilities.max(axis=1)
    right: NDArray[np.bool_] = probabilities.argmax(axis=1) == labels
    # Bins include their upper edge: (0, 1/15], (1/15, 2/15] and so on.
    return confidences, right, np.ceil(confidences * bins).astype(np.intp) - 1


def true_class_change(
    reference: NDArray[np.float64], candidate: NDArray[np.float64], labels: NDArray[np.uint8]
) -> float:
    """Return the mean change in the label's probability, -1..1; negative if it fell.

    Args:
        reference: ``(n, 10)`` probabilities.
        candidate: ``(n, 10)`` probabilities of the same digits.
        labels: ``(n,)``, 0..9.
    """
    rows = np.arange(len(labels))
    return float((candidate[rows, labels] - reference[rows, labels]).mean())


def symmetric_divergence(first: NDArray[Any], second: NDArray[Any]) -> float:
    """Return the mean symmetric Kullback-Leibler divergence of two models' answers, in nats.

    ``KL(p, q) + KL(q, p)``, the sum of ``(p - q) (log p - log q)`` (S. Kullback and R. Leibler, On
    Information and Sufficiency, 1951, equation 2.6). Logits differ from log-probabilities by a
    constant per digit, which cancels out; computed from logits, it is always finite.

    Args:
        first: ``(n, 10)`` logits, divided by the model's temperature.
        second: ``(n, 10)`` logits of the same digits, divided by that model's temperature.

    Returns:
        0 or more; 0 only for equal probabilities.
    """
    difference = np.asarray(first, np.float64) - np.asarray(second, np.float64)
    return float(((softmax(first) - softmax(second)) * difference).sum(axis=1).mean())


@dataclass(frozen=True, kw_only=True)
class CoverageCurve:
    """Accuracy against coverage over every confidence threshold."""

    threshold: NDArray[np.float64]
    """``(k,)``, ascending: digits of at least this confidence are answered."""
    coverage: NDArray[np.float64]
    """``(k,)``, share of the digits that is answered, descending from 1."""
    accuracy: NDArray[np.float64]
    """``(k,)``, share of the answers that is right, 0..1."""


def coverage_curve(confidences: NDArray[np.float64], right: NDArray[np.bool_]) -> CoverageCurve:
    """Return accuracy against coverage, that is, what abstaining gains.

    Accuracy is 1 minus the selective risk of Y. Geifman and R. El-Yaniv, Selective Classification
    for Deep Neural Networks, 2017, section 2, https://arxiv.org/abs/1705.08500. Digits of equal
    confidence are answered together or not at all.

    Args:
        confidences: ``(n,)``.
        right: ``(n,)``, whether each was read correctly.

    Raises:
        InvalidValue: there are no digits.
    """
    if not len(confidences):
        raise InvalidValue("a coverage curve of no digits; give at least one")
    order = np.argsort(confidences, kind="stable")
    threshold, withheld = np.unique(confidences[order], return_index=True)
    answered = len(order) - withheld
    right_from = np.cumsum(right[order][::-1])[::-1]
    return CoverageCurve(
        threshold=threshold,
        coverage=answered / len(order),
        accuracy=right_from[withheld] / answered,
    )
