"""The report as one page of HTML that needs nothing else: no network, no script, no font."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from mnist_edge.evaluation.report.render import plots, sections, tables
from mnist_edge.evaluation.report.render.elements import (
    details,
    prose,
    section,
    table,
    user_text,
    whole_page,
)
from mnist_edge.evaluation.report.render.formatting import (
    Document,
    candidates_of,
    claim_and_figures,
    count,
    gate_in_words,
    gates_in_words,
    left_out,
    missed_gates,
    points,
)
from mnist_edge.evaluation.report.render.svg import escape

_LONG = 80
"""Characters of a claim beyond which it is set smaller."""
_PASSED, _MISSED = "\u2713 passed", "\u2717 missed"


def to_html(document: Mapping[str, Any]) -> str:
    """The page: verdict and gates, the one table, the flips, then the rest, the times last.

    Args:
        document: ``report.json``, schema version 2.

    Raises:
        InvalidValue: a picture in it has no 784 bytes of pixels.
    """
    parts = [
        ("costs", "Cost of each scheme", _costs),
        ("flips", "Pictures whose answer changed", sections.flips),
        ("digits", "Digit by digit", sections.digits),
        ("mistakes", "Mistakes and doubtful labels", sections.mistakes),
        ("confidence", "Confidence", sections.confidence),
        ("corruption", "Under corruption", sections.corruption),
        ("files", "Files", sections.files),
        ("inputs", "How to get this report again", sections.inputs),
        ("times", "Times", sections.times),
    ]
    links = "\n".join(f'<li><a href="#{name}">{title}</a></li>' for name, title, _ in parts)
    return whole_page(
        f"Accuracy drop of {document['model']}",
        '<a class="skip" href="#costs">Skip to the figures</a>',
        _verdict(document),
        f'<nav class="contents" aria-label="Contents">\n<ul>\n{links}\n</ul>\n</nav>',
        "<main>",
        *(section(name, title, *write(document)) for name, title, write in parts),
        "</main>",
        f"<footer><p>Written by mnist-edge {escape(document['mnist_edge'])}.</p></footer>",
    )


def _verdict(document: Document) -> str:
    claim, figures = claim_and_figures(str(document["verdict"]))
    gates = document["gates"]
    state = "missed" if missed_gates(document) else "passed" if gates else "none"
    items = "\n".join(
        f'<li class="{"passed" if gate["passed"] else "missed"}">'
        f"<b>{_PASSED if gate['passed'] else _MISSED}</b> {user_text(gate_in_words(gate))}</li>"
        for gate in sorted(gates, key=lambda gate: bool(gate["passed"]))
    )
    gated = (
        f'<div class="gates {state}">\n<p>{gates_in_words(document)}</p>\n'
        + (f"<ul>\n{items}\n</ul>\n" if items else "")
        + "</div>"
    )
    long = ' class="long"' if len(claim) > _LONG else ""
    first, last = (gated, "") if state == "missed" else ("", gated)
    return "\n".join(
        [
            "<header>",
            f'<p class="model">Accuracy-drop report of {user_text(document["model"])}</p>',
            first,
            f"<h1{long}>{prose(claim)}</h1>",
            f"<p>{prose(figures)}</p>" if figures else "",
            last,
            "</header>",
        ]
    )


def _costs(document: Document) -> list[str]:
    data = document["data"]
    scale, limits = plots.drop_scale(document), plots.drop_limits(document)
    strips = [
        "" if scheme["scheme"] == document["reference"] else plots.drop_strip(scheme, scale, limits)
        for scheme in document["schemes"]
    ]
    column = f"drop, from {points(scale.low)} to {points(scale.high)}"
    drawn = (column, strips) if candidates_of(document) else None
    return [
        f'<div class="costs">{table(tables.costs(document), drawn=drawn)}</div>',
        f"<p>{count(data['pictures'])} pictures of {user_text(data['name'])}, the same for every "
        "scheme, in the same order. Small print and lines: 95&nbsp;% intervals, Wilson's for the "
        "accuracy, paired for the drop. The upright is no drop"
        + (", the dashed line the limit" if limits else "")
        + ". A drop above 0 is a loss. Agreement is the share of pictures with the same answer, "
        "right or wrong.</p>",
        *(details(what, f"<ul>\n{_items(items)}\n</ul>") for what, items in left_out(document)),
        table(tables.pairs(document)) if candidates_of(document) else "",
    ]


def _items(items: Iterable[Document]) -> str:
    return "\n".join(
        f"<li>{user_text(item['path'])}: {user_text(item['reason'])}</li>" for item in items
    )
