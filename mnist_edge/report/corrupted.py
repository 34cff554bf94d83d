"""Every scheme over corrupted pictures, in pairs with the reference."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from mnist_edge.comparison import Comparison
from mnist_edge.corruptions import CORRUPTIONS, DEFAULT_SEVERITY, SEVERITIES, corrupt
from mnist_edge.errors import InvalidValue
from mnist_edge.interpreter import Interpreter
from mnist_edge.modelstore import StoredModel
from mnist_edge.report.details import CorruptionResult
from mnist_edge.report.figures import Reading
from mnist_edge.report.pictures import Pictures

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


@dataclass(kw_only=True)
class _Counts:
    """What one scheme made of the pictures so far."""

    right: int = 0
    """Read right, abstained from or not."""
    only_reference: int = 0
    """Read right by the reference alone."""
    only_candidate: int = 0
    """Read right by it alone."""
    abstained: int = 0
    """Not sure enough of, or no single digit to begin with."""
    wrong_answers: int = 0
    """Misread, and not abstained from."""


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
    by_kind = [
        [_result(kind, severity, counts, len(chosen)) for counts in counted]
        for kind in CORRUPTIONS
        for severity in sorted(plan.severities)
        for counted in [_counted(readers, pictures, chosen, kind, severity, on_progress)]
    ]
    return [tuple(results) for results in zip(*by_kind, strict=True)]


def _counted(
    readers: Sequence[Reader],
    pictures: Pictures,
    chosen: NDArray[np.int64],
    kind: str,
    severity: int,
    on_progress: Callable[[int], None],
) -> list[_Counts]:
    """The chosen pictures, corrupted, as each scheme reads them."""
    counts = [_Counts() for _ in readers]
    for start in range(0, len(chosen), _CHUNK):
        places = chosen[start : start + _CHUNK]
        labels = pictures.digits.labels[places]
        images = corrupt(pictures.digits.images[places], kind, severity=severity, first=start)
        reference: NDArray[np.bool_] | None = None
        for found, (model, interpreter) in zip(counts, readers, strict=True):
            reading = Reading(interpreter.logits(images), model.temperature)
            right = reading.answers == labels
            reference = right if reference is None else reference
            answered = pictures.sure[places] & (reading.confidences >= model.min_confidence)
            found.right += int(right.sum())
            found.only_reference += int((reference & ~right).sum())
            found.only_candidate += int((right & ~reference).sum())
            found.abstained += int((~answered).sum())
            found.wrong_answers += int((answered & ~right).sum())
            on_progress(len(labels))
    return counts


def _result(kind: str, severity: int, counts: _Counts, total: int) -> CorruptionResult:
    comparison = Comparison(
        both_right=counts.right - counts.only_candidate,
        only_reference=counts.only_reference,
        only_candidate=counts.only_candidate,
        both_wrong=total - counts.right - counts.only_reference,
        agreement=1.0,
    )
    return CorruptionResult(
        kind=kind,
        severity=severity,
        correct=counts.right,
        total=total,
        accuracy=counts.right / total,
        drop_points=comparison.drop,
        drop_interval=comparison.drop_interval,
        abstained=counts.abstained,
        wrong_answers=counts.wrong_answers,
    )
