"""The plot of a training run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mnist_edge.training import learning_curves


def a_round(step: int, *, extra: float = 0.0, **more: float) -> dict[str, float]:
    """Make a round's record; its loss is the cross-entropy plus ``extra``."""
    value = 1 / step
    record = {"step": step, "learning_rate": 0.01}
    for split in ("", "val_"):
        record |= {f"{split}accuracy": 1 - value / 2, f"{split}cross_entropy": value}
        record[f"{split}loss"] = value + extra
    return {**record, **more}


@pytest.fixture
def axes_of(figures: list[Any], tmp_path: Path) -> Callable[..., dict[str, Any]]:
    """Draw curves and return the axes of the figure by title."""

    def draw(rounds: list[dict[str, float]], losses: list[tuple[int, float]]) -> dict[str, Any]:
        target = tmp_path / "curves.png"
        learning_curves.draw_curves(rounds, losses, target, title="quick")
        assert target.stat().st_size > 5_000
        return {axis.get_title(): axis for axis in figures[-1].axes}

    return draw


Draw = Callable[..., dict[str, Any]]

LOSSES = [(step, 1 / step) for step in range(50, 500, 50)]
GRADIENT = {"mean_absolute_gradient": 0.1}


@pytest.mark.parametrize(
    ("losses", "extra", "gradient"),
    [
        # Every pair of the three settings.
        (LOSSES, 0.0, {}),
        (LOSSES, 0.5, GRADIENT),
        (LOSSES[:1], 0.0, GRADIENT),
        (LOSSES[:1], 0.5, {}),
        ([], 0.0, GRADIENT),
        ([], 0.5, {}),
    ],
)
def test_every_panel_shows_something_of_its_own(
    extra: float,
    gradient: dict[str, float],
    losses: list[tuple[int, float]],
    axes_of: Draw,
) -> None:
    axes = axes_of([a_round(step, extra=extra, **gradient) for step in (100, 200, 300)], losses)
    assert ("loss" in axes) == bool(extra)
    assert {"accuracy", "mean cross-entropy", "learning rate"} <= set(axes)
    assert ("mean |gradient|" in axes) == bool(gradient)
    for axis in axes.values():
        assert axis.axison
        assert axis.lines
        assert all(len(line.get_xdata()) > 1 for line in axis.lines)
    # Every row is as wide as the figure.
    spans = [axis.get_subplotspec() for axis in axes.values()]
    for row in {span.rowspan.start for span in spans}:
        columns = [span.colspan for span in spans if span.rowspan.start == row]
        assert sum(map(len, columns)) == spans[0].get_gridspec().ncols


def test_a_single_round_is_drawn_as_bars(axes_of: Draw) -> None:
    axes = axes_of([a_round(430)], LOSSES)
    assert set(axes) == {"accuracy at step 430", "loss of single batches"}
    bars = axes["accuracy at step 430"].patches
    assert [round(bar.get_width(), 3) for bar in bars] == [0.999, 0.999]
    assert [text.get_text() for text in axes["accuracy at step 430"].texts] == ["99.88 %"] * 2
    assert set(axes_of([a_round(430)], LOSSES[:1])) == {"accuracy at step 430"}
