"""The report as one page of HTML that needs nothing else: no network, no script, no font."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from mnist_edge.report_pages import plots, tables
from mnist_edge.report_pages.elements import (
    cards,
    definitions,
    details,
    figure,
    section,
    table,
    user_text,
)
from mnist_edge.report_pages.elements import plots as side_by_side
from mnist_edge.report_pages.style import STYLE
from mnist_edge.report_pages.svg import escape
from mnist_edge.report_pages.wording import (
    Document,
    candidates_of,
    count,
    flips_by_outcome,
    gates_in_words,
    limit_in_words,
    measured,
    missed_gates,
    points,
    reference_of,
)

_AT_ONCE = 48
"""Pictures of an outcome that are shown at once; the others on demand."""
_MOST = 1000
"""Pictures of an outcome on the page at most: a broken scheme flips thousands."""
_PASSED, _MISSED = "\u2713 passed", "\u2717 missed"
_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
"""What the page may load, for the browser to enforce: nothing from anywhere."""


def to_html(document: Mapping[str, Any]) -> str:
    """The page: verdict and gates, the one table, the flips, then the rest, the times last.

    Args:
        document: ``report.json``, schema version 2.

    Raises:
        InvalidValue: a picture in it has no 784 bytes of pixels.
    """
    parts = [
        ("costs", "Cost of each scheme", _costs),
        ("flips", "Pictures whose answer changed", _flips),
        ("digits", "Digit by digit", _digits),
        ("mistakes", "Mistakes and doubtful labels", _mistakes),
        ("confidence", "Confidence", _confidence),
        ("corruption", "Under corruption", _corruption),
        ("files", "Files", _files),
        ("inputs", "How to get this report again", _inputs),
        ("times", "Times", _times),
    ]
    links = "\n".join(f'<li><a href="#{name}">{title}</a></li>' for name, title, _ in parts)
    return "\n".join(
        [
            "<!DOCTYPE html>",
            '<html lang="en">',
            "<head>",
            '<meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            '<meta name="color-scheme" content="light dark">',
            f"<title>Accuracy drop of {escape(document['model'])}</title>",
            f"<style>{STYLE}</style>",
            "</head>",
            "<body>",
            '<a class="skip" href="#costs">Skip to the figures</a>',
            _verdict(document),
            f'<nav class="contents" aria-label="Contents">\n<ul>\n{links}\n</ul>\n</nav>',
            "<main>",
            *(section(name, title, *write(document)) for name, title, write in parts),
            "</main>",
            f"<footer><p>Written by mnist-edge {escape(document['mnist_edge'])}.</p></footer>",
            "</body>",
            "</html>",
            "",
        ]
    )


def _verdict(document: Document) -> str:
    # The claim is set largest; the figures behind it follow its last colon.
    claim, colon, figures = str(document["verdict"]).rpartition(": ")
    if not colon:
        claim, figures = figures, ""
    gates = document["gates"]
    state = "missed" if missed_gates(document) else "passed" if gates else "none"
    items = "\n".join(
        f'<li class="{"passed" if gate["passed"] else "missed"}">'
        f"<b>{_PASSED if gate['passed'] else _MISSED}</b> "
        f"{escape(gate['name'])}: {escape(measured(gate['value'], gate['unit']))}, "
        f"{escape(limit_in_words(gate))}</li>"
        for gate in sorted(gates, key=lambda gate: bool(gate["passed"]))
    )
    return (
        "<header>\n"
        f'<p class="model">Accuracy-drop report of {user_text(document["model"])}</p>\n'
        f"<h1>{user_text(claim)}</h1>\n<p>{user_text(figures)}</p>\n"
        f'<div class="gates {state}">\n<p>{gates_in_words(document)}</p>\n'
        + (f"<ul>\n{items}\n</ul>\n" if items else "")
        + "</div>\n</header>"
    )


def _costs(document: Document) -> list[str]:
    data = document["data"]
    scale, limits = plots.drop_scale(document), plots.drop_limits(document)
    strips = [
        "" if scheme["scheme"] == document["reference"] else plots.drop_strip(scheme, scale, limits)
        for scheme in document["schemes"]
    ]
    column = f"{points(scale.low)} to {points(scale.high)}"
    drawn = (column, strips) if candidates_of(document) else None
    return [
        f'<div class="costs">{table(tables.costs(document), drawn=drawn)}</div>',
        f"<p>{count(data['pictures'])} pictures of {user_text(data['name'])}, the same for every "
        f"scheme, in the same order. Small print and lines: 95 % intervals, Wilson's for the "
        "accuracy, paired for the drop. The upright is no drop"
        + (", the dashed line the limit" if limits else "")
        + ". A drop above 0 is a loss. Agreement is the share of pictures with the same answer, "
        "right or wrong.</p>",
        *_unreadable(document),
        table(tables.pairs(document)) if candidates_of(document) else "",
    ]


def _unreadable(document: Document) -> list[str]:
    unreadable = document["data"]["unreadable"]
    if not unreadable:
        return []
    items = "\n".join(
        f"<li>{user_text(item['path'])}: {user_text(item['reason'])}</li>" for item in unreadable
    )
    return [
        details(f"{count(len(unreadable))} pictures could not be read", f"<ul>\n{items}\n</ul>")
    ]


def _flips(document: Document) -> list[str]:
    found = []
    for scheme in candidates_of(document):
        changed = len(scheme["flips"])
        found.append(
            f"<h3>{user_text(scheme['scheme'])}: {count(changed)} of {count(scheme['total'])}</h3>"
        )
        if not changed:
            found.append("<p>Every answer is the reference's.</p>")
        for outcome, flips in flips_by_outcome(scheme).items():
            found.append(f"<h4>{outcome}: {count(len(flips))}</h4>")
            both = (document["reference"], scheme["scheme"])
            found.append(cards(flips[:_AT_ONCE], *both))
            if len(flips) > _AT_ONCE:
                more = flips[_AT_ONCE:_MOST]
                found.append(details(f"{count(len(more))} more", cards(more, *both)))
            if len(flips) > _MOST:
                found.append(f"<p>{count(len(flips) - _MOST)} more are in report.json.</p>")
    return found or [_alone(document)]


def _digits(document: Document) -> list[str]:
    reference = reference_of(document)

    def of(scheme: Document, number: int) -> str:
        caption = (
            f"{scheme['scheme']} less {reference['scheme']}: how many pictures more or fewer got "
            "each answer. Framed cells are right answers."
        )
        return "\n".join(
            [
                side_by_side(
                    figure(
                        plots.confusion_difference(f"confusion-{number}", reference, scheme),
                        caption,
                    ),
                    table(tables.classes(document, scheme)),
                ),
                details(f"Confusion matrix of {scheme['scheme']}", table(tables.confusion(scheme))),
            ]
        )

    matrix = details(
        f"Confusion matrix of {reference['scheme']}", table(tables.confusion(reference))
    )
    return [*_first_open(document, of), matrix]


def _mistakes(document: Document) -> list[str]:
    def of(scheme: Document, number: int) -> str:
        both = (document["reference"], scheme["scheme"])
        parts = [f"<h3>Most confident mistakes of {user_text(scheme['scheme'])}</h3>"]
        if scheme["mistakes"]:
            parts.append(cards(scheme["mistakes"], *both))
        else:
            parts.append("<p>None.</p>")
        parts.append("<h3>Labels in doubt</h3>")
        if scheme["doubtful"]:
            parts.append(
                "<p>Both schemes give the same answer, are sure of it, and the label says "
                "otherwise.</p>"
            )
            parts.append(cards(scheme["doubtful"], *both))
        else:
            parts.append("<p>None.</p>")
        return "\n".join(parts)

    return _first_open(document, of)


def _confidence(document: Document) -> list[str]:
    reference = reference_of(document)

    def of(scheme: Document, number: int) -> str:
        figures = [
            figure(
                plots.reliability(f"reliability-{number}", reference, scheme),
                "On the dotted line confidence is accuracy. Upright lines: 95 % intervals; long "
                "where a bin holds few pictures.",
            )
        ]
        if reference["coverage"] and scheme["coverage"]:
            figures.append(
                figure(
                    plots.coverage(f"coverage-{number}", reference, scheme),
                    "What abstaining buys: the least sure answers are withheld first. Marks: where "
                    "each scheme's threshold puts it.",
                )
            )
        return side_by_side(*figures)

    return [
        table(tables.calibration(document)),
        *_first_open(document, of),
        *(
            details(f"Bins of {scheme['scheme']} in figures", table(tables.bins(scheme)))
            for scheme in (reference, *candidates_of(document))
        ),
    ]


def _corruption(document: Document) -> list[str]:
    reference = reference_of(document)
    severities = sorted({c["severity"] for c in reference["corruptions"]})
    if not severities:
        return ["<p>Not measured.</p>"]

    def of(scheme: Document, number: int) -> str:
        figures = [
            figure(
                plots.corruptions(
                    f"corruption-{number}-{severity}", reference, scheme, severity=severity
                ),
                f"Severity {severity}. Lines: 95 % intervals of the drop; right of the upright is "
                "a loss.",
            )
            for severity in severities
        ]
        return "\n".join(
            [
                side_by_side(*figures),
                details(
                    f"{scheme['scheme']} under corruption in figures",
                    table(tables.corruptions(document, scheme)),
                ),
            ]
        )

    return _first_open(document, of)


def _files(document: Document) -> list[str]:
    return [table(tables.sizes(document))]


def _inputs(document: Document) -> list[str]:
    return [
        "<p>The same inputs give the same report, but for the times.</p>",
        definitions(tables.provenance(document)),
    ]


def _times(document: Document) -> list[str]:
    timed = document["times"]["schemes"]
    plot = (
        side_by_side(
            figure(plots.latency("latency", timed), "Time of one digit: bar to the median.")
        )
        if timed
        else ""
    )
    return [table(tables.times(document)), plot, definitions(tables.circumstances(document))]


def _first_open(document: Document, of: Callable[[Document, int], str]) -> list[str]:
    """What is said of each scheme: of the one that the report is about at once, else on demand."""
    candidates = candidates_of(document)
    if not candidates:
        return [_alone(document)]
    first, *others = candidates
    return [
        of(first, 0),
        *(
            details(str(scheme["scheme"]), of(scheme, number))
            for number, scheme in enumerate(others, start=1)
        ),
    ]


def _alone(document: Document) -> str:
    return f"<p>{user_text(document['reference'])} alone was measured.</p>"
