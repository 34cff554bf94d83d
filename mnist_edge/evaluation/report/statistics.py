"""Every figure of a report that needs no clock, computed from the logits of two schemes.

Pure functions of arrays: nothing is read, run, timed or printed here.
"""

from __future__ import annotations

import base64
import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from mnist_edge import CLASSES
from mnist_edge.evaluation.report.labeled_images import LabeledImages
from mnist_edge.evaluation.report.results import (
    Bin,
    CalibrationMetrics,
    ClassMetrics,
    CoveragePoint,
    DetectableDrop,
    ImageResult,
    SchemeAnswer,
)
from mnist_edge.metrics import classification
from mnist_edge.metrics.confidence import negative_log_likelihood, softmax
from mnist_edge.metrics.intervals import digits_needed
from mnist_edge.metrics.paired import Comparison

DROP_TO_DETECT = 0.05
"""Drop in percentage points for which a report states the number of pictures needed."""
MAX_FLIPS = 500
"""Flips kept in a report, 1.2 kB each: a scheme with more is broken, and more would not show
why."""
MAX_MISTAKES = 10
"""Most confident mistakes kept in a report."""
MAX_SUSPECT_LABELS = 50
"""Pictures with a suspect label kept in a report."""
_CONFIDENT = 0.9
"""Confidence of both models in the same other digit from which a label is suspect. This selects
about one in a thousand of MNIST's test digits, and a person would doubt most of those too."""
_COVERAGE_POINTS = 60
"""Points of the curve of accuracy against coverage."""


@dataclass(frozen=True)
class SchemeOutputs:
    """A scheme's logits for the pictures, and what follows from them."""

    logits: NDArray[np.float32]
    """``(n, 10)``."""
    temperature: float
    """Divisor of the logits before the softmax."""

    @cached_property
    def probabilities(self) -> NDArray[np.float64]:
        """``(n, 10)``, calibrated."""
        return softmax(self.logits, temperature=self.temperature)

    @cached_property
    def answers(self) -> NDArray[np.int64]:
        """``(n,)``, the likeliest digits."""
        answers: NDArray[np.int64] = self.logits.argmax(axis=1)
        return answers

    @cached_property
    def confidences(self) -> NDArray[np.float64]:
        """``(n,)``, the probabilities of the answers."""
        confidences: NDArray[np.float64] = self.probabilities.max(axis=1)
        return confidences


def detectable_drop(comparison: Comparison, *, is_reference: bool) -> DetectableDrop:
    """Compute the number of pictures needed to detect a drop of ``DROP_TO_DETECT``.

    Args:
        comparison: of the reference and the scheme.
        is_reference: whether the scheme is the reference itself, which never differs.
    """
    needed = None if is_reference else digits_needed(DROP_TO_DETECT, comparison.discordance)
    return DetectableDrop(drop_points=DROP_TO_DETECT, pictures=needed)


def class_metrics(
    reference: SchemeOutputs, candidate: SchemeOutputs, labels: NDArray[np.uint8]
) -> tuple[ClassMetrics, ...]:
    """Compute the recall, its drop and the precision of each digit."""
    before = classification.recall(classification.confusion_matrix(reference.answers, labels))
    confusion = classification.confusion_matrix(candidate.answers, labels)
    recall, precision = classification.recall(confusion), classification.precision(confusion)
    return tuple(
        ClassMetrics(
            digit=digit,
            count=int(confusion[digit].sum()),
            recall=_none_if_nan(recall[digit]),
            precision=_none_if_nan(precision[digit]),
            recall_drop_points=_none_if_nan(100 * (before[digit] - recall[digit])),
        )
        for digit in range(CLASSES)
    )


def confusion_counts(
    outputs: SchemeOutputs, labels: NDArray[np.uint8]
) -> tuple[tuple[int, ...], ...]:
    """Count the answers by label: 10x10, rows are labels, columns are answers."""
    rows = classification.confusion_matrix(outputs.answers, labels).tolist()
    return tuple(tuple(row) for row in rows)


def calibration_metrics(
    reference: SchemeOutputs, candidate: SchemeOutputs, labels: NDArray[np.uint8]
) -> CalibrationMetrics:
    """Compare confidence with accuracy, and probabilities with the reference's."""
    return CalibrationMetrics(
        error=classification.calibration_error(candidate.probabilities, labels),
        negative_log_likelihood=negative_log_likelihood(
            candidate.logits, labels, temperature=candidate.temperature
        ),
        bins=tuple(
            Bin(
                lower=part.low,
                upper=part.high,
                count=part.count,
                confidence=_none_if_nan(part.confidence),
                accuracy=_none_if_nan(part.accuracy),
            )
            for part in classification.reliability_bins(candidate.probabilities, labels)
        ),
        true_class_change=classification.true_class_change(
            reference.probabilities, candidate.probabilities, labels
        ),
        symmetric_divergence=classification.symmetric_divergence(
            reference.logits / reference.temperature, candidate.logits / candidate.temperature
        ),
    )


def coverage_points(
    confidences: NDArray[np.float64], correct: NDArray[np.bool_]
) -> tuple[CoveragePoint, ...]:
    """Sample the curve of accuracy against coverage, from full coverage down.

    The points are densest near full coverage, where a model is used.
    """
    curve = classification.coverage_curve(confidences, correct)
    last = len(curve.threshold) - 1
    spaced = np.linspace(0, 1, _COVERAGE_POINTS) ** 2
    return tuple(
        CoveragePoint(
            coverage=float(curve.coverage[index]),
            accuracy=float(curve.accuracy[index]),
            threshold=float(curve.threshold[index]),
        )
        for index in np.unique(np.rint(last * spaced).astype(np.int64))
    )


def flipped_images(
    reference: SchemeOutputs, candidate: SchemeOutputs, images: LabeledImages
) -> tuple[ImageResult, ...]:
    """Select the pictures with different answers, in order, at most ``MAX_FLIPS``."""
    indices = np.flatnonzero(reference.answers != candidate.answers)[:MAX_FLIPS]
    return _image_results(indices, reference, candidate, images)


def confident_mistakes(
    reference: SchemeOutputs, candidate: SchemeOutputs, images: LabeledImages
) -> tuple[ImageResult, ...]:
    """Select the candidate's most confident mistakes, in descending order of confidence."""
    wrong = np.flatnonzero(candidate.answers != images.digits.labels)
    ranked = wrong[np.argsort(-candidate.confidences[wrong], kind="stable")]
    return _image_results(ranked[:MAX_MISTAKES], reference, candidate, images)


def suspect_labels(
    reference: SchemeOutputs, candidate: SchemeOutputs, images: LabeledImages
) -> tuple[ImageResult, ...]:
    """Select the pictures where both schemes confidently give the same answer, not the label.

    They come in descending order of the lower confidence, at most ``MAX_SUSPECT_LABELS``.
    """
    lower = np.minimum(reference.confidences, candidate.confidences)
    agreed = reference.answers == candidate.answers
    mistaken = candidate.answers != images.digits.labels
    indices = np.flatnonzero(agreed & mistaken & (lower >= _CONFIDENT))
    ranked = indices[np.argsort(-lower[indices], kind="stable")]
    return _image_results(ranked[:MAX_SUSPECT_LABELS], reference, candidate, images)


def abstentions(
    outputs: SchemeOutputs, single_digit: NDArray[np.bool_], min_confidence: float
) -> NDArray[np.bool_]:
    """Return a ``(n,)`` mask of the pictures that a scheme abstains from.

    Args:
        outputs: the scheme's outputs.
        single_digit: ``(n,)``, whether each picture shows exactly one digit.
        min_confidence: confidence below which the scheme abstains, 0..1.
    """
    mask: NDArray[np.bool_] = ~single_digit | (outputs.confidences < min_confidence)
    return mask


def _image_results(
    indices: NDArray[np.int64],
    reference: SchemeOutputs,
    candidate: SchemeOutputs,
    images: LabeledImages,
) -> tuple[ImageResult, ...]:
    return tuple(
        ImageResult(
            index=int(index),
            path=images.paths[index] if images.paths else None,
            label=int(images.digits.labels[index]),
            reference=_answer(reference, index),
            candidate=_answer(candidate, index),
            pixels=base64.b64encode(images.digits.images[index].tobytes()).decode(),
        )
        for index in indices
    )


def _answer(outputs: SchemeOutputs, index: np.int64) -> SchemeAnswer:
    return SchemeAnswer(
        digit=int(outputs.answers[index]), confidence=float(outputs.confidences[index])
    )


def _none_if_nan(value: float) -> float | None:
    return None if math.isnan(value) else float(value)
