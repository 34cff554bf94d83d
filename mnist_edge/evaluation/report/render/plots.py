"""The plots of a report as inline SVG.

Nothing is shown by color alone: the reference is round, outlined and dashed, the candidate square,
filled and solid, and each drawing describes in words what it shows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mnist_edge import CLASSES
from mnist_edge.evaluation.report.render.formatting import (
    count,
    points,
    points_interval,
    truncate,
)
from mnist_edge.evaluation.report.render.svg import (
    Scale,
    box,
    drawing,
    horizontal_axis,
    legend,
    line,
    marker,
    text,
    vertical_text,
    whisker,
)
from mnist_edge.evaluation.report.results import (
    CorruptionResult,
    Report,
    SchemeReport,
    SchemeTimes,
)
from mnist_edge.metrics.intervals import Interval

_WIDTH = 360.0
"""What fits a phone without scaling the letters."""
_CELL = 30.0
"""Height and width of a cell of the confusion matrix."""
_ROW = 22.0
"""Height of a row of bars."""
_BAR = 6.0
"""Height of a bar."""
_STRIP = (150.0, 22.0)
"""Width and height of a drop drawn in a table."""
_MAX_OPACITY = 0.6
"""Opacity of the most changed cell: letters stay legible on it, light or dark."""
_TIME_AXIS = 1.25
"""End of the time axis, as a multiple of the largest 95th percentile: otherwise a single digit that
the system interrupted would make all others look alike."""


@dataclass(frozen=True, kw_only=True)
class CorruptionBar:
    """Results of the reference and a scheme under one corruption."""

    kind: str
    """Kind of the corruption."""
    before: float
    """Share of the reference, 0..1."""
    after: float
    """Share of the scheme, 0..1."""
    drop_points: float
    """What the scheme loses, in percentage points."""
    drop_interval: Interval
    """95 % confidence interval of that."""
    total: int
    """Number of pictures."""


def predicted_bars(
    reference: SchemeReport, candidate: SchemeReport, severity: int
) -> list[CorruptionBar]:
    """Return the shares of right answers of predict; empty in older reports."""
    return [
        CorruptionBar(
            kind=own.kind,
            before=before.predicted.right_share,
            after=own.predicted.right_share,
            drop_points=own.predicted.drop_points,
            drop_interval=own.predicted.drop_interval,
            total=own.predicted.total,
        )
        for before, own in _pairs(reference, candidate, severity)
        if before.predicted and own.predicted
    ]


def bare_bars(
    reference: SchemeReport, candidate: SchemeReport, severity: int
) -> list[CorruptionBar]:
    """Return the accuracies on bare arrays."""
    return [
        CorruptionBar(
            kind=own.kind,
            before=before.accuracy,
            after=own.accuracy,
            drop_points=own.drop_points,
            drop_interval=own.drop_interval,
            total=own.total,
        )
        for before, own in _pairs(reference, candidate, severity)
    ]


def _pairs(
    reference: SchemeReport, candidate: SchemeReport, severity: int
) -> list[tuple[CorruptionResult, CorruptionResult]]:
    return [
        (before, own)
        for before, own in zip(reference.corruptions, candidate.corruptions, strict=True)
        if own.severity == severity
    ]


def corruption_plot(
    identifier: str,
    schemes: tuple[SchemeReport, SchemeReport],
    bars: Sequence[CorruptionBar],
    *,
    title: str,
    axis: str,
) -> str:
    """Plot two schemes' shares under each corruption, and the drop with its interval.

    Args:
        identifier: unique on the page.
        schemes: the reference and the candidate.
        bars: one per corruption; drawn with the largest drop first.
        title: name of the drawing.
        axis: name of the shares.
    """
    rows = sorted(bars, key=lambda bar: (-bar.drop_points, bar.kind))
    top, bottom = 52.0, 52.0 + _ROW * len(rows)
    share = Scale(low=0, high=100, start=104, end=232)
    drop = _scale_around_zero([end for row in rows for end in row.drop_interval], 258, 384)
    body = [
        *legend(8, 14, *(scheme.scheme for scheme in schemes)),
        text(share.start, 40, axis, kind="head"),
        text(drop.end, 40, "drop in points, 95 %", anchor="end", kind="head"),
        *horizontal_axis(share, top=top, bottom=bottom, max_steps=2),
        *horizontal_axis(drop, top=top, bottom=bottom, max_steps=6),
        line(drop(0), top, drop(0), bottom, "zero"),
    ]
    for number, row in enumerate(rows):
        middle = top + _ROW * (number + 0.5)
        for kind, value, y in (
            ("reference", row.before, middle - _BAR - 0.5),
            ("candidate", row.after, middle + 0.5),
        ):
            width = share(100 * value) - share.start
            body.append(box(share.start, y, width, _BAR, f"bar {kind}"))
        body += [
            text(share.start - 6, middle + 4, truncate(row.kind), anchor="end"),
            whisker(drop, row.drop_interval, middle, "candidate"),
            marker(drop(row.drop_points), middle, "candidate"),
        ]
    return drawing(
        identifier,
        size=(400, bottom + 22),
        title=title,
        description="Drops in points with 95 % intervals: "
        + "; ".join(
            f"{row.kind} {points(row.drop_points)} ({points_interval(row.drop_interval)})"
            for row in rows
        )
        + ".",
        body=body,
    )


def confusion_plot(identifier: str, reference: SchemeReport, candidate: SchemeReport) -> str:
    """Plot the candidate's confusion matrix minus the reference's.

    More correct and fewer wrong answers have one color, the opposite has the other.
    """
    change = [
        [after - before for before, after in zip(*rows, strict=True)]
        for rows in zip(reference.confusion, candidate.confusion, strict=True)
    ]
    left, top = 40.0, 62.0
    body = [
        box(left, 4, 12, 12, "better swatch"),
        text(left + 18, 14, "better"),
        box(112, 4, 12, 12, "worse swatch"),
        text(130, 14, "worse"),
        text(left + 5 * _CELL, 36, "answer", anchor="middle"),
        vertical_text(12, top + 5 * _CELL, "label"),
    ]
    for digit in range(CLASSES):
        middle = (digit + 0.5) * _CELL
        body.append(text(left + middle, top - 6, digit, anchor="middle", kind="tick"))
        body.append(text(left - 8, top + middle + 4, digit, anchor="end", kind="tick"))
    largest = max(1, *(abs(number) for row in change for number in row))
    for label, row in enumerate(change):
        for answer, number in enumerate(row):
            x, y = left + answer * _CELL, top + label * _CELL
            if number:
                better = (number > 0) == (label == answer)
                opacity = 0.15 + (_MAX_OPACITY - 0.15) * abs(number) / largest
                body.append(
                    f'<rect x="{x:g}" y="{y:g}" width="{_CELL:g}" height="{_CELL:g}" '
                    f'class="{"better" if better else "worse"}" fill-opacity="{opacity:.2f}"/>'
                )
            body.append(box(x, y, _CELL, _CELL, "right cell" if label == answer else "cell"))
            kind = "" if number else "nothing"
            words = _signed(number)
            body.append(text(x + _CELL / 2, y + _CELL / 2 + 4, words, anchor="middle", kind=kind))
    changes = [
        f"{_signed(number)} {label} answered as {answer}"
        for label, row in enumerate(change)
        for answer, number in enumerate(row)
        if number
    ]
    return drawing(
        identifier,
        size=(_WIDTH, top + CLASSES * _CELL + 6),
        title=f"Confusion matrix of {candidate.scheme} minus that of {reference.scheme}",
        description=f"{'; '.join(changes) if changes else 'No difference'}.",
        body=body,
    )


def latency_plot(identifier: str, times: Sequence[SchemeTimes]) -> str:
    """Plot the median, 95th and 99th percentile of each scheme's latency."""
    top, bottom = 40.0, 40.0 + _ROW * len(times)
    largest = max(timed.p95_us for timed in times)
    across = Scale(low=0, high=_TIME_AXIS * largest, start=104, end=290)
    body = [
        box(8, 6, 18, _BAR, "bar candidate"),
        text(31, 14, "median"),
        line(88, 9, 106, 9, "whisker candidate"),
        *(line(x, 4, x, 14, "whisker candidate") for x in (96, 106)),
        text(113, 14, "p95 and p99, in microseconds"),
        *horizontal_axis(across, top=top - 8, bottom=bottom, max_steps=4),
    ]
    for number, timed in enumerate(times):
        middle = top + _ROW * (number + 0.5) - 4
        start, median = across.start, across(timed.median_us)
        body += [
            text(start - 6, middle + 4, truncate(timed.scheme), anchor="end"),
            box(start, middle - _BAR, median - start, 2 * _BAR, "bar candidate"),
            line(median, middle, across(timed.p99_us), middle, "whisker candidate"),
        ]
        for end in (timed.p95_us, timed.p99_us):
            x = across(end)
            if end <= across.high:
                body.append(line(x, middle - 5, x, middle + 5, "whisker candidate"))
            else:
                body.append(text(across.end + 3, middle + 4, f"\u2192 {count(end)}", kind="tick"))
    return drawing(
        identifier,
        size=(_WIDTH, bottom + 22),
        title="Time of one digit on one thread",
        description="; ".join(
            f"{timed.scheme}: median {count(timed.median_us)}, p95 {count(timed.p95_us)}, "
            f"p99 {count(timed.p99_us)} microseconds"
            for timed in times
        ),
        body=body,
    )


def drop_scale(report: Report, *, start: float = 5, end: float = _STRIP[0] - 5) -> Scale:
    """Return one scale for the drops of all schemes, including 0 and the gates' limits."""
    ends = [end for scheme in report.candidates for end in scheme.drop_interval]
    return _scale_around_zero([*ends, *drop_limits(report)], start, end)


def drop_limits(report: Report) -> list[float]:
    """Return the gates' limits for a drop on uncorrupted pictures, in points."""
    return [gate.limit for gate in report.gates if gate.name in {"--max-drop", "--max-drop-point"}]


def drop_strip(scheme: SchemeReport, scale: Scale, limits: Sequence[float]) -> str:
    """Draw a drop with its interval, hidden from screen readers, for a cell beside the figures."""
    width, height = _STRIP
    return "".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" aria-hidden="true" class="strip" '
            f'viewBox="0 0 {width:g} {height:g}">',
            line(scale(0), 0, scale(0), height, "zero"),
            *(line(scale(limit), 0, scale(limit), height, "limit") for limit in limits),
            whisker(scale, scheme.drop_interval, height / 2, "candidate"),
            marker(scale(scheme.drop_points), height / 2, "candidate"),
            "</svg>",
        ]
    )


def _scale_around_zero(values: Sequence[float], start: float, end: float) -> Scale:
    """Return a scale with room for all values and for 0."""
    low, high = min([0.0, *values]), max([0.0, *values])
    margin = 0.06 * max(high - low, 0.02)
    return Scale(low=low - margin, high=high + margin, start=start, end=end)


def _signed(number: int) -> str:
    return f"{number:+d}".replace("-", "\u2212") if number else "0"
