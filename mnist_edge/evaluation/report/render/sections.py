"""The sections of the HTML page below its main table."""

from __future__ import annotations

from collections.abc import Callable

from mnist_edge.evaluation.report.render import confidence_plots, plots, tables
from mnist_edge.evaluation.report.render.elements import (
    definition_list,
    details,
    figure,
    image_cards,
    plot_grid,
    table_to_html,
    user_text,
)
from mnist_edge.evaluation.report.render.formatting import count, flips_by_outcome, leading_first
from mnist_edge.evaluation.report.results import Report, SchemeReport

_MAX_VISIBLE = 48
"""Pictures of an outcome that are shown at first; the others are shown on demand."""


def flip_section(report: Report) -> list[str]:
    """Show every picture whose answer changed, by scheme and outcome."""
    parts = []
    for scheme in leading_first(report):
        both = (report.reference, scheme.scheme)
        parts.append(
            f"<h3>{user_text(scheme.scheme)}: {count(scheme.flipped)} of {count(scheme.total)}</h3>"
        )
        if not scheme.flipped:
            parts.append("<p>Every answer is the reference's.</p>")
        for outcome, images in flips_by_outcome(scheme).items():
            parts.append(f"<h4>{outcome}: {count(len(images))}</h4>")
            parts.append(image_cards(images[:_MAX_VISIBLE], *both))
            if more := images[_MAX_VISIBLE:]:
                summary = f"{outcome}: {count(len(more))} more"
                parts.append(details(summary, image_cards(more, *both)))
        if omitted := scheme.flipped - len(scheme.flips):
            parts.append(f"<p>The report has no pictures of the other {count(omitted)}.</p>")
    return parts or [_reference_alone(report)]


def digit_section(report: Report) -> list[str]:
    """Show the changes for each digit, and the confusion matrices."""
    reference = report.reference_scheme

    def render(scheme: SchemeReport, number: int) -> str:
        plot = plots.confusion_plot(f"confusion-{number}", reference, scheme)
        caption = (
            f"{scheme.scheme} less {reference.scheme}: how many pictures more or fewer got "
            "each answer. Framed cells are right answers."
        )
        classes = table_to_html(tables.class_table(report, scheme))
        return (
            f'<div class="digits">\n{figure(plot, caption)}\n{classes}\n</div>\n'
            + _confusion_details(scheme)
        )

    return [*_by_scheme(report, render), _confusion_details(reference)]


def mistake_section(report: Report) -> list[str]:
    """Show the most confident mistakes and the suspect labels."""

    def render(scheme: SchemeReport, number: int) -> str:
        both = (report.reference, scheme.scheme)
        return "\n".join(
            [
                f"<h3>Most confident mistakes of {user_text(scheme.scheme)}</h3>",
                image_cards(scheme.mistakes, *both) if scheme.mistakes else "<p>None.</p>",
                "<h3>Labels in doubt</h3>",
                "<p>Both schemes give the same answer, are sure of it, and the label says "
                "otherwise.</p>",
                image_cards(scheme.suspect_labels, *both)
                if scheme.suspect_labels
                else "<p>None.</p>",
            ]
        )

    return _by_scheme(report, render)


def confidence_section(report: Report) -> list[str]:
    """Show the calibration, and the accuracy gained by abstaining."""
    reference = report.reference_scheme

    def render(scheme: SchemeReport, number: int) -> str:
        figures = [
            figure(
                confidence_plots.reliability_plot(f"reliability-{number}", reference, scheme),
                "On the dotted line confidence is accuracy. Upright lines: 95 % intervals, long "
                "where a bin holds few pictures.",
            )
        ]
        if reference.coverage and scheme.coverage:
            figures.append(
                figure(
                    confidence_plots.coverage_plot(f"coverage-{number}", reference, scheme),
                    "What abstaining buys: the least sure answers are withheld first. The marks "
                    "are where each scheme's own threshold puts it.",
                )
            )
        return "\n".join([plot_grid(*figures), _bin_details(scheme)])

    return [
        table_to_html(tables.calibration_table(report)),
        *_by_scheme(report, render),
        _bin_details(reference),
    ]


def corruption_section(report: Report) -> list[str]:
    """Show the accuracy on corrupted pictures."""
    reference = report.reference_scheme
    severities = sorted({result.severity for result in reference.corruptions})
    if not severities:
        return ["<p>Not measured.</p>"]

    def render(scheme: SchemeReport, number: int) -> str:
        figures = [
            figure(
                plots.corruption_plot(
                    f"corruption-{number}-{severity}", reference, scheme, severity=severity
                ),
                f"Severity {severity} of 5. Lines: 95 % intervals of the drop; right of the "
                "upright is a loss. A model that reads 10 % guesses, and has nothing to lose.",
            )
            for severity in severities
        ]
        table = table_to_html(tables.corruption_table(report, scheme))
        summary = f"{scheme.scheme} under corruption in figures"
        note = f"<p>{tables.WRONG_ANSWERS_NOTE}</p>"
        return "\n".join([plot_grid(*figures), details(summary, f"{table}\n{note}")])

    return _by_scheme(report, render)


def file_section(report: Report) -> list[str]:
    """Show the contents of each file."""
    return [table_to_html(tables.file_table(report))]


def input_section(report: Report) -> list[str]:
    """Show the inputs that give this report again."""
    return [
        "<p>The same inputs give the same report, but for the times.</p>",
        definition_list(tables.provenance(report)),
    ]


def time_section(report: Report) -> list[str]:
    """Show the latency and throughput, and the machine."""
    times = report.times.schemes
    if not times:
        return ["<p>Not measured.</p>"]
    plot = figure(plots.latency_plot("latency", times), "Time of one digit on one thread.")
    return [
        table_to_html(tables.time_table(report)),
        plot_grid(plot),
        definition_list(tables.environment(report)),
    ]


def _by_scheme(report: Report, render: Callable[[SchemeReport, int], str]) -> list[str]:
    """Render the scheme that the report is about at first, and the others on demand."""
    candidates = leading_first(report)
    if not candidates:
        return [_reference_alone(report)]
    leading, *others = candidates
    return [
        render(leading, 0),
        *(
            details(f"{scheme.scheme} against {report.reference}", render(scheme, number))
            for number, scheme in enumerate(others, start=1)
        ),
    ]


def _confusion_details(scheme: SchemeReport) -> str:
    table = table_to_html(tables.confusion_table(scheme))
    return details(f"Confusion matrix of {scheme.scheme}", table)


def _bin_details(scheme: SchemeReport) -> str:
    table = table_to_html(tables.bin_table(scheme))
    return details(f"Bins of {scheme.scheme} in figures", table)


def _reference_alone(report: Report) -> str:
    return f"<p>{user_text(report.reference)} alone was measured.</p>"
