"""The report as one HTML page that needs no network, no script and no font."""

from __future__ import annotations

from mnist_edge.evaluation.report.render import plots, sections, tables
from mnist_edge.evaluation.report.render.elements import (
    details,
    html_page,
    prose,
    section,
    table_to_html,
    user_text,
)
from mnist_edge.evaluation.report.render.formatting import (
    count,
    gate_summary,
    gates_summary,
    image_problems,
    missed_gates,
    points,
    split_verdict,
)
from mnist_edge.evaluation.report.render.svg import escape_markup
from mnist_edge.evaluation.report.results import Report

_MAX_SHORT = 80
"""Characters of a claim above which it is set smaller."""
_PASSED, _MISSED = "\u2713 passed", "\u2717 missed"


def report_to_html(report: Report) -> str:
    """Return the page: verdict, gates, main table, flips, details, and the times last.

    Raises:
        InvalidValue: a picture does not have 784 bytes of pixels.
    """
    parts = [
        ("costs", "Cost of each scheme", _costs),
        ("flips", "Pictures whose answer changed", sections.flip_section),
        ("digits", "Digit by digit", sections.digit_section),
        ("mistakes", "Most confident mistakes", sections.mistake_section),
        ("confidence", "Confidence", sections.confidence_section),
        ("corruption", "Under corruption", sections.corruption_section),
        ("files", "Files", sections.file_section),
        ("inputs", "How to reproduce this report", sections.input_section),
        ("times", "Times", sections.time_section),
    ]
    links = "\n".join(f'<li><a href="#{name}">{title}</a></li>' for name, title, _ in parts)
    return html_page(
        f"Accuracy drop of {report.model}",
        '<a class="skip" href="#costs">Skip to the figures</a>',
        _header(report),
        f'<nav class="contents" aria-label="Contents">\n<ul>\n{links}\n</ul>\n</nav>',
        "<main>",
        *(section(name, title, *render(report)) for name, title, render in parts),
        "</main>",
        f"<footer><p>Written by mnist-edge {escape_markup(report.mnist_edge)}.</p></footer>",
    )


def _header(report: Report) -> str:
    """Return the verdict and the gates, which come first if one was missed."""
    claim, figures = split_verdict(report.verdict)
    state = "missed" if missed_gates(report) else "passed" if report.gates else "none"
    items = "\n".join(
        f'<li class="{"passed" if gate.passed else "missed"}">'
        f"<b>{_PASSED if gate.passed else _MISSED}</b> {user_text(gate_summary(gate))}</li>"
        for gate in sorted(report.gates, key=lambda gate: gate.passed)
    )
    gates = (
        f'<div class="gates {state}">\n<p>{gates_summary(report)}</p>\n'
        + (f"<ul>\n{items}\n</ul>\n" if items else "")
        + "</div>"
    )
    size = ' class="long"' if len(claim) > _MAX_SHORT else ""
    first, last = (gates, "") if state == "missed" else ("", gates)
    return "\n".join(
        [
            "<header>",
            f'<p class="model">Accuracy-drop report of {user_text(report.model)}</p>',
            first,
            f"<h1{size}>{prose(claim)}</h1>",
            f"<p>{prose(figures)}</p>" if figures else "",
            last,
            "</header>",
        ]
    )


def _costs(report: Report) -> list[str]:
    """Return the main table with a drawing of each drop, and the pairs below it."""
    scale, limits = plots.drop_scale(report), plots.drop_limits(report)
    strips = [plots.drop_strip(scheme, scale, limits) for scheme in report.candidates]
    costs = table_to_html(tables.cost_table(report), drawn={tables.DROP: ["", *strips]})
    marks = (
        f" The drops are drawn from {points(scale.low)} to {points(scale.high)}; the vertical line "
        f"marks no drop{', the dashed line the limit' if limits else ''}."
    )
    return [
        f'<div class="costs">{costs}</div>',
        f"<p>{count(report.data.pictures)} pictures of {user_text(report.data.name)}, the same for "
        "every scheme, in the same order. Small print and lines: 95&nbsp;% intervals, Wilson's for "
        f"the accuracy, paired for the drop.{marks if strips else ''} A drop above 0 is a loss. "
        "Agreement is the share of pictures with the same answer, right or wrong.</p>",
        *_image_problems(report),
        table_to_html(tables.pair_table(report)) if report.candidates else "",
    ]


def _image_problems(report: Report) -> list[str]:
    return [
        details(
            heading,
            "<ul>\n"
            + "\n".join(
                f"<li>{user_text(image.path)}: {user_text(image.reason)}</li>" for image in images
            )
            + "\n</ul>",
        )
        for heading, images in image_problems(report)
    ]
