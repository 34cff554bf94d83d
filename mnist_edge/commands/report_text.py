"""A report as a terminal shows it, in 80 columns: the verdict, then the tables."""

from __future__ import annotations

import dataclasses
import json
import textwrap
from collections.abc import Iterator

from mnist_edge.commands.console import format_table
from mnist_edge.evaluation.report.diff import OTHER_PICTURES, ReportDiff
from mnist_edge.evaluation.report.document import report_to_dict
from mnist_edge.evaluation.report.render.diff_page import diff_to_html, diff_to_markdown
from mnist_edge.evaluation.report.render.html import report_to_html
from mnist_edge.evaluation.report.render.markdown import report_to_markdown
from mnist_edge.evaluation.report.results import Report
from mnist_edge.system.text import percent

_WIDTH = 80
"""Columns of a terminal."""
_FACT = 32
"""Characters of what is told of one of two reports."""
_FLIPS = 10
"""Flips that are told of; the page shows all."""


def render_report(report: Report, form: str) -> str:
    """The report as text, json, markdown or html."""
    if form == "json":
        return _as_json(report_to_dict(report))
    writers = {"markdown": report_to_markdown, "html": report_to_html}
    return writers[form](report) if form in writers else format_report(report) + "\n"


def render_comparison(diff: ReportDiff, form: str) -> str:
    """Two reports side by side as text, json, markdown or html."""
    if form == "json":
        return _as_json(dataclasses.asdict(diff))
    writers = {"markdown": diff_to_markdown, "html": diff_to_html}
    return writers[form](diff) if form in writers else format_comparison(diff) + "\n"


def _as_json(document: dict[str, object]) -> str:
    return json.dumps(document, indent=2) + "\n"


def format_report(report: Report) -> str:
    """The report, part by part."""
    parts = [
        _wrapped(report.verdict),
        format_table(*_accuracy(report)),
        format_table(*_pairs(report)),
        _flips(report),
        format_table(*_recall(report)),
        _corruptions(report),
        format_table(*_times(report)),
        _provenance(report),
        *_unread(report),
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
                "reference" if itself else f"{scheme.drop_points:+.2f}",
                "" if itself else "{:+.2f}..{:+.2f}".format(*scheme.drop_interval),
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
    for scheme in report.schemes:
        for flip in scheme.flips[:_FLIPS]:
            before, after = flip.reference, flip.candidate
            lines.append(
                f"{scheme.scheme} flips {_shortened(flip.path or '#' + str(flip.index))}, "
                f"a {flip.label}: {before.digit} ({100 * before.confidence:.0f} %) to "
                f"{after.digit} ({100 * after.confidence:.0f} %)"
            )
        if scheme.flipped > _FLIPS:
            lines.append(f"{scheme.scheme} flips {scheme.flipped - _FLIPS:,} more")
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
    total = schemes[0].corruptions[0].total
    header = [f"{total:,} each of", "severity", *(scheme.scheme for scheme in schemes)]
    rows = [
        [
            results[0].kind,
            str(results[0].severity),
            *(percent(result.accuracy) for result in results),
        ]
        for results in zip(*(scheme.corruptions for scheme in schemes), strict=True)
    ]
    return format_table(header, rows)


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
    said = [
        f"{data.name}, {data.pictures:,} pictures. Drop: points of accuracy lost against "
        f"{reference}; lost and won: read right by {reference} alone, and by the scheme alone; p: "
        "McNemar's exact; ECE: expected calibration error.",
        ". ".join(part for part in (report.runtime, times.machine, times.cpu) if part) + ".",
    ]
    return "\n".join(map(_wrapped, said))


def _unread(report: Report) -> Iterator[str]:
    data = report.data
    for kind, pictures in (
        ("unreadable, counted nowhere", data.unreadable),
        ("without a single digit, abstained from", data.without_digit),
    ):
        if pictures:
            told = [f"  {picture.path}: {picture.reason}" for picture in pictures]
            yield "\n".join([f"{len(pictures):,} {kind}:", *told])


def format_comparison(diff: ReportDiff) -> str:
    """Two reports side by side: what changed, both verdicts, every figure."""
    lines = [_wrapped(diff.summary)]
    if not diff.same_pictures:
        lines.append(OTHER_PICTURES)
    lines += [
        f"{name}  {_wrapped(said, indent=3)[3:]}"
        for name, said in zip("AB", diff.verdicts, strict=True)
    ]
    facts = [
        [_shortened(cell, _FACT) if place else cell for place, cell in enumerate(fact)]
        for fact in diff.facts
    ]
    rows = [
        [
            f"{change.scheme} {change.figure}",
            _number(change.first, change.decimals),
            _number(change.second, change.decimals),
            "" if change.change is None else f"{change.change:+,.{change.decimals}f}",
            "" if change.interval is None else "{:+.2f}..{:+.2f}".format(*change.interval),
            "*" if change.beyond else "",
        ]
        for change in diff.changes
    ]
    return "\n\n".join(
        [
            "\n".join(lines),
            format_table(["", "A", "B"], facts),
            format_table(["", "A", "B", "B - A", "95 %", ""], rows),
            "* more than chance explains, as if A and B were independent.",
        ]
    )


def _wrapped(text: str, *, indent: int = 0) -> str:
    prefix = " " * indent
    return textwrap.fill(text, _WIDTH, initial_indent=prefix, subsequent_indent=prefix)


def _number(value: float | None, decimals: int) -> str:
    return "-" if value is None else f"{value:,.{decimals}f}"


def _shortened(name: str, most: int = 34) -> str:
    """A name with its beginning left out where it is long."""
    return name if len(name) <= most else f"...{name[3 - most :]}"
