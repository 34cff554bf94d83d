"""Results of every scheme on corrupted pictures, paired with the reference.

Each picture is read as a bare array, and some also as ``mnist-edge predict`` reads a picture: its
front end undoes much of what a corruption does, and a user gets no answer to what is left unsure.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from mnist_edge.data.corruptions import CORRUPTIONS, DEFAULT_SEVERITY, SEVERITIES, corrupt
from mnist_edge.data.mnist import Digits
from mnist_edge.errors import InvalidValue
from mnist_edge.evaluation.report.labeled_images import LabeledImages, open_classifier
from mnist_edge.evaluation.report.results import CorruptionResult, PredictedAnswers
from mnist_edge.evaluation.report.statistics import SchemeOutputs, abstentions
from mnist_edge.inference.classifier import Classifier
from mnist_edge.inference.hypotheses import decide_by_each
from mnist_edge.metrics.paired import compare, compare_answers
from mnist_edge.modelstore.loading import StoredModel
from mnist_edge.preprocessing.pipeline import trace_preprocessing
from mnist_edge.runtimes.interpreter import Interpreter

DEFAULT_PICTURES = 2_000
"""Default number of pictures to corrupt: enough to show a drop of half a point, and a report of two
schemes takes a minute on a workstation and several on a Raspberry Pi."""

_MIN_PREDICTED = 100
"""Number of pictures per corruption that go through the front end, if there are as many. It takes
up to 50 ms for a noisy one on a workstation, and half as long again for all ways to read an unclear
one: three quarters of a minute for all corruptions."""
_PREDICTED_RATIO = 20
"""Of many pictures, one in so many goes through the front end."""
_CHUNK_SIZE = 500
"""Number of corrupted pictures held in memory at a time."""
_NO_ANSWER = -1


OpenModel: TypeAlias = tuple[StoredModel, Interpreter]
"""A scheme's file and the interpreter that runs it."""


@dataclass(frozen=True, kw_only=True)
class CorruptionPlan:
    """Number of pictures to corrupt, and the severities.

    Raises:
        InvalidValue: a negative number of pictures, or no, a repeated or an unknown severity.
    """

    pictures: int = DEFAULT_PICTURES
    """Number of pictures, evenly spaced over all; 0 for none."""
    severities: tuple[int, ...] = (DEFAULT_SEVERITY,)
    """Distinct severities, 1..5."""

    def __post_init__(self) -> None:
        if self.pictures < 0:
            raise InvalidValue(f"{self.pictures} corrupted pictures: give 0, for none, or more")
        if not self.severities or len(set(self.severities)) < len(self.severities):
            raise InvalidValue(f"severities {self.severities}: give at least one, each once")
        if not set(self.severities) <= set(SEVERITIES):
            raise InvalidValue(
                f"severities {self.severities} are not within {SEVERITIES[0]}..{SEVERITIES[-1]}"
            )

    def count_inferences(self, total: int) -> int:
        """Return how many corrupted pictures one scheme reads, given the total of pictures."""
        return min(self.pictures, total) * len(self.severities) * len(CORRUPTIONS)

    def count_preprocessed(self, total: int) -> int:
        """Return how many of them go through the front end, once for all schemes."""
        return self.predicted(total) * len(self.severities) * len(CORRUPTIONS)

    def predicted(self, total: int) -> int:
        """Return how many pictures per corruption go through the front end."""
        pictures = min(self.pictures, total)
        return min(pictures, max(_MIN_PREDICTED, pictures // _PREDICTED_RATIO))


def measure_corrupted(
    models: Sequence[OpenModel],
    images: LabeledImages,
    plan: CorruptionPlan,
    *,
    on_progress: Callable[[int], None],
) -> list[tuple[CorruptionResult, ...]]:
    """Run every scheme on the same corrupted pictures.

    Args:
        models: the schemes, the reference first.
        images: the pictures to corrupt, at least one.
        plan: the number of pictures and the severities.
        on_progress: called with the number of pictures read since the last call.

    Returns:
        The results of each scheme, ordered by kind and severity.
    """
    if not plan.pictures:
        return [() for _ in models]
    total = len(images)
    # MNIST's first test digits are easier than its last: a selection must span all of them.
    chosen = _evenly_spaced(min(plan.pictures, total), total)
    selection = _Selection(
        digits=images.digits.take(chosen),
        single_digit=images.single_digit[chosen],
        predicted=_evenly_spaced(plan.predicted(total), len(chosen)),
    )
    classifiers = [open_classifier(model) for model, _ in models]
    by_kind = [
        _measure_kind(models, classifiers, selection, kind, severity, on_progress)
        for kind in CORRUPTIONS
        for severity in sorted(plan.severities)
    ]
    return [tuple(results) for results in zip(*by_kind, strict=True)]


@dataclass(frozen=True, kw_only=True)
class _Selection:
    """The pictures to corrupt."""

    digits: Digits
    single_digit: NDArray[np.bool_]
    """``(n,)``, whether each of them shows exactly one digit."""
    predicted: NDArray[np.int64]
    """Indices of those that also go through the front end."""


def _evenly_spaced(count: int, total: int) -> NDArray[np.int64]:
    """Return the indices of ``count`` of ``total`` pictures."""
    return np.linspace(0, total, count, endpoint=False).astype(np.int64)


def _measure_kind(
    models: Sequence[OpenModel],
    classifiers: Sequence[Classifier],
    selection: _Selection,
    kind: str,
    severity: int,
    on_progress: Callable[[int], None],
) -> list[CorruptionResult]:
    """Return each scheme's result for one corruption."""
    digits = selection.digits
    bare: list[list[NDArray[np.float32]]] = [[] for _ in models]
    decided: list[list[int]] = []
    for start in range(0, len(digits), _CHUNK_SIZE):
        images = corrupt(
            digits.images[start : start + _CHUNK_SIZE], kind, severity=severity, first=start
        )
        for parts, (_, interpreter) in zip(bare, models, strict=True):
            parts.append(interpreter.logits(images))
            on_progress(len(images))
        is_here = (start <= selection.predicted) & (selection.predicted < start + len(images))
        predicted = images[selection.predicted[is_here] - start]
        decided += [_predicted_digits(classifiers, image) for image in predicted]
        on_progress(len(predicted))
    is_digit = selection.single_digit[selection.predicted]
    # By scheme, as those of the bare arrays.
    by_scheme = np.where(is_digit, np.array(decided).T, _NO_ANSWER)
    labels = digits.labels[selection.predicted]
    results, reference = [], None
    for parts, answers, (model, _) in zip(bare, by_scheme, models, strict=True):
        outputs = SchemeOutputs(np.concatenate(parts), model.temperature)
        reference = reference or outputs
        result = _bare_result(kind, severity, model, reference, outputs, selection)
        results.append(replace(result, predicted=_predicted_answers(by_scheme[0], answers, labels)))
    return results


def _predicted_digits(classifiers: Sequence[Classifier], image: NDArray[np.uint8]) -> list[int]:
    """Return each scheme's answer to a picture as predict gives it, or ``_NO_ANSWER``."""
    decisions = decide_by_each(classifiers, trace_preprocessing(image))
    digits = [decision.prediction.digit for decision in decisions]
    return [_NO_ANSWER if digit is None else digit for digit in digits]


def _bare_result(
    kind: str,
    severity: int,
    model: StoredModel,
    reference: SchemeOutputs,
    outputs: SchemeOutputs,
    selection: _Selection,
) -> CorruptionResult:
    labels = selection.digits.labels
    pair = compare(reference.logits, outputs.logits, labels)
    correct = pair.both_right + pair.only_candidate
    abstained = abstentions(outputs, selection.single_digit, model.min_confidence)
    return CorruptionResult(
        kind=kind,
        severity=severity,
        correct=correct,
        total=pair.total,
        accuracy=correct / pair.total,
        drop_points=pair.drop,
        drop_interval=pair.drop_interval,
        abstained=int(abstained.sum()),
        wrong_answers=int((~abstained & (outputs.answers != labels)).sum()),
    )


def _predicted_answers(
    reference: NDArray[np.int64], answers: NDArray[np.int64], labels: NDArray[np.uint8]
) -> PredictedAnswers:
    pair = compare_answers(reference, answers, labels)
    right = pair.both_right + pair.only_candidate
    abstained = int((answers == _NO_ANSWER).sum())
    return PredictedAnswers(
        total=pair.total,
        right=right,
        wrong=pair.total - right - abstained,
        abstained=abstained,
        drop_points=pair.drop,
        drop_interval=pair.drop_interval,
        p_value=pair.p_value,
    )
