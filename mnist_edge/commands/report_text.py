"""A report as text: the verdict, then the tables, in 80 columns or a terminal's width."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from itertools import zip_longest

from mnist_edge.commands.console import format_table, terminal_width, wrap
from mnist_edge.evaluation.report.diff import OTHER_PICTURES, ReportDiff
from mnist_edge.evaluation.report.document import report_to_dict
from mnist_edge.evaluation.report.render.diff_page import diff_to_html, diff_to_markdown
from mnist_edge.evaluation.report.render.html import report_to_html
from mnist_edge.evaluation.report.render.markdown import report_to_markdown
from mnist_edge.evaluation.report.results import CorruptionResult, Report
from mnist_edge.metrics.intervals import Interval
from mnist_edge.system.text import escape_controls, fixed, percent, shorten, signed

_FACT = 32
"""Columns for a fact of one of two reports; more in a terminal with room for them."""
_NAME = 34
"""Characters of a picture's name; likewise."""
_BESIDE_NAME = 46
"""Characters beside the name on a line about a picture."""
_MAX_FLIPS = 10
"""Flips that are printed; the page shows all."""


def render_report(report: Report, output_format: str) -> str:
    """Render the report as text, json, markdown or html."""
    if output_format == "json":
        return _to_json(report_to_dict(report))
    renderers = {"markdown": report_to_markdown, "html": report_to_html}
    if output_format in renderers:
        return renderers[output_format](report)
    return format_report(report) + "\n"


def render_comparison(diff: ReportDiff, output_format: str) -> str:
    """Render the comparison of two reports as text, json, markdown or html."""
    if output_format == "json":
        return _to_json(dataclasses.asdict(diff))
    renderers = {"markdown": diff_to_markdown, "html": diff_to_html}
    if output_format in renderers:
        return renderers[output_format](diff)
    return format_comparison(diff) + "\n"


def _to_json(document: dict[str, object]) -> str:
    return json.dumps(document, indent=2) + "\n"


def format_report(report: Report) -> str:
    """Format the report, part by part."""
    parts = [
        wrap(report.verdict),
        format_table(*_accuracy(report)),
        format_table(*_pairs(report)),
        _flips(report),
        format_table(*_recall(report)),
        _corruptions(report),
        format_table(*_times(report)),
        _provenance(report),
        *_image_problems(report),
    ]
    return "\n\n".join(part for part in parts if part)


def _accuracy(report: Report) -> tuple[list[str], list[list[str]]]:
    header = ["scheme", "accuracy", "95 %", "drop", "95 %", "bytes"]
    rows = []
    for scheme in report.schemes:
        low, high = scheme.accuracy_interval
        itself = scheme.scheme == report.reference
        rows.append(
            [
                scheme.scheme,
                percent(scheme.accuracy),
                f"{100 * low:.2f}..{100 * high:.2f}",
                "reference" if itself else signed(scheme.drop_points),
                "" if itself else _interval(scheme.drop_interval),
                f"{scheme.size:,}",
            ]
        )
    return header, rows


def _pairs(report: Report) -> tuple[list[str], list[list[str]]]:
    header = ["scheme", "lost", "won", "both wrong", "p", "agreement", "abstained", "ECE"]
    rows = [
        [
            scheme.scheme,
            str(scheme.only_reference),
            str(scheme.only_candidate),
            str(scheme.both_wrong),
            f"{scheme.p_value:.2g}",
            percent(scheme.agreement),
            str(scheme.abstained),
            percent(scheme.calibration.error),
        ]
        for scheme in report.schemes
    ]
    return header, rows


def _flips(report: Report) -> str:
    lines = []
    width = max(_NAME, (terminal_width() or 0) - _BESIDE_NAME)
    for scheme in report.schemes:
        for flip in scheme.flips[:_MAX_FLIPS]:
            before, after = flip.reference, flip.candidate
            name = escape_controls(flip.path or f"#{flip.index}")
            lines.append(
                f"{scheme.scheme} flips {shorten(name, width)}, "
                f"a {flip.label}: {before.digit} ({percent(before.confidence, 0)}) to "
                f"{after.digit} ({percent(after.confidence, 0)})"
            )
        if scheme.flipped > _MAX_FLIPS:
            lines.append(f"{scheme.scheme} flips {scheme.flipped - _MAX_FLIPS:,} more")
    return "\n".join(lines)


def _recall(report: Report) -> tuple[list[str], list[list[str]]]:
    schemes = report.schemes
    header = ["recall of", "pictures", *(scheme.scheme for scheme in schemes)]
    rows = []
    for digit, first in enumerate(schemes[0].classes):
        recalls = [scheme.classes[digit].recall for scheme in schemes]
        cells = ["" if recall is None else percent(recall) for recall in recalls]
        rows.append([str(digit), str(first.count), *cells])
    return header, rows


def _corruptions(report: Report) -> str:
    schemes = report.schemes
    if not schemes[0].corruptions:
        return ""
    header = ["predict / bare", *(scheme.scheme for scheme in schemes)]
    rows = [
        [f"{results[0].kind} {results[0].severity}", *map(_both_ways, results)]
        for results in zip(*(scheme.corruptions for scheme in schemes), strict=True)
    ]
    first = schemes[0].corruptions[0]
    predicted = f" to {first.predicted.total:,} pictures each" if first.predicted else ""
    note = (
        f"Corruptions with their severity: right answers of predict{predicted} / accuracy on "
        f"{first.total:,} bare 28x28 arrays each, in %."
    )
    return f"{format_table(header, rows)}\n\n{wrap(note)}"


def _both_ways(result: CorruptionResult) -> str:
    predicted = result.predicted
    right = "-" if predicted is None else fixed(100 * predicted.right_share, 1)
    return f"{right}/{fixed(100 * result.accuracy, 1)}"


def _times(report: Report) -> tuple[list[str], list[list[str]]]:
    threads = [str(count) for count in report.times.threads]
    header = ["scheme", "load ms", "median us", "p95", "p99", *(f"per s, {n}" for n in threads)]
    rows = [
        [
            scheme.scheme,
            f"{scheme.load_ms:.1f}",
            f"{scheme.median_us:.0f}",
            f"{scheme.p95_us:.0f}",
            f"{scheme.p99_us:.0f}",
            *(f"{scheme.throughput[count]:,.0f}" for count in threads),
        ]
        for scheme in report.times.schemes
    ]
    return header, rows


def _provenance(report: Report) -> str:
    data, times = report.data, report.times
    reference = report.reference
    texts = [
        f"{data.name}, {data.pictures:,} pictures. Drop: points of accuracy lost against "
        f"{reference}; lost and won: read right by {reference} alone, and by the scheme alone; p: "
        "McNemar's exact test; ECE: expected calibration error.",
        ". ".join(part for part in (report.runtime, times.machine, times.cpu) if part) + ".",
    ]
    return "\n".join(map(wrap, texts))


def _image_problems(report: Report) -> Iterator[str]:
    data = report.data
    for kind, pictures in (
        ("unreadable, not counted", data.unreadable),
        ("without a single digit, abstained from", data.without_digit),
    ):
        if pictures:
            lines = [escape_controls(f"  {picture.path}: {picture.reason}") for picture in pictures]
            yield "\n".join([f"{len(pictures):,} {kind}:", *lines])


def format_comparison(diff: ReportDiff) -> str:
    """Format the comparison of two reports: what changed, both verdicts, every figure."""
    lines = [wrap(diff.summary)]
    if not diff.same_pictures:
        lines.append(OTHER_PICTURES)
    lines += [
        wrap(verdict, first=f"{name}  ", margin="   ")
        for name, verdict in zip("AB", diff.verdicts, strict=True)
    ]
    rows = [
        [
            f"{change.scheme} {change.figure}",
            _number(change.first, change.decimals),
            _number(change.second, change.decimals),
            "" if change.change is None else signed(change.change, change.decimals),
            "" if change.interval is None else _interval(change.interval),
            "*" if change.beyond else "",
        ]
        for change in diff.changes
    ]
    return "\n\n".join(
        [
            "\n".join(lines),
            "\n".join(_fact_lines(diff)),
            format_table(["", "A", "B", "B - A", "95 %", ""], rows),
            "* more than chance explains, as if A and B were independent.",
        ]
    )


def _fact_lines(diff: ReportDiff) -> Iterator[str]:
    """Yield the facts of both reports side by side; long ones take several lines."""
    import textwrap

    names = max(len(name) for name, *_ in diff.facts)
    width = max(_FACT, ((terminal_width() or 0) - names) // 2 - len("  "))
    for name, *facts in (("", "A", "B"), *diff.facts):
        columns = [textwrap.wrap(escape_controls(fact), width) for fact in facts]
        for number, (first, second) in enumerate(zip_longest(*columns, fillvalue="")):
            start = "" if number else name
            yield f"{start.ljust(names)}  {first.ljust(width)}  {second}".rstrip()


def _interval(interval: Interval) -> str:
    return f"{signed(interval.low)}..{signed(interval.high)}"


def _number(value: float | None, decimals: int) -> str:
    return "-" if value is None else fixed(value, decimals)
