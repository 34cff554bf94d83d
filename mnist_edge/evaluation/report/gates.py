"""Limits that a report is held against, to stop a release by."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from mnist_edge.errors import InvalidValue
from mnist_edge.evaluation.report.results import GateResult, Report, SchemeReport
from mnist_edge.evaluation.report.robustness import Plan

Measure = Callable[[SchemeReport, Report], float]
"""What a scheme of a report has of that which a gate limits."""


@dataclass(frozen=True, kw_only=True)
class Gate:
    """A limit that every scheme but the reference has to keep."""

    name: str
    """The option that sets it."""
    unit: str
    """Of the limit."""
    what: str
    """What it limits, in words."""
    measure: Measure
    """What a scheme has of it."""
    least: bool = False
    """Whether the limit is the least that is allowed, and not the most."""

    def judge(self, report: Report, limit: float) -> GateResult:
        """Holds the scheme that comes worst off against a limit; one alike passes."""
        # Without a candidate, the reference speaks for itself.
        schemes = report.candidates or report.schemes
        values = [(self.measure(scheme, report), scheme.scheme) for scheme in schemes]
        value, scheme = (min if self.least else max)(values, key=lambda pair: pair[0])
        return GateResult(
            name=self.name,
            limit=limit,
            value=value,
            unit=self.unit,
            scheme=scheme,
            passed=value >= limit if self.least else value <= limit,
        )


def _latency_ratio(scheme: SchemeReport, report: Report) -> float:
    medians = {times.scheme: times.median_us for times in report.times.schemes}
    return medians[scheme.scheme] / medians[report.reference]


def _largest_corrupted_drop(scheme: SchemeReport, report: Report) -> float:
    return max(result.drop_interval.high for result in scheme.corruptions)


MAX_DROP = Gate(
    name="--max-drop",
    unit="points",
    what="the drop that 95 % confidence does not exclude",
    measure=lambda scheme, _: scheme.largest_drop,
)
MAX_DROP_POINT = Gate(
    name="--max-drop-point",
    unit="points",
    what="the drop that was measured",
    measure=lambda scheme, _: scheme.drop_points,
)
MAX_DROP_CORRUPTED = Gate(
    name="--max-drop-corrupted",
    unit="points",
    what="the drop that 95 % confidence does not exclude under the worst corruption",
    measure=_largest_corrupted_drop,
)
MIN_ACCURACY = Gate(
    name="--min-accuracy",
    unit="%",
    what="the accuracy",
    measure=lambda scheme, _: 100 * scheme.accuracy,
    least=True,
)
MAX_SIZE = Gate(
    name="--max-size",
    unit="bytes",
    what="the size",
    measure=lambda scheme, _: scheme.size,
)
MAX_LATENCY_RATIO = Gate(
    name="--max-latency-ratio",
    unit="times",
    what="the median latency in parts of the reference's",
    measure=_latency_ratio,
)
GATES = (MAX_DROP, MAX_DROP_POINT, MAX_DROP_CORRUPTED, MIN_ACCURACY, MAX_SIZE, MAX_LATENCY_RATIO)
"""In the order of the options."""


@dataclass(frozen=True, kw_only=True)
class Limits:
    """A limit for each gate that is to be kept; None for the others.

    Raises:
        InvalidValue: a limit is no number.
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
    """In parts of the reference's median latency."""

    def __post_init__(self) -> None:
        for gate, limit in self._set():
            if math.isnan(limit):
                raise InvalidValue(f"{gate.name} nan is no number of {gate.unit}")

    def _set(self) -> list[tuple[Gate, float]]:
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

    def require(self, plan: Plan) -> None:
        """Checks, before any long work, that what is limited will be measured.

        Raises:
            InvalidValue: the drop under corruption is limited, and nothing is to be corrupted.
        """
        if self.max_drop_corrupted is not None and not plan.pictures:
            raise InvalidValue(
                f"{MAX_DROP_CORRUPTED.name} needs corrupted pictures: leave --corrupted 0 out"
            )

    def judge(self, report: Report) -> tuple[GateResult, ...]:
        """What came of each gate, in the order of the options.

        Args:
            report: measured by a plan that was checked with ``require``.
        """
        return tuple(gate.judge(report, limit) for gate, limit in self._set())


def reasons(results: Sequence[GateResult]) -> list[str]:
    """A line for each gate that was missed: which, by what, and by how much."""
    return [_reason(result) for result in results if not result.passed]


def _reason(result: GateResult) -> str:
    (gate,) = (gate for gate in GATES if gate.name == result.name)
    bound = "at least" if gate.least else "at most"
    return (
        f"gate missed: {result.scheme} has {_number(result.value)} {result.unit}, {bound} "
        f"{_number(result.limit)} allowed by {result.name} ({gate.what})"
    )


def _number(value: float) -> str:
    """With four digits after the point, where they say something."""
    return f"{value:,.4f}".rstrip("0").rstrip(".")
