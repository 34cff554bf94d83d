"""Render the results as Markdown, JSON and a plot."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mnist_edge.evaluation.reproduction.measure import ReproductionRow
from mnist_edge.system.text import markdown_table
from mnist_edge.training.learning_curves import new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes

HEADER = ("recipe", "the article's figure", "ours, float", "ours, int8", "training", "seconds")
"""Headings of the table."""


def table_rows(rows: Sequence[ReproductionRow]) -> list[list[str]]:
    """Return the table's cells, one row per system."""
    return [
        [
            row.system.recipe,
            row.system.article or "none given",
            _our_accuracy(row),
            f"{row.test_int8:.2f} % test",
            f"{row.training:.2f} %",
            f"{row.seconds:.0f}",
        ]
        for row in rows
    ]


def reproduction_markdown(rows: Sequence[ReproductionRow], *, machine: str) -> str:
    """Return the results as a Markdown page that includes the plot."""
    lines = [
        "# The articles' systems, trained again",
        "",
        "Printed by `mnist-edge reproduce`. Each system was trained from scratch with its "
        "article's settings and seed 1. Training accuracy is that of the final weights over the "
        "55,000 training digits; every accuracy but those at a step was measured on the TFLite "
        f"runtime. {machine}.",
        "",
        markdown_table(HEADER, table_rows(rows)),
        "",
        *[f"- `{row.system.recipe}`: {row.system.description}." for row in rows],
        "",
        *_mistakes_section(rows),
        *_scaling_section(rows),
        "![Validation accuracy of each system](reproduction.png)",
        "",
    ]
    return "\n".join(lines)


def reproduction_document(rows: Sequence[ReproductionRow], *, machine: str) -> dict[str, Any]:
    """Return the results as a JSON document."""
    documents = [asdict(row) for row in rows]
    for document in documents:
        document["system"]["choose_validation"] = document["system"]["choose_validation"].__name__
    return {"schema_version": 1, "machine": machine, "rows": documents}


def plot_reproduction(rows: Sequence[ReproductionRow], target: Path) -> None:
    """Plot test accuracies beside the articles', and validation accuracies over the steps.

    Raises:
        MissingDependency: matplotlib is not installed.
    """
    figure = new_figure(width=12, height=5)
    bars, curves = figure.subplots(1, 2)
    _draw_bars(bars, rows)
    for row in rows:
        steps, accuracies = zip(*row.validations, strict=True)
        curves.plot(steps, accuracies, lw=1.2, label=row.system.recipe)
    curves.set_xscale("log")
    curves.set_xlabel("step")
    curves.set_title("validation accuracy, %", fontsize=10)
    curves.grid(alpha=0.3)
    curves.legend(fontsize=7, frameon=False)
    figure.savefig(target, format="png")


def _draw_bars(axis: Axes, rows: Sequence[ReproductionRow]) -> None:
    places = np.arange(len(rows))
    axis.barh(places - 0.2, [row.test_float for row in rows], 0.4, label="ours, float")
    axis.barh(places + 0.2, [row.test_int8 for row in rows], 0.4, label="ours, int8")
    for place, row in zip(places, rows, strict=True):
        if row.system.figure is not None:
            axis.plot(row.system.figure, place, "k|", ms=16, label="the article")
    axis.set_yticks(places, [row.system.recipe for row in rows], fontsize=8)
    axis.invert_yaxis()
    axis.set_xlim(0, 100)
    axis.set_title("test accuracy, %", fontsize=10)
    handles, labels = axis.get_legend_handles_labels()
    unique = dict(zip(labels, handles, strict=True))
    axis.legend(
        unique.values(),
        unique.keys(),
        fontsize=8,
        ncols=len(unique),
        frameon=False,
        loc="upper center",
        bbox_to_anchor=(0.5, -0.06),
    )


def _our_accuracy(row: ReproductionRow) -> str:
    """Describe our float accuracy of the kind that the article reports."""
    if not row.system.validation_figures:
        return f"{row.test_float:.2f} % test"
    reached = dict(row.validations)
    first = row.system.validation_figures[0][0]
    later = [accuracy for step, accuracy in row.validations if step > first]
    text = f"{reached[first]:.2f} % validation at step {first:,}"
    if later:
        text += f"; {min(later):.2f}-{max(later):.2f} % after"
    return f"{text}; {row.test_float:.2f} % test"


def _mistakes_section(rows: Sequence[ReproductionRow]) -> list[str]:
    """Return the section about softmax applied twice and pixels scaled twice, and both."""
    found = {row.system.recipe: row for row in rows}
    square = [
        ("logits to the loss", "softmax-l2", "softmax-l2-scaled-twice"),
        ("softmax applied twice", "softmax-l2-softmax-twice", "softmax-l2-both-mistakes"),
    ]
    if not all(name in found for _, *names in square for name in names):
        return []

    def cell(name: str) -> str:
        return f"{found[name].training:.2f} % / {found[name].test_float:.2f} %"

    best = found["softmax-l2"]
    costs = {
        fault: best.test_float - found[name].test_float
        for fault, name in (
            ("applying softmax twice", "softmax-l2-softmax-twice"),
            ("dividing by 255 twice", "softmax-l2-scaled-twice"),
            ("both", "softmax-l2-both-mistakes"),
        )
    }
    losses = ", ".join(f"{fault} {cost:.2f}" for fault, cost in costs.items())
    return [
        "## Which mistake costs what",
        "",
        "Softmax regression (`softmax-l2`), training / test accuracy, float:",
        "",
        markdown_table(
            ("", "pixels scaled once", "pixels scaled twice"),
            [[label, cell(once), cell(twice)] for label, once, twice in square],
        ),
        "",
        f"Points of test accuracy lost: {losses}.",
        "",
    ]


def _scaling_section(rows: Sequence[ReproductionRow]) -> list[str]:
    """Return the section about raw pixels in the two other networks."""
    found = {row.system.recipe: row for row in rows}
    lines = [
        f"`{name}`: {found[name].test_float:.2f} % with pixels scaled to 0..1, "
        f"{found[f'{name}-unscaled'].test_float:.2f} % with raw pixels."
        for name in ("cnn", "mlp-dropout")
        if name in found and f"{name}-unscaled" in found
    ]
    return ["Scaling alone:", "", *[f"- {line}" for line in lines], ""] if lines else []
