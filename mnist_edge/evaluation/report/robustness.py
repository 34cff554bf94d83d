"""Every scheme over corrupted pictures, in pairs with the reference."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from mnist_edge.data.corruptions import CORRUPTIONS, DEFAULT_SEVERITY, SEVERITIES, corrupt
from mnist_edge.data.mnist import Digits
from mnist_edge.errors import InvalidValue
from mnist_edge.evaluation.report import statistics
from mnist_edge.evaluation.report.details import CorruptionResult
from mnist_edge.evaluation.report.labelled_images import Pictures
from mnist_edge.evaluation.report.statistics import Reading
from mnist_edge.modelstore.loading import StoredModel
from mnist_edge.runtimes.interpreter import Interpreter

CORRUPTED = 2_000
"""Pictures that are corrupted unless more are asked for: a drop of half a point shows, and a
report of two schemes is done in half a minute on a workstation and a few on a Raspberry Pi."""

_CHUNK = 500
"""Pictures of which the corrupted ones are held at a time."""


Reader: TypeAlias = tuple[StoredModel, Interpreter]
"""A scheme's file, and what runs it."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What is to be corrupted, and how much.

    Raises:
        InvalidValue: a negative number of pictures, or no or an unknown severity.
    """

    pictures: int = CORRUPTED
    """How many, spread evenly over all; 0 for none."""
    severities: tuple[int, ...] = (DEFAULT_SEVERITY,)
    """Among 1..5, each once."""

    def __post_init__(self) -> None:
        if self.pictures < 0:
            raise InvalidValue(f"{self.pictures} corrupted pictures: give 0, for none, or more")
        if not self.severities or len(set(self.severities)) < len(self.severities):
            raise InvalidValue(f"severities {self.severities}: give one at least, each once")
        if not set(self.severities) <= set(SEVERITIES):
            raise InvalidValue(
                f"severities {self.severities} are not within {SEVERITIES[0]}..{SEVERITIES[-1]}"
            )

    def readings(self, total: int) -> int:
        """How many pictures one scheme reads, of a total."""
        return min(self.pictures, total) * len(self.severities) * len(CORRUPTIONS)


def measure_corrupted(
    readers: Sequence[Reader],
    pictures: Pictures,
    plan: Plan,
    *,
    on_progress: Callable[[int], None],
) -> list[tuple[CorruptionResult, ...]]:
    """Reads the same corrupted pictures with every scheme.

    Args:
        readers: models with their interpreters, the reference first.
        pictures: to be corrupted, one at least.
        plan: how many, and how much.
        on_progress: called with how many pictures were read since the last call.

    Returns:
        Of each scheme the results, kind by kind.
    """
    if not plan.pictures:
        return [() for _ in readers]
    total = len(pictures)
    # MNIST's first test digits are easier than its last: some of all speak for all.
    chosen = np.linspace(0, total, min(plan.pictures, total), endpoint=False).astype(np.int64)
    digits, sure = pictures.digits.take(chosen), pictures.sure[chosen]
    by_kind = [
        [
            _result(kind, severity, model, readings[0], reading, digits.labels, sure)
            for (model, _), reading in zip(readers, readings, strict=True)
        ]
        for kind in CORRUPTIONS
        for severity in sorted(plan.severities)
        for readings in [_read(readers, digits, kind, severity, on_progress)]
    ]
    return [tuple(results) for results in zip(*by_kind, strict=True)]


def _read(
    readers: Sequence[Reader],
    digits: Digits,
    kind: str,
    severity: int,
    on_progress: Callable[[int], None],
) -> list[Reading]:
    """The digits, corrupted, as each scheme reads them."""
    logits: list[list[NDArray[np.float32]]] = [[] for _ in readers]
    for start in range(0, len(digits), _CHUNK):
        images = corrupt(
            digits.images[start : start + _CHUNK], kind, severity=severity, first=start
        )
        for parts, (_, interpreter) in zip(logits, readers, strict=True):
            parts.append(interpreter.logits(images))
            on_progress(len(images))
    return [
        Reading(np.concatenate(parts), model.temperature)
        for parts, (model, _) in zip(logits, readers, strict=True)
    ]


def _result(
    kind: str,
    severity: int,
    model: StoredModel,
    reference: Reading,
    reading: Reading,
    labels: NDArray[np.uint8],
    sure: NDArray[np.bool_],
) -> CorruptionResult:
    pair = statistics.paired(reference, reading, labels)
    correct = pair.both_right + pair.only_candidate
    abstained = statistics.abstained(reading, sure, model.min_confidence)
    return CorruptionResult(
        kind=kind,
        severity=severity,
        correct=correct,
        total=pair.total,
        accuracy=correct / pair.total,
        drop_points=pair.drop,
        drop_interval=pair.drop_interval,
        abstained=int(abstained.sum()),
        wrong_answers=int((~abstained & (reading.answers != labels)).sum()),
    )
