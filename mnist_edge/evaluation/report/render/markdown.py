"""The report as Markdown, for a repository."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from mnist_edge.evaluation.report.render import tables
from mnist_edge.evaluation.report.render.formatting import (
    Document,
    candidates_of,
    clean,
    count,
    flipped,
    flips_by_outcome,
    gate_in_words,
    gates_in_words,
    left_out,
    name_of,
    percent,
)
from mnist_edge.evaluation.report.render.tables import Cell, Table

_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|~&$])")
"""What Markdown, or GitHub's, takes for more than a character."""
_MOST = 100
"""Pictures in a list at most: a broken scheme flips thousands."""


def to_markdown(document: Mapping[str, Any]) -> str:
    """The page: verdict and gates, the one table, the flips, then the rest, the times last.

    Args:
        document: ``report.json``, schema version 2.
    """
    data = document["data"]
    parts = [
        f"# Accuracy drop of {escape(document['model'])}",
        f"**{escape(document['verdict'])}**",
        *_gates(document),
        markdown_table(tables.costs(document)),
        f"{count(data['pictures'])} pictures of {escape(data['name'])}, the same for every scheme "
        "in the same order; in brackets 95 % intervals, Wilson's for the accuracy, paired for the "
        "drop. A drop above 0 is a loss. Agreement is the share of pictures with the same answer, "
        "right or wrong.",
        *_left_out(document),
        *_flips(document),
        *_details(document),
        "## Files",
        markdown_table(tables.sizes(document)),
        "## How to get this report again",
        "The same inputs give the same report, but for the times.",
        _list(f"{escape(name)}: {code(value)}" for name, value in tables.provenance(document)),
        "## Times",
        markdown_table(tables.times(document)),
        _list(f"{escape(name)}: {escape(value)}" for name, value in tables.circumstances(document)),
    ]
    return "\n\n".join(parts) + "\n"


def escape(text: object) -> str:
    """Text that reads as it is, on one line."""
    return _SPECIAL.sub(r"\\\1", clean(text))


def code(text: object) -> str:
    """Text as code, whatever backticks are in it."""
    words = clean(text)
    fence = "`" * (1 + max((len(run) for run in re.findall("`+", words)), default=0))
    return f"{fence}{words}{fence}" if len(fence) == 1 else f"{fence} {words} {fence}"


def markdown_table(table: Table) -> str:
    """A table, the first column set left, the others right; small print in brackets."""
    rule = ["---", *["---:"] * (len(table.header) - 1)]
    rows = [[_cell(cell) for cell in row] for row in (table.header, *table.rows)]
    return "\n".join("| " + " | ".join(row) + " |" for row in (rows[0], rule, *rows[1:]))


def _cell(cell: Cell) -> str:
    return escape(cell) if isinstance(cell, str) else f"{escape(cell[0])} ({escape(cell[1])})"


def _list(items: Iterable[str]) -> str:
    return "\n".join(f"- {item}" for item in items)


def _gates(document: Document) -> list[str]:
    gates = sorted(document["gates"], key=lambda gate: bool(gate["passed"]))
    if not gates:
        return []
    return [
        gates_in_words(document) + ":",
        _list(
            f"{'passed' if gate['passed'] else '**missed**'}: {escape(gate_in_words(gate))}"
            for gate in gates
        ),
    ]


def _left_out(document: Document) -> list[str]:
    return [
        part
        for what, items in left_out(document)
        for part in (
            what,
            _list(f"{escape(item['path'])}: {escape(item['reason'])}" for item in items),
        )
    ]


def _flips(document: Document) -> list[str]:
    parts = ["## Pictures whose answer changed"]
    for scheme in candidates_of(document):
        changed = flipped(scheme)
        parts.append(
            f"### {escape(scheme['scheme'])}: {count(changed)} of {count(scheme['total'])}"
        )
        if not changed:
            parts.append("Every answer is the reference's.")
        both = (document["reference"], scheme["scheme"])
        for outcome, flips in flips_by_outcome(scheme).items():
            parts.append(f"{outcome}: {count(len(flips))}")
            parts.append(_list(_picture(flip, *both) for flip in flips[:_MOST]))
            if len(flips) > _MOST:
                parts.append(f"{count(len(flips) - _MOST)} more are in report.html.")
    return parts if len(parts) > 1 else []


def _picture(picture: Document, reference: str, candidate: str) -> str:
    answers = ", ".join(
        f"{escape(scheme)} {answer['digit']} ({percent(answer['confidence'], 1)})"
        for scheme, answer in ((reference, picture["reference"]), (candidate, picture["candidate"]))
    )
    return f"{escape(name_of(picture))}, labelled {picture['label']}: {answers}"


def _details(document: Document) -> list[str]:
    """What is said of the schemes together, and then of the one that the report is about."""
    candidates = candidates_of(document)
    if not candidates:
        return ["## Confidence", markdown_table(tables.calibration(document))]
    leading, both = candidates[0], (document["reference"], candidates[0]["scheme"])
    parts = [
        "## Picture by picture",
        markdown_table(tables.pairs(document)),
        "## Digit by digit",
        markdown_table(tables.classes(document, leading)),
    ]
    if leading["mistakes"]:
        parts += [
            f"## Most confident mistakes of {escape(leading['scheme'])}",
            _list(_picture(picture, *both) for picture in leading["mistakes"]),
        ]
    if leading["doubtful"]:
        parts += [
            "## Labels in doubt",
            "Both schemes give the same answer, are sure of it, and the label says otherwise.",
            _list(_picture(picture, *both) for picture in leading["doubtful"]),
        ]
    if leading["corruptions"]:
        parts += [
            "## Under corruption",
            markdown_table(tables.corruptions(document, leading)),
            tables.WRONG_ANSWERS,
        ]
    return [*parts, "## Confidence", markdown_table(tables.calibration(document))]
