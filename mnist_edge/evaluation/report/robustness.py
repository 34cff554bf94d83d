"""Accuracy of every scheme on corrupted pictures, paired with the reference."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from mnist_edge.data.corruptions import CORRUPTIONS, DEFAULT_SEVERITY, SEVERITIES, corrupt
from mnist_edge.data.mnist import Digits
from mnist_edge.errors import InvalidValue
from mnist_edge.evaluation.report.labeled_images import LabeledImages
from mnist_edge.evaluation.report.results import CorruptionResult
from mnist_edge.evaluation.report.statistics import SchemeOutputs, abstentions
from mnist_edge.metrics.paired import compare
from mnist_edge.modelstore.loading import StoredModel
from mnist_edge.runtimes.interpreter import Interpreter

DEFAULT_PICTURES = 2_000
"""Default number of pictures to corrupt: enough to show a drop of half a point, and a report of two
schemes takes half a minute on a workstation and a few minutes on a Raspberry Pi."""

_CHUNK_SIZE = 500
"""Number of corrupted pictures held in memory at a time."""


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
    chosen = np.linspace(0, total, min(plan.pictures, total), endpoint=False).astype(np.int64)
    digits, single_digit = images.digits.take(chosen), images.single_digit[chosen]
    by_kind = [
        [
            _result(kind, severity, model, outputs[0], own, digits.labels, single_digit)
            for (model, _), own in zip(models, outputs, strict=True)
        ]
        for kind in CORRUPTIONS
        for severity in sorted(plan.severities)
        for outputs in [_run_corrupted(models, digits, kind, severity, on_progress)]
    ]
    return [tuple(results) for results in zip(*by_kind, strict=True)]


def _run_corrupted(
    models: Sequence[OpenModel],
    digits: Digits,
    kind: str,
    severity: int,
    on_progress: Callable[[int], None],
) -> list[SchemeOutputs]:
    """Return each scheme's outputs for the corrupted digits."""
    logits: list[list[NDArray[np.float32]]] = [[] for _ in models]
    for start in range(0, len(digits), _CHUNK_SIZE):
        images = corrupt(
            digits.images[start : start + _CHUNK_SIZE], kind, severity=severity, first=start
        )
        for parts, (_, interpreter) in zip(logits, models, strict=True):
            parts.append(interpreter.logits(images))
            on_progress(len(images))
    return [
        SchemeOutputs(np.concatenate(parts), model.temperature)
        for parts, (model, _) in zip(logits, models, strict=True)
    ]


def _result(
    kind: str,
    severity: int,
    model: StoredModel,
    reference: SchemeOutputs,
    outputs: SchemeOutputs,
    labels: NDArray[np.uint8],
    single_digit: NDArray[np.bool_],
) -> CorruptionResult:
    pair = compare(reference.logits, outputs.logits, labels)
    correct = pair.both_right + pair.only_candidate
    abstained = abstentions(outputs, single_digit, model.min_confidence)
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
