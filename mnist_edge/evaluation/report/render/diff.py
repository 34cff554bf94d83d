"""Two reports side by side, as HTML and as Markdown."""

from __future__ import annotations

from mnist_edge.evaluation.report.diff import Change, SideBySide
from mnist_edge.evaluation.report.render.elements import prose, section, user_text, whole_page
from mnist_edge.evaluation.report.render.elements import table as html_table
from mnist_edge.evaluation.report.render.formatting import NONE, count, decimal, points
from mnist_edge.evaluation.report.render.markdown import escape, markdown_table
from mnist_edge.evaluation.report.render.tables import Cell, Table

_NOTE = (
    "In small print the 95 % interval of a change, as if A and B were independent: over the same "
    "pictures it is wider than it need be. Of twenty changes that chance alone made, one lies "
    "beyond its interval. What has no interval is told as it is."
)
_MOST = 8
"""Changes that are told of above the tables."""
_OTHER_PICTURES = "A and B are not of the same pictures: their accuracies do not compare."


def to_comparison_html(found: SideBySide) -> str:
    """The page: what changed, both verdicts, then every figure."""
    verdicts = "\n".join(
        f"<p><b>{name}</b>: {prose(said)}</p>"
        for name, said in zip("AB", found.verdicts, strict=True)
    )
    changed = "\n".join(f"<li>{prose(words)}</li>" for words in _changed(found))
    return whole_page(
        "Two accuracy-drop reports side by side",
        '<a class="skip" href="#figures">Skip to the figures</a>',
        "<header>",
        '<p class="model">Two accuracy-drop reports, A and B</p>',
        f'<h1 class="long">{prose(found.summary)}</h1>',
        "" if found.same_pictures else f"<p><b>{_OTHER_PICTURES}</b></p>",
        f"<div>\n{verdicts}\n</div>",
        f"<ul>\n{changed}\n</ul>" if changed else "",
        "</header>",
        "<main>",
        section("reports", "What A and B are", html_table(_facts(found))),
        section(
            "figures",
            "Every figure",
            f"<p>{prose(_NOTE)}</p>",
            *(
                f"<h3>{user_text(scheme)}</h3>\n{html_table(_figures(found, scheme))}"
                for scheme in _schemes(found)
            ),
        ),
        "</main>",
    )


def to_comparison_markdown(found: SideBySide) -> str:
    """The same for a repository."""
    parts = [
        "# Two accuracy-drop reports, A and B",
        f"**{escape(found.summary)}**",
        *([] if found.same_pictures else [f"**{_OTHER_PICTURES}**"]),
        *(f"{name}: {escape(said)}" for name, said in zip("AB", found.verdicts, strict=True)),
        "\n".join(f"- {escape(words)}" for words in _changed(found)),
        markdown_table(_facts(found)),
        escape(_NOTE).replace("In small print", "In brackets"),
    ]
    for scheme in _schemes(found):
        parts += [f"## {escape(scheme)}", markdown_table(_figures(found, scheme))]
    return "\n\n".join(filter(None, parts)) + "\n"


def _changed(found: SideBySide) -> list[str]:
    """The changes beyond chance: those over pictures as they are, then the largest others."""
    ordered = sorted(found.beyond, key=lambda c: (c.corrupted, -abs(c.change or 0)))
    more = len(ordered) - _MOST
    told = [_in_words(change) for change in ordered[:_MOST]]
    return [*told, *([f"{count(more)} more are in the tables"] * (more > 0))]


def _schemes(found: SideBySide) -> list[str]:
    return list(dict.fromkeys(change.scheme for change in found.changes))


def _facts(found: SideBySide) -> Table:
    return Table(caption="What A and B are", header=("", "A", "B"), rows=found.facts)


def _figures(found: SideBySide, scheme: str) -> Table:
    return Table(
        caption=f"{scheme} in A and in B",
        header=("figure", "A", "B", "B \u2212 A", "beyond chance"),
        rows=tuple(
            (
                change.figure,
                _number(change, change.first),
                _number(change, change.second),
                _change(change),
                _BEYOND[change.beyond],
            )
            for change in found.changes
            if change.scheme == scheme
        ),
    )


_BEYOND = {None: NONE, True: "yes", False: "no"}


def _number(change: Change, value: float | None) -> str:
    return decimal(value, change.decimals)


def _change(change: Change) -> Cell:
    said = NONE if change.change is None else f"{change.change:+,.{change.decimals}f}"
    said = said.replace("-", "\u2212")
    if change.interval is None:
        return said
    return said, f"{points(change.interval.low)} to {points(change.interval.high)}"


def _in_words(change: Change) -> str:
    figure, _, unit = change.figure.rpartition(", ")
    interval = change.interval
    around = f" ({points(interval.low)} to {points(interval.high)})" if interval else ""
    return (
        f"{change.scheme}, {figure}: {_number(change, change.first)} to "
        f"{_number(change, change.second)} {unit}, {'worse' if change.worse else 'better'} by "
        f"{decimal(abs(change.change or 0), 2)} points{around}"
    )
