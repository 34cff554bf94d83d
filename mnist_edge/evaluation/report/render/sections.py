"""The sections of the HTML page below its main table."""

from __future__ import annotations

from collections.abc import Callable, Iterator

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
from mnist_edge.evaluation.report.render.formatting import (
    count,
    enumerate_names,
    flips_by_outcome,
    leading_first,
    other_suspects,
    suspect_indices,
    unchanged_note,
)
from mnist_edge.evaluation.report.results import Report, SchemeReport

_MAX_VISIBLE = 48
"""Pictures of an outcome that are shown at first; the others are shown on demand."""


def flip_section(report: Report) -> list[str]:
    """Show every picture whose answer changed, by scheme and outcome."""
    if not report.candidates:
        return [_reference_alone(report)]
    changed = [scheme for scheme in leading_first(report) if scheme.flipped]
    parts = [part for scheme in changed for part in _flips(report, scheme)]
    if note := unchanged_note(report):
        parts.append(f"<p>{user_text(note)}</p>")
    return parts


def _flips(report: Report, scheme: SchemeReport) -> Iterator[str]:
    """Yield a scheme's heading and its pictures whose answer changed, by outcome."""
    both = (report.reference, scheme.scheme)
    yield f"<h3>{user_text(scheme.scheme)}: {count(scheme.flipped)} of {count(scheme.total)}</h3>"
    for outcome, images in flips_by_outcome(scheme).items():
        yield f"<h4>{outcome}: {count(len(images))}</h4>"
        yield image_cards(images[:_MAX_VISIBLE], *both)
        if more := images[_MAX_VISIBLE:]:
            yield details(f"{outcome}: {count(len(more))} more", image_cards(more, *both))
    if omitted := scheme.flipped - len(scheme.flips):
        yield f"<p>The report has no pictures of the other {count(omitted)}.</p>"


def digit_section(report: Report) -> list[str]:
    """Show the changes for each digit, and the confusion matrices."""
    reference = report.reference_scheme

    def render(scheme: SchemeReport, number: int) -> str:
        classes = table_to_html(tables.class_table(report, scheme))
        if scheme.confusion == reference.confusion:
            note = f"The confusion matrix of {scheme.scheme} is that of {reference.scheme}."
            return f"<p>{user_text(note)}</p>\n{classes}"
        plot = plots.confusion_plot(f"confusion-{number}", reference, scheme)
        caption = (
            f"{scheme.scheme} minus {reference.scheme}: how many pictures more or fewer got "
            "each answer. Framed cells are right answers."
        )
        return (
            f'<div class="digits">\n{figure(plot, caption)}\n{classes}\n</div>\n'
            + _confusion_details(scheme)
        )

    def find_same(scheme: SchemeReport, leading: SchemeReport) -> SchemeReport | None:
        same = (one for one in (leading, reference) if one.confusion == scheme.confusion)
        return next(same, None)

    return [*_by_scheme(report, render, find_same), _confusion_details(reference)]


def mistake_section(report: Report) -> list[str]:
    """Show the most confident mistakes, and other pictures with suspect labels."""

    def render(scheme: SchemeReport, number: int) -> str:
        both = (report.reference, scheme.scheme)
        if not scheme.mistakes:
            return f"<p>{user_text(scheme.scheme)} misreads no picture.</p>"
        suspect = suspect_indices(scheme)
        parts = [f"<h3>{user_text(scheme.scheme)}</h3>"]
        if suspect:
            parts.append(f"<p>{tables.SUSPECT_LABELS_NOTE}</p>")
        parts.append(image_cards(scheme.mistakes, *both, suspect=suspect))
        if others := other_suspects(scheme):
            parts.append("<h3>More labels in doubt</h3>")
            parts.append(image_cards(others, *both, suspect=suspect))
        return "\n".join(parts)

    def find_same(scheme: SchemeReport, leading: SchemeReport) -> SchemeReport | None:
        return leading if _misread(scheme) == _misread(leading) else None

    return _by_scheme(report, render, find_same)


def _misread(scheme: SchemeReport) -> set[tuple[int, int]]:
    """Return the indices of the pictures among the mistakes, and the answers to them."""
    images = (*scheme.mistakes, *scheme.suspect_labels)
    return {(image.index, image.candidate.digit) for image in images}


def confidence_section(report: Report) -> list[str]:
    """Show the calibration, and the accuracy gained by abstaining."""
    reference = report.reference_scheme

    def render(scheme: SchemeReport, number: int) -> str:
        figures = [
            figure(
                confidence_plots.reliability_plot(f"reliability-{number}", reference, scheme),
                "On the dotted line, confidence equals accuracy. Vertical lines: 95 % intervals, "
                "wide in bins of few pictures.",
            )
        ]
        if reference.coverage and scheme.coverage:
            figures.append(
                figure(
                    confidence_plots.coverage_plot(f"coverage-{number}", reference, scheme),
                    "Accuracy gained by abstaining from the least confident answers. The marks "
                    "show each scheme at the minimum confidence of its manifest.",
                )
            )
        return "\n".join([plot_grid(*figures), _bin_details(scheme)])

    return [
        table_to_html(tables.calibration_table(report)),
        *_by_scheme(report, render),
        _bin_details(reference),
    ]


def corruption_section(report: Report) -> list[str]:
    """Show the results on corrupted pictures, as predict reads them and as bare arrays."""
    reference = report.reference_scheme
    severities = sorted({result.severity for result in reference.corruptions})
    if not severities:
        return ["<p>Not measured.</p>"]

    def render(scheme: SchemeReport, number: int) -> str:
        figures = [
            figure(plot, caption)
            for severity in severities
            for plot, caption in _corruption_plots(reference, scheme, number, severity)
        ]
        shown = (
            tables.predicted_corruption_table(report, scheme),
            tables.bare_corruption_table(report, scheme),
        )
        figures_and_note = "\n".join([table_to_html(table) for table in shown if table])
        note = f"<p>{tables.WRONG_ANSWERS_NOTE}</p>"
        summary = f"{scheme.scheme} under corruption in figures"
        return "\n".join([plot_grid(*figures), details(summary, f"{figures_and_note}\n{note}")])

    parts = _by_scheme(report, render)
    return [f"<p>{tables.TWO_WAYS_NOTE}</p>", *parts] if reference.is_predicted else parts


def _corruption_plots(
    reference: SchemeReport, scheme: SchemeReport, number: int, severity: int
) -> Iterator[tuple[str, str]]:
    """Yield a plot and its caption for each way in which corrupted pictures were read."""
    lines = "Lines: 95 % intervals of the drop; right of the vertical line is a loss."
    if predicted := plots.predicted_bars(reference, scheme, severity):
        plot = plots.corruption_plot(
            f"predicted-{number}-{severity}",
            (reference, scheme),
            predicted,
            title=f"Right answers of predict under corruption, severity {severity}",
            axis="right answers, %",
        )
        total = count(predicted[0].total)
        yield (
            plot,
            f"As predict reads them: {total} pictures of severity {severity} of 5 each. {lines}",
        )
    bare = plots.bare_bars(reference, scheme, severity)
    plot = plots.corruption_plot(
        f"corruption-{number}-{severity}",
        (reference, scheme),
        bare,
        title=f"Accuracy under corruption of {reference.scheme} and {scheme.scheme}, "
        f"severity {severity}",
        axis="accuracy, %",
    )
    total = count(bare[0].total)
    yield (
        plot,
        f"As bare arrays: {total} pictures of severity {severity} of 5 each. {lines} "
        "A model with 10 % accuracy guesses, and has nothing to lose.",
    )


def file_section(report: Report) -> list[str]:
    """Show the contents of each file."""
    return [table_to_html(tables.file_table(report))]


def input_section(report: Report) -> list[str]:
    """Show the inputs that give this report again."""
    return [
        f"<p>{tables.INPUTS_NOTE}</p>",
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


def _by_scheme(
    report: Report,
    render: Callable[[SchemeReport, int], str],
    find_same: Callable[[SchemeReport, SchemeReport], SchemeReport | None] | None = None,
) -> list[str]:
    """Render the scheme that the report is about at first, and the others on demand.

    Args:
        report: the report.
        render: renders one scheme, with a number that no other scheme has.
        find_same: given a scheme and the leading one, returns a shown scheme that shows the same,
            if there is one; then the scheme is only named.
    """
    candidates = leading_first(report)
    if not candidates:
        return [_reference_alone(report)]
    leading, *others = candidates
    parts, same = [render(leading, 0)], dict[str, list[str]]()
    for number, scheme in enumerate(others, start=1):
        if find_same and (shown := find_same(scheme, leading)):
            same.setdefault(shown.scheme, []).append(scheme.scheme)
        else:
            title = f"{scheme.scheme} against {report.reference}"
            parts.append(details(title, render(scheme, number)))
    for name, names in same.items():
        parts.append(f"<p>{user_text(f'{enumerate_names(names)}: the same as {name}.')}</p>")
    return parts


def _confusion_details(scheme: SchemeReport) -> str:
    table = table_to_html(tables.confusion_table(scheme))
    return details(f"Confusion matrix of {scheme.scheme}", table)


def _bin_details(scheme: SchemeReport) -> str:
    table = table_to_html(tables.bin_table(scheme))
    return details(f"Bins of {scheme.scheme} in figures", table)


def _reference_alone(report: Report) -> str:
    return f"<p>{user_text(report.reference)} alone was measured.</p>"
