"""Plot the learning curves of a run as one PNG, with matplotlib."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mnist_edge.errors import MissingDependency, extra_install_command

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_TRAIN, _VALIDATION = "#0072b2", "#d55e00"
"""Two colors that color-blind people can distinguish (M. Okabe and K. Ito, 2008)."""

_MAX_MARKERS = 40
"""Maximum number of rounds with a marker each; more markers would touch."""


def draw_curves(
    rounds: Sequence[dict[str, float]],
    losses: Sequence[tuple[int, float]],
    target: Path,
    *,
    title: str,
) -> None:
    """Plot the metrics of a run over its steps.

    These are accuracy, cross-entropy and loss of training and validation, the loss of single
    batches, the learning rate, and the mean absolute gradient if the optimizer records it.

    Args:
        rounds: one record per validation.
        losses: step and loss of single batches.
        target: the PNG to write.
        title: name of the recipe.

    Raises:
        MissingDependency: matplotlib is not installed.
    """
    panels = [("accuracy", "accuracy"), ("cross_entropy", "mean cross-entropy"), ("loss", "loss")]
    single = [("learning_rate", "learning rate"), ("mean_absolute_gradient", "mean |gradient|")]
    single = [(key, label) for key, label in single if key in rounds[-1]]

    figure = new_figure(width=12, height=6.4)
    figure.suptitle(title)
    axes = iter(figure.subplots(2, 3).flat)
    steps = [record["step"] for record in rounds]
    marker = "o" if len(rounds) <= _MAX_MARKERS else ""
    for key, label in panels:
        axis = next(axes)
        axis.plot(steps, [r[key] for r in rounds], marker, ls="-", c=_TRAIN, ms=3, label="train")
        validation = [record[f"val_{key}"] for record in rounds]
        axis.plot(steps, validation, marker, ls="-", c=_VALIDATION, ms=3, label="validation")
        axis.legend(frameon=False)
        _finish(axis, label)
    axis = next(axes)
    axis.plot([step for step, _ in losses], [loss for _, loss in losses], c=_TRAIN, lw=0.8)
    axis.set_yscale("log")
    _finish(axis, "loss of single batches")
    for key, label in single:
        axis = next(axes)
        axis.plot(steps, [record[key] for record in rounds], marker, ls="-", c=_TRAIN, ms=3)
        _finish(axis, label)
    for axis in axes:
        axis.set_axis_off()
    figure.savefig(target, format="png")


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
