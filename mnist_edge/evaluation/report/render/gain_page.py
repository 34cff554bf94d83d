"""What a fine-tuned model gained and lost, as HTML and as Markdown."""

from __future__ import annotations

from mnist_edge.evaluation.report.gain import GainReport
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
    difference,
    gate_summary,
    points_interval,
)
from mnist_edge.evaluation.report.render.markdown import escape_markdown, table_to_markdown
from mnist_edge.evaluation.report.render.tables import ReportTable
from mnist_edge.system.text import percent

_NOTE = (
    "Both models read the same pictures. The share is of right answers, as predict gives them; of "
    "MNIST's digits it is that of the most probable digits, and of pictures of no digit, that of "
    "those left unanswered. A gain above 0 is an improvement; its interval is paired, at 95 %."
)


def gain_to_html(report: GainReport) -> str:
    """Return the page: the verdict, the gates, the gains, and the pictures that changed."""
    gates = "\n".join(
        f'<li class="{"passed" if gate.passed else "missed"}">{user_text(gate_summary(gate))}</li>'
        for gate in report.gates
    )
    state = "passed" if all(gate.passed for gate in report.gates) else "missed"
    return html_page(
        f"What {report.model} gained",
        "<header>",
        f'<p class="model">{user_text(_subject(report))}</p>',
        f'<h1 class="long">{prose(report.verdict)}</h1>',
        f'<div class="gates {state}"><ul>\n{gates}\n</ul></div>' if gates else "",
        "</header>",
        "<main>",
        section(
            "gains",
            "Gains and losses",
            table_to_html(gain_table(report)),
            f"<p>{prose(_NOTE)} {prose(_left_out(report))}</p>",
        ),
        section("changed", "Your pictures whose answer changed", _changed_to_html(report)),
        "</main>",
        f"<footer><p>Written by mnist-edge {user_text(report.mnist_edge)}.</p></footer>",
    )


def gain_to_markdown(report: GainReport) -> str:
    """Return the same as Markdown."""
    parts = [
        f"# What {escape_markdown(report.model)} gained",
        f"**{escape_markdown(report.verdict)}**",
        escape_markdown(_subject(report)),
        "\n".join(f"- {escape_markdown(gate_summary(gate))}" for gate in report.gates),
        table_to_markdown(gain_table(report)),
        escape_markdown(f"{_NOTE} {_left_out(report)}"),
        table_to_markdown(changed_table(report)) if report.changed else "",
        "\n".join(
            f"- {escape_markdown(one.path)}: {escape_markdown(one.reason)}"
            for one in report.unreadable
        ),
    ]
    return "\n\n".join(filter(None, parts)) + "\n"


def gain_table(report: GainReport) -> ReportTable:
    """Return one row per set of pictures."""
    return ReportTable(
        caption=f"{report.old_model} and {report.model}",
        header=("pictures", "number", "before", "after", "gain in points"),
        rows=tuple(
            (
                one.name,
                count(one.pictures),
                percent(one.before),
                percent(one.after),
                (difference(one.gain_points, 2), points_interval(one.gain_interval)),
            )
            for one in report.sets
        ),
    )


def changed_table(report: GainReport) -> ReportTable:
    """Return one row per picture of the owner's whose answer changed."""
    return ReportTable(
        caption="Your pictures whose answer changed",
        header=("picture", "label", "before", "after"),
        rows=tuple((one.path, one.label, one.before, one.after) for one in report.changed),
    )


def _subject(report: GainReport) -> str:
    origin = f": {report.lineage}" if report.lineage else ""
    return f"{report.model} against {report.old_model}{origin}"


def _left_out(report: GainReport) -> str:
    learned = f"{count(report.learned)} of your pictures were learned, and are left out."
    return " ".join([learned, *(f"Not measured: {one}." for one in report.left_out)])


def _changed_to_html(report: GainReport) -> str:
    parts = [
        table_to_html(changed_table(report)) if report.changed else "<p>There are none.</p>",
    ]
    if report.unreadable:
        lines = "\n".join(
            f"<li>{user_text(one.path)}: {user_text(one.reason)}</li>" for one in report.unreadable
        )
        parts.append(
            details(f"{count(len(report.unreadable))} unreadable pictures", f"<ul>{lines}</ul>")
        )
    return "\n".join(parts)
