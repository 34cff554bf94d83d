"""The report as Markdown, for a repository."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable

from mnist_edge.evaluation.report.render import tables
from mnist_edge.evaluation.report.render.formatting import (
    count,
    flips_by_outcome,
    gate_summary,
    gates_summary,
    image_name,
    image_problems,
    leading_first,
    other_suspects,
    sanitize,
    suspect_indices,
    unchanged_note,
)
from mnist_edge.evaluation.report.render.tables import Cell, ReportTable
from mnist_edge.evaluation.report.results import ImageResult, Report
from mnist_edge.system.text import markdown_table, percent

_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|~&$])")
"""Characters with a meaning in Markdown or GitHub's dialect of it."""
_MAX_LISTED = 100
"""Largest number of pictures in a list: a broken scheme flips thousands."""


def report_to_markdown(report: Report) -> str:
    """Return the report: verdict, gates, main table, flips, details, and the times last."""
    parts = [
        f"# Accuracy drop of {escape_markdown(report.model)}",
        f"**{escape_markdown(report.verdict)}**",
        *_gates(report),
        table_to_markdown(tables.cost_table(report)),
        f"{count(report.data.pictures)} pictures of {escape_markdown(report.data.name)}, the same "
        "for every scheme in the same order; in brackets 95 % intervals, Wilson's for the "
        "accuracy, paired for the drop. A drop above 0 is a loss. Agreement is the share of "
        "pictures with the same answer, right or wrong.",
        *_image_problems(report),
        *_flips(report),
        *_details(report),
        "## Files",
        table_to_markdown(tables.file_table(report)),
        "## How to reproduce this report",
        tables.INPUTS_NOTE,
        _list(
            f"{escape_markdown(name)}: {_code(value)}" for name, value in tables.provenance(report)
        ),
        "## Times",
        table_to_markdown(tables.time_table(report)),
        _list(
            f"{escape_markdown(name)}: {escape_markdown(value)}"
            for name, value in tables.environment(report)
        ),
    ]
    return "\n\n".join(parts) + "\n"


def escape_markdown(text: object) -> str:
    """Escape text so that Markdown shows it unchanged, on one line."""
    return _SPECIAL.sub(r"\\\1", sanitize(text))


def table_to_markdown(table: ReportTable) -> str:
    """Return a table with small print in parentheses."""
    return markdown_table(
        [escape_markdown(name) for name in table.header],
        [[_cell(cell) for cell in row] for row in table.rows],
    )


def _cell(cell: Cell) -> str:
    if isinstance(cell, str):
        return escape_markdown(cell)
    return f"{escape_markdown(cell[0])} ({escape_markdown(cell[1])})"


def _code(text: object) -> str:
    """Return text as inline code, with a fence longer than any run of backticks in it."""
    words = sanitize(text)
    fence = "`" * (1 + max((len(run) for run in re.findall("`+", words)), default=0))
    return f"{fence}{words}{fence}" if len(fence) == 1 else f"{fence} {words} {fence}"


def _list(items: Iterable[str]) -> str:
    return "\n".join(f"- {item}" for item in items)


def _gates(report: Report) -> list[str]:
    if not report.gates:
        return []
    return [
        gates_summary(report) + ":",
        _list(
            f"{'passed' if gate.passed else '**missed**'}: {escape_markdown(gate_summary(gate))}"
            for gate in sorted(report.gates, key=lambda gate: gate.passed)
        ),
    ]


def _image_problems(report: Report) -> list[str]:
    return [
        part
        for heading, images in image_problems(report)
        for part in (
            heading,
            _list(
                f"{escape_markdown(image.path)}: {escape_markdown(image.reason)}"
                for image in images
            ),
        )
    ]


def _flips(report: Report) -> list[str]:
    parts = ["## Pictures whose answer changed"]
    for scheme in leading_first(report):
        if not scheme.flipped:
            continue
        name = escape_markdown(scheme.scheme)
        parts.append(f"### {name}: {count(scheme.flipped)} of {count(scheme.total)}")
        for outcome, flips in flips_by_outcome(scheme).items():
            parts.append(f"{outcome}: {count(len(flips))}")
            parts.append(_image_list(flips[:_MAX_LISTED], report.reference, scheme.scheme))
            if len(flips) > _MAX_LISTED:
                parts.append(f"{count(len(flips) - _MAX_LISTED)} more are in report.html.")
    if note := unchanged_note(report):
        parts.append(escape_markdown(note))
    return parts if len(parts) > 1 else []


def _image_list(
    images: Iterable[ImageResult], reference: str, candidate: str, *, suspect: Collection[int] = ()
) -> str:
    """List pictures with their label, which may be suspect, and both answers."""
    return _list(
        f"{escape_markdown(image_name(image))}, labelled {image.label}"
        f"{' (in doubt)' if image.index in suspect else ''}: "
        + ", ".join(
            f"{escape_markdown(scheme)} {answer.digit} ({percent(answer.confidence, 1)})"
            for scheme, answer in ((reference, image.reference), (candidate, image.candidate))
        )
        for image in images
    )


def _details(report: Report) -> list[str]:
    """Return the tables of all schemes, and the lists of the one that the report is about."""
    confidence = ["## Confidence", table_to_markdown(tables.calibration_table(report))]
    candidates = leading_first(report)
    if not candidates:
        return confidence
    leading, both = candidates[0], (report.reference, candidates[0].scheme)
    parts = [
        "## Picture by picture",
        table_to_markdown(tables.pair_table(report)),
        "## Digit by digit",
        table_to_markdown(tables.class_table(report, leading)),
    ]
    suspect = suspect_indices(leading)
    if leading.mistakes:
        parts += [
            f"## Most confident mistakes of {escape_markdown(leading.scheme)}",
            *([tables.SUSPECT_LABELS_NOTE] if suspect else []),
            _image_list(leading.mistakes, *both, suspect=suspect),
        ]
    if others := other_suspects(leading):
        parts += ["## More labels in doubt", _image_list(others, *both, suspect=suspect)]
    if leading.corruptions:
        shown = (
            tables.predicted_corruption_table(report, leading),
            tables.bare_corruption_table(report, leading),
        )
        parts.append("## Under corruption")
        if leading.is_predicted:
            parts.append(tables.TWO_WAYS_NOTE)
        for table in filter(None, shown):
            parts += [f"{escape_markdown(table.caption)}:", table_to_markdown(table)]
        parts.append(tables.WRONG_ANSWERS_NOTE)
    return [*parts, *confidence]
