"""The comparison of two reports as HTML and as Markdown."""

from __future__ import annotations

from mnist_edge.evaluation.report.diff import OTHER_PICTURES, FigureChange, ReportDiff
from mnist_edge.evaluation.report.render.elements import (
    html_page,
    prose,
    section,
    table_to_html,
    user_text,
)
from mnist_edge.evaluation.report.render.formatting import (
    count,
    decimal,
    difference,
    points_interval,
)
from mnist_edge.evaluation.report.render.markdown import escape_markdown, table_to_markdown
from mnist_edge.evaluation.report.render.tables import Cell, ReportTable
from mnist_edge.system.text import MISSING

_NOTE = (
    "In small print the 95 % interval of each change, computed as if A and B were independent: for "
    "the same pictures it is wider than necessary. By chance alone, one change in twenty lies "
    "beyond its interval. Figures without an interval are shown as they are."
)
_MAX_LISTED = 8
"""Largest number of changes listed above the tables."""
_BEYOND = {None: MISSING, True: "yes", False: "no"}


def diff_to_html(diff: ReportDiff) -> str:
    """Return the page: the changes beyond chance, both verdicts, then every figure."""
    verdicts = "\n".join(
        f"<p><b>{name}</b>: {prose(verdict)}</p>"
        for name, verdict in zip("AB", diff.verdicts, strict=True)
    )
    changes = "\n".join(f"<li>{prose(change)}</li>" for change in _changes(diff))
    return html_page(
        "Two accuracy-drop reports side by side",
        '<a class="skip" href="#figures">Skip to the figures</a>',
        "<header>",
        '<p class="model">Two accuracy-drop reports, A and B</p>',
        f'<h1 class="long">{prose(diff.summary)}</h1>',
        "" if diff.same_pictures else f"<p><b>{OTHER_PICTURES}</b></p>",
        f"<div>\n{verdicts}\n</div>",
        f"<ul>\n{changes}\n</ul>" if changes else "",
        "</header>",
        "<main>",
        section("reports", "What A and B are", table_to_html(_fact_table(diff))),
        section(
            "figures",
            "Every figure",
            f"<p>{prose(_NOTE)}</p>",
            *(
                f"<h3>{user_text(scheme)}</h3>\n{table_to_html(_change_table(diff, scheme))}"
                for scheme in _schemes(diff)
            ),
        ),
        "</main>",
    )


def diff_to_markdown(diff: ReportDiff) -> str:
    """Return the same as Markdown, for a repository."""
    parts = [
        "# Two accuracy-drop reports, A and B",
        f"**{escape_markdown(diff.summary)}**",
        *([] if diff.same_pictures else [f"**{OTHER_PICTURES}**"]),
        *(
            f"{name}: {escape_markdown(verdict)}"
            for name, verdict in zip("AB", diff.verdicts, strict=True)
        ),
        "\n".join(f"- {escape_markdown(change)}" for change in _changes(diff)),
        table_to_markdown(_fact_table(diff)),
        escape_markdown(_NOTE).replace("In small print", "In brackets"),
    ]
    for scheme in _schemes(diff):
        parts += [f"## {escape_markdown(scheme)}", table_to_markdown(_change_table(diff, scheme))]
    return "\n\n".join(filter(None, parts)) + "\n"


def _changes(diff: ReportDiff) -> list[str]:
    """Describe the changes beyond chance: uncorrupted pictures first, then the largest."""
    ordered = sorted(diff.beyond, key=lambda c: (c.corrupted, -abs(c.change or 0)))
    descriptions = [_describe(change) for change in ordered[:_MAX_LISTED]]
    more = len(ordered) - _MAX_LISTED
    return [*descriptions, *([f"{count(more)} more are in the tables"] if more > 0 else [])]


def _schemes(diff: ReportDiff) -> list[str]:
    return list(dict.fromkeys(change.scheme for change in diff.changes))


def _fact_table(diff: ReportDiff) -> ReportTable:
    return ReportTable(caption="What A and B are", header=("", "A", "B"), rows=diff.facts)


def _change_table(diff: ReportDiff, scheme: str) -> ReportTable:
    return ReportTable(
        caption=f"{scheme} in A and in B",
        header=("figure", "A", "B", "B \u2212 A", "beyond chance"),
        rows=tuple(
            (
                change.figure,
                decimal(change.first, change.decimals),
                decimal(change.second, change.decimals),
                _change_cell(change),
                _BEYOND[change.beyond],
            )
            for change in diff.changes
            if change.scheme == scheme
        ),
    )


def _change_cell(change: FigureChange) -> Cell:
    value = MISSING if change.change is None else difference(change.change, change.decimals)
    return value if change.interval is None else (value, points_interval(change.interval))


def _describe(change: FigureChange) -> str:
    figure, _, unit = change.figure.rpartition(", ")
    interval = f" ({points_interval(change.interval)})" if change.interval else ""
    return (
        f"{change.scheme}, {figure}: {decimal(change.first, change.decimals)} to "
        f"{decimal(change.second, change.decimals)} {unit}, "
        f"{'worse' if change.worse else 'better'} by "
        f"{decimal(abs(change.change or 0), 2)} points{interval}"
    )
