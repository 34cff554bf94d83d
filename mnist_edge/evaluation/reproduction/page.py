"""Render the results as Markdown, JSON and a plot."""

from __future__ import annotations

import itertools
import math
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
    from matplotlib.axis import Axis

HEADER = ("recipe", "the article's figure", "ours, float", "ours, int8", "training", "seconds")
"""Headings of the table."""


_MIN_ERROR = 0.01
"""Lowest error in percent that is drawn."""
_CURVE_STYLES = ("-", "--")
"""Line styles in turn, since ten colors are hard to tell apart."""


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
        "![Test and validation errors of each system](reproduction.png)",
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
    """Plot the test errors beside the articles', and the validation errors over the steps.

    Errors on a logarithmic scale tell 98.8 % from 99.2 %, which bars from 0 to 100 do not.

    Raises:
        MissingDependency: matplotlib is not installed.
    """
    figure = new_figure(width=12, height=2 + 0.4 * len(rows))
    tests, curves = figure.subplots(1, 2, width_ratios=(3, 2))
    _draw_tests(tests, rows)
    names = tests.get_legend_handles_labels()
    figure.legend(*names, loc="outside lower left", fontsize=8, ncols=3, frameon=False)
    for row, style in zip(rows, itertools.cycle(_CURVE_STYLES)):
        steps, accuracies = zip(*row.validations, strict=True)
        errors = [_error(accuracy) for accuracy in accuracies]
        curves.plot(steps, errors, lw=1.2, ls=style, label=row.system.recipe)
    curves.set_xscale("log")
    curves.set_yscale("log")
    _finish_axis(curves, "validation error, %")
    _number_decades(curves.xaxis, [step for row in rows for step, _ in row.validations], (1,))
    errors = [_error(accuracy) for row in rows for _, accuracy in row.validations]
    _number_decades(curves.yaxis, errors, (1, 2, 5))
    curves.set_xlabel("step")
    curves.legend(fontsize=7, frameon=False, loc="upper left", bbox_to_anchor=(1, 1))
    figure.savefig(target, format="png")


def _draw_tests(axis: Axes, rows: Sequence[ReproductionRow]) -> None:
    """Draw float, int8 and the article's figure of each system, with ours in numbers."""
    places = np.arange(len(rows))
    for offset, marker, name, accuracies in (
        (-0.15, "o", "ours, float", [row.test_float for row in rows]),
        (0.15, "s", "ours, int8", [row.test_int8 for row in rows]),
    ):
        errors = [_error(accuracy) for accuracy in accuracies]
        axis.plot(errors, places + offset, marker, ms=6, label=name)
    articles = [(row.system.figure, place) for place, row in enumerate(rows)]
    known = [(_error(figure), place) for figure, place in articles if figure is not None]
    if known:
        axis.plot(*zip(*known, strict=True), "k|", ms=18, label="the article")
    for place, row in enumerate(rows):
        text = f"{row.test_float:.2f} / {row.test_int8:.2f} %"
        axis.annotate(text, (1.01, place), xycoords=("axes fraction", "data"), va="center", size=8)
    axis.text(1.01, 1.02, "accuracy, float / int8", transform=axis.transAxes, size=8)
    axis.set_yticks(places, [row.system.recipe for row in rows], fontsize=8)
    axis.set_ylim(len(rows) - 0.5, -0.5)
    axis.set_xscale("log")
    _finish_axis(axis, "test error, %")
    accuracies = [accuracy for row in rows for accuracy in (row.test_float, row.test_int8)]
    _number_decades(axis.xaxis, [*map(_error, accuracies)], (1, 2, 5))


def _finish_axis(axis: Axes, title: str) -> None:
    axis.set_title(title, fontsize=10)
    axis.grid(alpha=0.3)


def _number_decades(axis: Axis, values: Sequence[float], digits: Sequence[int]) -> None:
    """Put plain numbers that begin with ``digits`` on a logarithmic axis of whole decades.

    Args:
        axis: of x or y.
        values: what is drawn along it.
        digits: first digits of the numbers.
    """
    first, last = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))
    end = max(last, first + 1)
    ticks = [digit * 10.0**decade for decade in range(first, end) for digit in digits]
    axis.set_ticks([*ticks, 10.0**end])
    axis.set_major_formatter("{x:,.10g}")


def _error(accuracy: float) -> float:
    """Return the error in percent; at least that of one in 10,000, for a logarithmic scale."""
    return max(100 - accuracy, _MIN_ERROR)


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
