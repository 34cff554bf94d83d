"""Answers and probabilities to figures: digit by digit, as sure as right, and how far moved.

Pure functions of arrays: nothing is read, run, timed or printed here.
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
"""Bins of confidence that a calibration error is taken over, as Guo et al. have them."""


def confusion_matrix(
    answers: NDArray[Any], labels: NDArray[np.uint8], *, classes: int = CLASSES
) -> NDArray[np.int64]:
    """How often each digit was read as each.

    Args:
        answers: ``(n,)``, 0..classes-1.
        labels: ``(n,)``, 0..classes-1.
        classes: how many there are.

    Returns:
        ``(classes, classes)``: a row a label, a column an answer. The difference of two says where
        answers went.
    """
    # 32-bit machines count by numbers of their own size alone.
    cells = labels.astype(np.intp) * classes + answers.astype(np.intp)
    return np.bincount(cells, minlength=classes * classes).reshape(classes, classes)


def recall(confusion: NDArray[np.int64]) -> NDArray[np.float64]:
    """Share of each label that was read as it, ``(classes,)``; nan of a label without digits."""
    return _shares(confusion.diagonal(), confusion.sum(axis=1))


def precision(confusion: NDArray[np.int64]) -> NDArray[np.float64]:
    """Share of each answer that was right, ``(classes,)``; nan of one that was never given."""
    return _shares(confusion.diagonal(), confusion.sum(axis=0))


def _shares(part: NDArray[np.int64], whole: NDArray[np.int64]) -> NDArray[np.float64]:
    shares = np.full(part.shape, np.nan)
    return np.divide(part, whole, out=shares, where=whole > 0)


@dataclass(frozen=True, kw_only=True)
class ReliabilityBin:
    """Digits of like confidence: a bar of a reliability diagram."""

    low: float
    """The confidence it begins above, 0..1."""
    high: float
    """The confidence it ends with, 0..1."""
    count: int
    """Digits in it."""
    confidence: float
    """Their mean confidence, 0..1; nan where there are none."""
    accuracy: float
    """Share of them that was read right, 0..1; nan where there are none."""


def reliability_bins(
    probabilities: NDArray[np.float64],
    labels: NDArray[np.uint8],
    *,
    bins: int = CALIBRATION_BINS,
) -> tuple[ReliabilityBin, ...]:
    """Confidence against accuracy: what a reliability diagram draws.

    Bins of equal width, the least sure first (Guo et al. 2017, On Calibration of Modern Neural
    Networks, section 2, https://arxiv.org/abs/1706.04599).

    Args:
        probabilities: ``(n, 10)``.
        labels: ``(n,)``, 0..9.
        bins: how many.
    """
    confidences, right, chosen = _binned(probabilities, labels, bins)
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
    """How far confidence is from accuracy: the expected calibration error, 0..1.

    The gap between mean confidence and accuracy of each of the ``reliability_bins`` counts by its
    share of the digits (Guo et al. 2017, equation 3, https://arxiv.org/abs/1706.04599).

    Args:
        probabilities: ``(n, 10)``.
        labels: ``(n,)``, 0..9.
        bins: how many.
    """
    confidences, right, chosen = _binned(probabilities, labels, bins)
    gaps = np.bincount(chosen, weights=right - confidences, minlength=bins)
    return float(np.abs(gaps).sum() / len(labels))


def _binned(
    probabilities: NDArray[np.float64], labels: NDArray[np.uint8], bins: int
) -> tuple[NDArray[np.float64], NDArray[np.bool_], NDArray[np.intp]]:
    """Each digit's confidence, whether it was read right, and the number of its bin."""
    confidences: NDArray[np.float64] = probabilities.max(axis=1)
    right: NDArray[np.bool_] = probabilities.argmax(axis=1) == labels
    # A bin holds its upper edge: (0, 1/15], (1/15, 2/15] and so on.
    return confidences, right, np.ceil(confidences * bins).astype(np.intp) - 1


def negative_log_likelihood(
    logits: NDArray[Any], labels: NDArray[np.uint8], *, temperature: float = 1.0
) -> float:
    """Mean surprise at the right digit, in nats, 0 or more.

    From the logits, so that it is finite however sure a wrong answer was.

    Args:
        logits: ``(n, 10)``.
        labels: ``(n,)``, 0..9.
        temperature: above 0; the softmax is taken at it.
    """
    scaled = np.asarray(logits, np.float64) / temperature
    away = scaled - scaled.max(axis=1, keepdims=True)
    own = away[np.arange(len(labels)), labels]
    return float((np.log(np.exp(away).sum(axis=1)) - own).mean())


def true_class_change(
    reference: NDArray[np.float64], candidate: NDArray[np.float64], labels: NDArray[np.uint8]
) -> float:
    """How much more probable the right digit became, on average, -1..1; below 0 if less.

    Args:
        reference: ``(n, 10)`` probabilities.
        candidate: ``(n, 10)`` probabilities of the same digits.
        labels: ``(n,)``, 0..9.
    """
    rows = np.arange(len(labels))
    return float((candidate[rows, labels] - reference[rows, labels]).mean())


def symmetric_divergence(first: NDArray[Any], second: NDArray[Any]) -> float:
    """How far two models' probabilities are apart: mean symmetric KL divergence, in nats.

    ``KL(p, q) + KL(q, p)``, which is the sum of ``(p - q) (log p - log q)`` (S. Kullback and R.
    Leibler, On Information and Sufficiency, 1951, equation 2.6). Logits differ from log
    probabilities by what is the same for all ten, and falls out of the sum: taken from them, it is
    finite for any.

    Args:
        first: ``(n, 10)`` logits, divided by the model's temperature.
        second: ``(n, 10)`` logits of the same digits, divided by that model's temperature.

    Returns:
        0 or more; 0 for equal probabilities only.
    """
    apart = np.asarray(first, np.float64) - np.asarray(second, np.float64)
    return float(((softmax(first) - softmax(second)) * apart).sum(axis=1).mean())


@dataclass(frozen=True, kw_only=True)
class CoverageCurve:
    """What is answered, and how much of it is right, as fewer and fewer digits are."""

    threshold: NDArray[np.float64]
    """``(k,)``, ascending: digits of this confidence or more are answered; each one there is."""
    coverage: NDArray[np.float64]
    """``(k,)``, share of the digits that is answered, 0..1, from 1 down."""
    accuracy: NDArray[np.float64]
    """``(k,)``, share of the answers that is right, 0..1."""


def coverage_curve(confidences: NDArray[np.float64], right: NDArray[np.bool_]) -> CoverageCurve:
    """Accuracy against coverage: what abstaining buys.

    One less the risk of Y. Geifman and R. El-Yaniv, Selective Classification for Deep Neural
    Networks, 2017, section 2, https://arxiv.org/abs/1705.08500. Of equal confidences all are
    answered or none.

    Args:
        confidences: ``(n,)``.
        right: ``(n,)``, whether each was read right.

    Raises:
        InvalidValue: there are no digits.
    """
    if not len(confidences):
        raise InvalidValue("no digits, no curve: give one at least")
    order = np.argsort(confidences, kind="stable")
    threshold, withheld = np.unique(confidences[order], return_index=True)
    answered = len(order) - withheld
    right_from = np.cumsum(right[order][::-1])[::-1]
    return CoverageCurve(
        threshold=threshold,
        coverage=answered / len(order),
        accuracy=right_from[withheld] / answered,
    )


def roc_auc(scores: NDArray[Any], positive: NDArray[np.bool_]) -> float:
    """How often a positive has a higher score than a negative, a tie counting half: 0..1.

    The area under the ROC curve, as the Mann-Whitney statistic has it (J. Hanley and B. McNeil, The
    Meaning and Use of the Area under a Receiver Operating Characteristic Curve, Radiology 143,
    1982, pages 29-36); of equal scores each has their mean rank.

    Args:
        scores: ``(n,)``, in any order and on any scale.
        positive: ``(n,)``, which are to have the higher scores.

    Raises:
        InvalidValue: all are positive, or none is.
    """
    positives = int(positive.sum())
    negatives = len(positive) - positives
    if not positives or not negatives:
        raise InvalidValue(
            f"{positives} positives and {negatives} negatives have no ROC curve: give both kinds"
        )
    _, inverse, counts = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[inverse]
    above = ranks[positive].sum() - positives * (positives + 1) / 2
    return float(above / (positives * negatives))
