"""Comparison of two reports: two releases, or a workstation and a Raspberry Pi."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

from mnist_edge.evaluation.report.results import Report, SchemeReport, SchemeTimes
from mnist_edge.metrics.intervals import Interval, difference_interval, wilson_interval
from mnist_edge.system.text import fixed, signed

OTHER_PICTURES = "A and B are not of the same pictures: their accuracies cannot be compared."
"""What every comparison says first if the reports are of different pictures."""


@dataclass(frozen=True, kw_only=True)
class FigureChange:
    """One figure of one scheme in both reports."""

    scheme: str
    """Name of the scheme."""
    figure: str
    """Name of the figure, with its unit."""
    first: float | None
    """Value in the first report; None if not measured."""
    second: float | None
    """Value in the second report; None if not measured."""
    change: float | None
    """Second value minus first; None if one is missing."""
    interval: Interval | None
    """95 % confidence interval of the change; None for a figure without intervals."""
    beyond: bool | None
    """Whether the interval excludes 0, so that chance does not explain the change; None without an
    interval."""

    @property
    def decimals(self) -> int:
        """Decimal places to show."""
        return 0 if self.figure in _WHOLE or self.figure.startswith(_THROUGHPUT) else 2

    @property
    def corrupted(self) -> bool:
        """Whether the figure is an accuracy on corrupted pictures."""
        return self.interval is not None and self.figure not in (_ACCURACY, _DROP)

    @property
    def worse(self) -> bool:
        """Whether an accuracy fell, or a drop grew."""
        grew = (self.change or 0) > 0
        return grew if self.figure == _DROP else not grew


@dataclass(frozen=True, kw_only=True)
class ReportDiff:
    """The change of every figure from a first report to a second."""

    same_pictures: bool
    """Whether both reports are of the same pictures in the same order."""
    facts: tuple[tuple[str, str, str], ...]
    """Name, value in the first report and value in the second of what was measured where."""
    verdicts: tuple[str, str]
    """Both verdicts."""
    changes: tuple[FigureChange, ...]
    """Changes by scheme, in the first report's order."""

    @property
    def beyond(self) -> tuple[FigureChange, ...]:
        """The changes that chance does not explain."""
        return tuple(change for change in self.changes if change.beyond)

    @property
    def summary(self) -> str:
        """Accuracy and size of the main scheme, and how many changes chance does not explain."""
        found = len(self.beyond)
        if not any(change.interval for change in self.changes):
            return "A and B have no scheme in common."
        if not found:
            return f"{self._main_figures} No accuracy changed by more than chance explains."
        worse = sum(change.worse for change in self.beyond)
        return (
            f"{self._main_figures} {found} {'accuracy' if found == 1 else 'accuracies'} changed by "
            f"more than chance explains: {found - worse} for the better, {worse} for the worse."
        )

    @property
    def _main_figures(self) -> str:
        """Accuracy and bytes of int8, or of the first scheme that both reports have."""
        figures = {(change.scheme, change.figure): change for change in self.changes}
        accuracies = [
            change for change in self.changes if change.figure == _ACCURACY and change.interval
        ]
        accuracy = max(accuracies, key=lambda change: change.scheme == _MAIN_SCHEME)
        size = figures[accuracy.scheme, _BYTES]
        difference = f" ({signed(accuracy.change or 0)} points)" if self.same_pictures else ""
        first, second = fixed(accuracy.first or 0), fixed(accuracy.second or 0)
        return (
            f"{accuracy.scheme}: {first} % in A, {second} % in B{difference}; "
            f"{size.first:,} bytes in A, {size.second:,} in B."
        )


_MAIN_SCHEME = "int8"
"""The scheme that the summary is about, if both reports have it."""
_ACCURACY = "accuracy, %"
_DROP = "drop, points"
_BYTES = "bytes"
_WHOLE = ("abstained", _BYTES, "arena, bytes", "median, \u00b5s", "p95, \u00b5s", "p99, \u00b5s")
"""Figures without decimal places; throughput is another."""
_THROUGHPUT = "digits a second, "
_Figure: TypeAlias = tuple[float | None, Interval | None]
"""A value, and its 95 % confidence interval if it has one."""


def diff_reports(first: Report, second: Report) -> ReportDiff:
    """Compare two reports figure by figure.

    The interval of a change combines the intervals of both figures as if the reports were
    independent. For reports of the same pictures, which are not, it is too wide rather than too
    narrow.
    """
    before, after = _figures(first), _figures(second)
    return ReportDiff(
        same_pictures=first.data.sha256 == second.data.sha256,
        facts=tuple(
            (name, value, other)
            for (name, value), (_, other) in zip(_facts(first), _facts(second), strict=True)
        ),
        verdicts=(first.verdict, second.verdict),
        changes=tuple(
            _change(*key, before.get(key, (None, None)), after.get(key, (None, None)))
            for key in dict.fromkeys((*before, *after))
        ),
    )


def _change(scheme: str, figure: str, before: _Figure, after: _Figure) -> FigureChange:
    (first, around_first), (second, around_second) = before, after
    change = interval = None
    if first is not None and second is not None:
        change = second - first
        if around_first and around_second:
            interval = difference_interval(first, around_first, second, around_second)
    return FigureChange(
        scheme=scheme,
        figure=figure,
        first=first,
        second=second,
        change=change,
        interval=interval,
        beyond=None if interval is None else not interval.low <= 0 <= interval.high,
    )


def _facts(report: Report) -> list[tuple[str, str]]:
    """Return what was measured, and where, by name."""
    return [
        ("model", report.model),
        ("mnist-edge", report.mnist_edge),
        ("runtime", report.runtime),
        ("machine", report.times.machine),
        ("processor", report.times.cpu or "unknown"),
        ("date", report.times.date),
        ("pictures", f"{report.data.pictures:,} of {report.data.name}"),
    ]


def _figures(report: Report) -> dict[tuple[str, str], _Figure]:
    """Return every figure to compare, by scheme and name; times come last."""
    times = {timed.scheme: timed for timed in report.times.schemes}
    return {
        (scheme.scheme, name): figure
        for scheme in report.schemes
        for name, figure in (
            *_accuracies(scheme, is_reference=scheme.scheme == report.reference),
            ("ECE, %", (100 * scheme.calibration.error, None)),
            ("abstained", (scheme.abstained, None)),
            (_BYTES, (scheme.size, None)),
            ("arena, bytes", (scheme.arena, None)),
            *_times(times.get(scheme.scheme)),
        )
    }


def _accuracies(scheme: SchemeReport, *, is_reference: bool) -> Iterator[tuple[str, _Figure]]:
    """Yield the figures that have an interval."""
    yield _ACCURACY, (100 * scheme.accuracy, _in_percent(scheme.accuracy_interval))
    if not is_reference:
        yield _DROP, (scheme.drop_points, scheme.drop_interval)
    for result in scheme.corruptions:
        interval = _in_percent(wilson_interval(result.correct, result.total))
        yield f"{result.kind} {result.severity}, %", (100 * result.accuracy, interval)
        if answers := result.predicted:
            interval = _in_percent(wilson_interval(answers.right, answers.total))
            yield (
                f"predict {result.kind} {result.severity}, %",
                (
                    100 * answers.right_share,
                    interval,
                ),
            )


def _in_percent(shares: Interval) -> Interval:
    return Interval(100 * shares.low, 100 * shares.high)


def _times(timed: SchemeTimes | None) -> Iterator[tuple[str, _Figure]]:
    if timed is not None:
        yield "load, ms", (timed.load_ms, None)
        yield "median, \u00b5s", (timed.median_us, None)
        yield "p95, \u00b5s", (timed.p95_us, None)
        yield "p99, \u00b5s", (timed.p99_us, None)
        for threads, speed in timed.throughput.items():
            yield f"{_THROUGHPUT}{threads} thr.", (speed, None)
