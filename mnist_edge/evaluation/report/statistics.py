"""One scheme's logits beside the reference's: every figure of a report that needs no clock.

Pure functions of arrays: nothing is read, run, timed or printed here.
"""

from __future__ import annotations

import base64
import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from mnist_edge.evaluation.report.details import (
    Answer,
    Bin,
    Calibration,
    ClassFigures,
    CoveragePoint,
    PicturesToSee,
    ReadPicture,
)
from mnist_edge.evaluation.report.labelled_images import Pictures
from mnist_edge.metrics import classification
from mnist_edge.metrics.calibration import softmax
from mnist_edge.metrics.intervals import digits_needed
from mnist_edge.metrics.paired import Comparison, compare

DROP_TO_SEE = 0.05
"""Drop in percentage points of which a report says how many pictures would show it."""
MOST_FLIPS = 500
"""Flips that are kept, 1.2 kB each: a scheme with more is broken, and more would not say why."""
MISTAKES = 10
"""Most confident mistakes that are kept."""
MOST_DOUBTFUL = 50
"""Pictures with a label in doubt that are kept."""
_SURE = 0.9
"""Confidence in another digit from which on, of both models, a label is in doubt. Of MNIST's test
digits that is about one in a thousand, and most of those a person would doubt, too."""
_POINTS = 60
"""Points of a curve of accuracy against coverage."""


@dataclass(frozen=True)
class Reading:
    """What a scheme made of the pictures."""

    logits: NDArray[np.float32]
    """``(n, 10)``."""
    temperature: float
    """What they are divided by before the softmax."""

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
        """``(n,)``, their probabilities."""
        confidences: NDArray[np.float64] = self.probabilities.max(axis=1)
        return confidences


def pictures_to_see(comparison: Comparison) -> int:
    """How many pictures it would take to see a drop of ``DROP_TO_SEE``."""
    return digits_needed(DROP_TO_SEE, comparison.discordance)


def power(comparison: Comparison, *, itself: bool) -> PicturesToSee:
    """The same, as a report has it; of the reference with itself nothing will ever be seen."""
    return PicturesToSee(
        drop_points=DROP_TO_SEE, pictures=None if itself else pictures_to_see(comparison)
    )


def class_figures(
    reference: Reading, candidate: Reading, labels: NDArray[np.uint8]
) -> tuple[ClassFigures, ...]:
    """Recall, precision and drop of each digit."""
    before = classification.recall(classification.confusion_matrix(reference.answers, labels))
    confusion = classification.confusion_matrix(candidate.answers, labels)
    recall, precision = classification.recall(confusion), classification.precision(confusion)
    return tuple(
        ClassFigures(
            digit=digit,
            count=int(confusion[digit].sum()),
            recall=_known(recall[digit]),
            precision=_known(precision[digit]),
            recall_drop_points=_known(100 * (before[digit] - recall[digit])),
        )
        for digit in range(classification.CLASSES)
    )


def confusion(reading: Reading, labels: NDArray[np.uint8]) -> tuple[tuple[int, ...], ...]:
    """10x10: a row a label, a column an answer."""
    rows = classification.confusion_matrix(reading.answers, labels).tolist()
    return tuple(tuple(row) for row in rows)


def calibration(reference: Reading, candidate: Reading, labels: NDArray[np.uint8]) -> Calibration:
    """Confidence against accuracy, and how far it moved from the reference's."""
    return Calibration(
        error=classification.calibration_error(candidate.probabilities, labels),
        negative_log_likelihood=classification.negative_log_likelihood(
            candidate.logits, labels, temperature=candidate.temperature
        ),
        bins=tuple(
            Bin(
                lower=one.low,
                upper=one.high,
                count=one.count,
                confidence=_known(one.confidence),
                accuracy=_known(one.accuracy),
            )
            for one in classification.reliability_bins(candidate.probabilities, labels)
        ),
        true_class_change=classification.true_class_change(
            reference.probabilities, candidate.probabilities, labels
        ),
        symmetric_divergence=classification.symmetric_divergence(
            reference.logits / reference.temperature, candidate.logits / candidate.temperature
        ),
    )


def coverage(
    confidences: NDArray[np.float64], right: NDArray[np.bool_]
) -> tuple[CoveragePoint, ...]:
    """Points of the curve of accuracy against coverage, from full coverage down.

    They lie closest where nearly all is answered: there a model is used.
    """
    curve = classification.coverage_curve(confidences, right)
    last = len(curve.threshold) - 1
    chosen = np.unique(np.rint(last * np.linspace(0, 1, _POINTS) ** 2).astype(np.int64))
    return tuple(
        CoveragePoint(
            coverage=float(curve.coverage[place]),
            accuracy=float(curve.accuracy[place]),
            threshold=float(curve.threshold[place]),
        )
        for place in chosen
    )


def flips(reference: Reading, candidate: Reading, pictures: Pictures) -> tuple[ReadPicture, ...]:
    """The pictures on which the two differ, in order, as many as are kept."""
    places = np.flatnonzero(reference.answers != candidate.answers)[:MOST_FLIPS]
    return _shown(places, reference, candidate, pictures)


def mistakes(reference: Reading, candidate: Reading, pictures: Pictures) -> tuple[ReadPicture, ...]:
    """The candidate's most confident mistakes, the surest first."""
    wrong = np.flatnonzero(candidate.answers != pictures.digits.labels)
    surest = wrong[np.argsort(-candidate.confidences[wrong], kind="stable")][:MISTAKES]
    return _shown(surest, reference, candidate, pictures)


def doubtful(reference: Reading, candidate: Reading, pictures: Pictures) -> tuple[ReadPicture, ...]:
    """Pictures of which both are sure, alike, and not of the label; the surest first."""
    least = np.minimum(reference.confidences, candidate.confidences)
    against = (reference.answers == candidate.answers) & (
        candidate.answers != pictures.digits.labels
    )
    places = np.flatnonzero(against & (least >= _SURE))
    surest = places[np.argsort(-least[places], kind="stable")][:MOST_DOUBTFUL]
    return _shown(surest, reference, candidate, pictures)


def paired(reference: Reading, candidate: Reading, labels: NDArray[np.uint8]) -> Comparison:
    """The two, picture by picture."""
    return compare(reference.logits, candidate.logits, labels)


def abstained(
    reading: Reading, sure: NDArray[np.bool_], min_confidence: float
) -> NDArray[np.bool_]:
    """``(n,)``, the pictures that a scheme gives no answer to.

    Args:
        reading: what it made of them.
        sure: ``(n,)``, whether each shows one digit at all.
        min_confidence: below which it gives none, 0..1.
    """
    found: NDArray[np.bool_] = ~sure | (reading.confidences < min_confidence)
    return found


def _shown(
    places: NDArray[np.int64], reference: Reading, candidate: Reading, pictures: Pictures
) -> tuple[ReadPicture, ...]:
    return tuple(
        ReadPicture(
            index=int(place),
            path=pictures.paths[place] if pictures.paths else None,
            label=int(pictures.digits.labels[place]),
            reference=_answer(reference, place),
            candidate=_answer(candidate, place),
            pixels=base64.b64encode(pictures.digits.images[place].tobytes()).decode(),
        )
        for place in places
    )


def _answer(reading: Reading, place: np.int64) -> Answer:
    return Answer(digit=int(reading.answers[place]), confidence=float(reading.confidences[place]))


def _known(value: float) -> float | None:
    """None for what there is nothing to say of."""
    return None if math.isnan(value) else float(value)
