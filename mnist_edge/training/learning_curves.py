"""Plot the learning curves of a run as one PNG, with matplotlib."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from mnist_edge.errors import MissingDependency, extra_install_command
from mnist_edge.system.text import percent

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_TRAIN, _VALIDATION = "#0072b2", "#d55e00"
"""Two colors that color-blind people can distinguish (M. Okabe and K. Ito, 2008)."""

_MAX_MARKERS = 40
"""Maximum number of points with a marker each; more markers would touch."""
_MAX_IN_ROW = 3
"""Maximum number of panels in one row."""


def draw_curves(
    rounds: Sequence[dict[str, float]],
    losses: Sequence[tuple[int, float]],
    target: Path,
    *,
    title: str,
) -> None:
    """Plot the metrics of a run over its steps.

    These are accuracy and cross-entropy of training and validation, the loss if it is not the
    cross-entropy, the loss of single batches, the learning rate, and the mean absolute gradient if
    the optimizer records it. A single round has no curves: its accuracies are drawn as bars.

    Args:
        rounds: one record per validation.
        losses: step and loss of single batches.
        target: the PNG to write.
        title: name of the recipe.

    Raises:
        MissingDependency: matplotlib is not installed.
    """
    panels: list[Callable[[Axes], None]] = []
    if len(rounds) > 1:
        pairs = [("accuracy", "accuracy"), ("cross_entropy", "mean cross-entropy")]
        if not _loss_is_cross_entropy(rounds):
            pairs.append(("loss", "loss"))
        panels += [partial(_draw_pair, rounds=rounds, key=key, label=label) for key, label in pairs]
    else:
        panels.append(partial(_draw_accuracies, record=rounds[-1]))
    if len(losses) > 1:
        panels.append(partial(_draw_losses, losses=losses))
    if len(rounds) > 1:
        single = [("learning_rate", "learning rate"), ("mean_absolute_gradient", "mean |gradient|")]
        panels += [
            partial(_draw_single, rounds=rounds, key=key, label=label)
            for key, label in single
            if key in rounds[-1]
        ]
    upper = panels[: math.ceil(len(panels) / 2)] if len(panels) > _MAX_IN_ROW else panels
    rows = [row for row in (upper, panels[len(upper) :]) if row]
    figure = new_figure(width=4 * max(map(len, rows)), height=3.2 * len(rows))
    figure.suptitle(title)
    # Rows of different lengths are equally wide: no panel stays empty.
    grid = figure.add_gridspec(len(rows), math.lcm(*map(len, rows)))
    for number, row in enumerate(rows):
        width = grid.ncols // len(row)
        for place, draw in enumerate(row):
            draw(figure.add_subplot(grid[number, place * width : (place + 1) * width]))
    figure.savefig(target, format="png")


def _loss_is_cross_entropy(rounds: Sequence[dict[str, float]]) -> bool:
    """Check whether both curves of the loss would repeat those of the cross-entropy."""
    return all(
        math.isclose(record[f"{split}loss"], record[f"{split}cross_entropy"], rel_tol=1e-3)
        for record in rounds
        for split in ("", "val_")
    )


def _draw_accuracies(axis: Axes, *, record: dict[str, float]) -> None:
    """Draw both accuracies of a single round, which has no curve, as bars."""
    values = [record["accuracy"], record["val_accuracy"]]
    bars = axis.barh(["train", "validation"], values, 0.5, color=[_TRAIN, _VALIDATION])
    axis.bar_label(bars, [percent(value) for value in values], label_type="center", color="white")
    axis.set_xlim(0, 1)
    axis.invert_yaxis()
    axis.set_title(f"accuracy at step {record['step']:,.0f}", fontsize=10)


def _draw_pair(axis: Axes, *, rounds: Sequence[dict[str, float]], key: str, label: str) -> None:
    """Plot a metric of training and of validation."""
    steps, marker = [record["step"] for record in rounds], _marker(rounds)
    for name, split, color in (("train", "", _TRAIN), ("validation", "val_", _VALIDATION)):
        values = [record[split + key] for record in rounds]
        axis.plot(steps, values, marker=marker, c=color, ms=3, label=name)
    axis.legend(frameon=False)
    _finish(axis, label)


def _draw_single(axis: Axes, *, rounds: Sequence[dict[str, float]], key: str, label: str) -> None:
    """Plot what there is one value of per round."""
    steps = [record["step"] for record in rounds]
    values = [record[key] for record in rounds]
    axis.plot(steps, values, marker=_marker(rounds), c=_TRAIN, ms=3)
    _finish(axis, label)


def _draw_losses(axis: Axes, *, losses: Sequence[tuple[int, float]]) -> None:
    marker = "o" if len(losses) <= _MAX_MARKERS else ""
    steps, values = [step for step, _ in losses], [loss for _, loss in losses]
    axis.plot(steps, values, marker=marker, c=_TRAIN, lw=0.8, ms=3)
    axis.set_yscale("log")
    _finish(axis, "loss of single batches")


def _marker(rounds: Sequence[dict[str, float]]) -> str:
    return "o" if len(rounds) <= _MAX_MARKERS else ""


def new_figure(*, width: float, height: float) -> Figure:
    """Create an empty figure, ``width`` by ``height`` inches, that needs no display.

    Raises:
        MissingDependency: matplotlib is not installed.
    """
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingDependency(
            f"plotting needs matplotlib ({error}): {extra_install_command('workstation')}"
        ) from error
    figure = Figure(figsize=(width, height), layout="constrained", dpi=110)
    FigureCanvasAgg(figure)
    return figure


def _finish(axis: Axes, label: str) -> None:
    axis.set_title(label, fontsize=10)
    axis.set_xlabel("step")
    axis.grid(alpha=0.3)
