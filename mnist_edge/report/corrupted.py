"""Every scheme over corrupted pictures, in pairs with the reference."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mnist_edge.comparison import Comparison
from mnist_edge.corruptions import CORRUPTIONS, DEFAULT_SEVERITY, SEVERITIES, corrupt
from mnist_edge.dataset import Digits
from mnist_edge.errors import InvalidValue
from mnist_edge.interpreter import Interpreter
from mnist_edge.report.details import CorruptionResult

CORRUPTED = 2_000
"""Pictures that are corrupted unless more are asked for: a drop of half a point shows, and a
report of two schemes is done in half a minute on a workstation and a few on a Raspberry Pi."""

_CHUNK = 500
"""Pictures of which the corrupted ones are held at a time."""


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
    interpreters: Sequence[Interpreter],
    digits: Digits,
    plan: Plan,
    *,
    on_progress: Callable[[int], None],
) -> list[tuple[CorruptionResult, ...]]:
    """Reads the same corrupted pictures with every scheme.

    Args:
        interpreters: of the schemes, the reference first.
        digits: to be corrupted, one at least.
        plan: how many, and how much.
        on_progress: called with how many pictures were read since the last call.

    Returns:
        Of each scheme the results, kind by kind.
    """
    if not plan.pictures:
        return [() for _ in interpreters]
    count = min(plan.pictures, len(digits))
    # MNIST's first test digits are easier than its last: some of all speak for all.
    chosen = digits.take(np.linspace(0, len(digits), count, endpoint=False).astype(np.int64))
    by_kind = [
        [_result(kind, severity, pair, count) for pair in pairs]
        for kind in CORRUPTIONS
        for severity in sorted(plan.severities)
        for pairs in [_pairs(interpreters, chosen, kind, severity, on_progress)]
    ]
    return [tuple(results) for results in zip(*by_kind, strict=True)]


def _pairs(
    interpreters: Sequence[Interpreter],
    digits: Digits,
    kind: str,
    severity: int,
    on_progress: Callable[[int], None],
) -> list[tuple[int, int, int]]:
    """Of each scheme: read right, right by the reference alone, right by it alone."""
    counts = np.zeros((len(interpreters), 3), np.int64)
    for start in range(0, len(digits), _CHUNK):
        labels = digits.labels[start : start + _CHUNK]
        images = corrupt(
            digits.images[start : start + _CHUNK], kind, severity=severity, first=start
        )
        reference: NDArray[np.bool_] | None = None
        for number, interpreter in enumerate(interpreters):
            right = interpreter.logits(images).argmax(axis=1) == labels
            reference = right if reference is None else reference
            found = right, reference & ~right, right & ~reference
            counts[number] += [int(one.sum()) for one in found]
            on_progress(len(labels))
    return [(int(right), int(lost), int(won)) for right, lost, won in counts]


def _result(kind: str, severity: int, counts: tuple[int, int, int], total: int) -> CorruptionResult:
    correct, lost, won = counts
    comparison = Comparison(
        both_right=correct - won,
        only_reference=lost,
        only_candidate=won,
        both_wrong=total - correct - lost,
        agreement=1.0,
    )
    return CorruptionResult(
        kind=kind,
        severity=severity,
        correct=correct,
        total=total,
        accuracy=correct / total,
        drop_points=comparison.drop,
        drop_interval=comparison.drop_interval,
    )
