"""The parts of the page below its first table."""

from __future__ import annotations

from collections.abc import Callable

from mnist_edge.evaluation.report.render import confidence_plots, elements, plots, tables
from mnist_edge.evaluation.report.render.elements import (
    cards,
    definitions,
    details,
    figure,
    table,
    user_text,
)
from mnist_edge.evaluation.report.render.formatting import (
    Document,
    candidates_of,
    count,
    flipped,
    flips_by_outcome,
    reference_of,
)

_AT_ONCE = 48
"""Pictures of an outcome that are shown at once; the others on demand."""


def flips(document: Document) -> list[str]:
    """Every picture whose answer changed, of each scheme."""
    found = []
    for scheme in candidates_of(document):
        both, changed = (document["reference"], scheme["scheme"]), flipped(scheme)
        found.append(
            f"<h3>{user_text(scheme['scheme'])}: {count(changed)} of {count(scheme['total'])}</h3>"
        )
        if not changed:
            found.append("<p>Every answer is the reference's.</p>")
        for outcome, pictures in flips_by_outcome(scheme).items():
            found.append(f"<h4>{outcome}: {count(len(pictures))}</h4>")
            found.append(cards(pictures[:_AT_ONCE], *both))
            if more := pictures[_AT_ONCE:]:
                found.append(details(f"{outcome}: {count(len(more))} more", cards(more, *both)))
        if unseen := changed - len(scheme["flips"]):
            found.append(f"<p>The report has no pictures of the other {count(unseen)}.</p>")
    return found or [_alone(document)]


def digits(document: Document) -> list[str]:
    """What changed for each digit, and the confusion matrices."""
    reference = reference_of(document)

    def of(scheme: Document, number: int) -> str:
        plot = plots.confusion_difference(f"confusion-{number}", reference, scheme)
        caption = (
            f"{scheme['scheme']} less {reference['scheme']}: how many pictures more or fewer got "
            "each answer. Framed cells are right answers."
        )
        matrix = f"Confusion matrix of {scheme['scheme']}"
        return "\n".join(
            [
                f'<div class="digits">\n{figure(plot, caption)}\n'
                f"{table(tables.classes(document, scheme))}\n</div>",
                details(matrix, table(tables.confusion(scheme))),
            ]
        )

    matrix = f"Confusion matrix of {reference['scheme']}"
    return [*_of_each(document, of), details(matrix, table(tables.confusion(reference)))]


def mistakes(document: Document) -> list[str]:
    """The most confident mistakes, and the labels in doubt."""

    def of(scheme: Document, number: int) -> str:
        both = (document["reference"], scheme["scheme"])
        return "\n".join(
            [
                f"<h3>Most confident mistakes of {user_text(scheme['scheme'])}</h3>",
                cards(scheme["mistakes"], *both) if scheme["mistakes"] else "<p>None.</p>",
                "<h3>Labels in doubt</h3>",
                "<p>Both schemes give the same answer, are sure of it, and the label says "
                "otherwise.</p>",
                cards(scheme["doubtful"], *both) if scheme["doubtful"] else "<p>None.</p>",
            ]
        )

    return _of_each(document, of)


def confidence(document: Document) -> list[str]:
    """Whether confidence can be trusted, and what it buys to abstain."""
    reference = reference_of(document)

    def of(scheme: Document, number: int) -> str:
        figures = [
            figure(
                confidence_plots.reliability(f"reliability-{number}", reference, scheme),
                "On the dotted line confidence is accuracy. Upright lines: 95 % intervals, long "
                "where a bin holds few pictures.",
            )
        ]
        if reference["coverage"] and scheme["coverage"]:
            figures.append(
                figure(
                    confidence_plots.coverage(f"coverage-{number}", reference, scheme),
                    "What abstaining buys: the least sure answers are withheld first. The marks "
                    "are where each scheme's own threshold puts it.",
                )
            )
        return "\n".join([elements.plots(*figures), bins(scheme)])

    def bins(scheme: Document) -> str:
        return details(f"Bins of {scheme['scheme']} in figures", table(tables.bins(scheme)))

    return [table(tables.calibration(document)), *_of_each(document, of), bins(reference)]


def corruption(document: Document) -> list[str]:
    """What becomes of the accuracy where pictures are worse."""
    reference = reference_of(document)
    severities = sorted({result["severity"] for result in reference["corruptions"]})
    if not severities:
        return ["<p>Not measured.</p>"]

    def of(scheme: Document, number: int) -> str:
        figures = [
            figure(
                plots.corruptions(
                    f"corruption-{number}-{severity}", reference, scheme, severity=severity
                ),
                f"Severity {severity} of 5. Lines: 95 % intervals of the drop; right of the "
                "upright is a loss. A model that reads 10 % guesses, and has nothing to lose.",
            )
            for severity in severities
        ]
        in_figures = "\n".join(
            [table(tables.corruptions(document, scheme)), f"<p>{tables.WRONG_ANSWERS}</p>"]
        )
        summary = f"{scheme['scheme']} under corruption in figures"
        return "\n".join([elements.plots(*figures), details(summary, in_figures)])

    return _of_each(document, of)


def files(document: Document) -> list[str]:
    """What each file holds."""
    return [table(tables.sizes(document))]


def inputs(document: Document) -> list[str]:
    """What the report was made of, and how."""
    return [
        "<p>The same inputs give the same report, but for the times.</p>",
        definitions(tables.provenance(document)),
    ]


def times(document: Document) -> list[str]:
    """How long a digit takes, and on what machine."""
    timed = document["times"]["schemes"]
    if not timed:
        return ["<p>Not measured.</p>"]
    plot = figure(plots.latency("latency", timed), "Time of one digit on one thread.")
    return [
        table(tables.times(document)),
        elements.plots(plot),
        definitions(tables.circumstances(document)),
    ]


def _of_each(document: Document, of: Callable[[Document, int], str]) -> list[str]:
    """What is said of each scheme: of the one that the report is about at once, else on demand."""
    candidates = candidates_of(document)
    if not candidates:
        return [_alone(document)]
    first, *others = candidates
    return [
        of(first, 0),
        *(
            details(f"{scheme['scheme']} against {document['reference']}", of(scheme, number))
            for number, scheme in enumerate(others, start=1)
        ),
    ]


def _alone(document: Document) -> str:
    return f"<p>{user_text(document['reference'])} alone was measured.</p>"
