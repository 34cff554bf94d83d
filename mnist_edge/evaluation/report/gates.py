"""Accuracy, size and latency limits that can fail a release."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from mnist_edge.errors import InvalidValue
from mnist_edge.evaluation.report.results import GateResult, Report, SchemeReport
from mnist_edge.evaluation.report.robustness import CorruptionPlan
from mnist_edge.system.text import fixed

Metric: TypeAlias = Callable[[SchemeReport, Report], float]
"""Returns the value of a scheme that a gate limits."""


@dataclass(frozen=True, kw_only=True)
class Gate:
    """A limit for every scheme except the reference."""

    name: str
    """The option that sets it."""
    unit: str
    """Unit of the limit."""
    description: str
    """What it limits, in words."""
    metric: Metric
    """Returns a scheme's value."""
    is_minimum: bool = False
    """Whether the limit is a minimum rather than a maximum."""

    def check(self, report: Report, limit: float) -> GateResult:
        """Check the worst scheme against the limit; equality passes."""
        # A reference without candidates is checked itself.
        schemes = report.candidates or report.schemes
        values = [(self.metric(scheme, report), scheme.scheme) for scheme in schemes]
        value, scheme = (min if self.is_minimum else max)(values, key=lambda pair: pair[0])
        return GateResult(
            name=self.name,
            limit=limit,
            value=value,
            unit=self.unit,
            scheme=scheme,
            passed=value >= limit if self.is_minimum else value <= limit,
        )


def _latency_ratio(scheme: SchemeReport, report: Report) -> float:
    medians = {times.scheme: times.median_us for times in report.times.schemes}
    return medians[scheme.scheme] / medians[report.reference]


def _largest_corrupted_drop(scheme: SchemeReport, report: Report) -> float:
    # The measured drop: of so few pictures that the front end reads, 95 % confidence excludes
    # little, whatever the scheme.
    return max((one.predicted or one).drop_points for one in scheme.corruptions)


MAX_DROP = Gate(
    name="--max-drop",
    unit="points",
    description="the drop that 95 % confidence does not exclude",
    metric=lambda scheme, _: scheme.largest_drop,
)
MAX_DROP_POINT = Gate(
    name="--max-drop-point",
    unit="points",
    description="the measured drop",
    metric=lambda scheme, _: scheme.drop_points,
)
MAX_DROP_CORRUPTED = Gate(
    name="--max-drop-corrupted",
    unit="points",
    description="the measured drop of what predict answers under the worst corruption",
    metric=_largest_corrupted_drop,
)
MIN_ACCURACY = Gate(
    name="--min-accuracy",
    unit="%",
    description="the accuracy",
    metric=lambda scheme, _: 100 * scheme.accuracy,
    is_minimum=True,
)
MAX_SIZE = Gate(
    name="--max-size",
    unit="bytes",
    description="the file size",
    metric=lambda scheme, _: scheme.size,
)
MAX_LATENCY_RATIO = Gate(
    name="--max-latency-ratio",
    unit="times",
    description="the median latency relative to the reference's",
    metric=_latency_ratio,
)
GATES = (MAX_DROP, MAX_DROP_POINT, MAX_DROP_CORRUPTED, MIN_ACCURACY, MAX_SIZE, MAX_LATENCY_RATIO)
"""In the order of the options."""


@dataclass(frozen=True, kw_only=True)
class Limits:
    """A limit for each gate; None switches a gate off.

    Raises:
        InvalidValue: a limit is nan.
    """

    max_drop: float | None = None
    """Percentage points."""
    max_drop_point: float | None = None
    """Percentage points."""
    max_drop_corrupted: float | None = None
    """Percentage points."""
    min_accuracy: float | None = None
    """Percent."""
    max_size: float | None = None
    """Bytes."""
    max_latency_ratio: float | None = None
    """Ratio to the reference's median latency."""

    def __post_init__(self) -> None:
        for gate, limit in self._active():
            if math.isnan(limit):
                raise InvalidValue(f"{gate.name} is nan; expected a number ({gate.unit})")

    def _active(self) -> list[tuple[Gate, float]]:
        limits = (
            self.max_drop,
            self.max_drop_point,
            self.max_drop_corrupted,
            self.min_accuracy,
            self.max_size,
            self.max_latency_ratio,
        )
        return [
            (gate, limit) for gate, limit in zip(GATES, limits, strict=True) if limit is not None
        ]

    def require(self, plan: CorruptionPlan) -> None:
        """Check, before any long work, that every limited value will be measured.

        Raises:
            InvalidValue: the drop under corruption is limited, but the plan corrupts nothing.
        """
        if self.max_drop_corrupted is not None and not plan.pictures:
            raise InvalidValue(
                f"{MAX_DROP_CORRUPTED.name} needs corrupted pictures: leave --corrupted 0 out"
            )

    def check(self, report: Report) -> tuple[GateResult, ...]:
        """Check every gate that has a limit, in the order of the options.

        Args:
            report: measured with a plan that passed ``require``.
        """
        return tuple(gate.check(report, limit) for gate, limit in self._active())


def failure_messages(results: Sequence[GateResult]) -> list[str]:
    """Return one line per missed gate: the scheme, its value and the limit."""
    return [_failure_message(result) for result in results if not result.passed]


def _failure_message(result: GateResult) -> str:
    (gate,) = (gate for gate in GATES if gate.name == result.name)
    bound = "at least" if gate.is_minimum else "at most"
    return (
        f"gate missed: {result.scheme} has {_number(result.value)} {result.unit}, {bound} "
        f"{_number(result.limit)} allowed by {result.name} ({gate.description})"
    )


def _number(value: float) -> str:
    """Format with up to four decimal places."""
    return fixed(value, 4).rstrip("0").rstrip(".")
