from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import ArrayLike

from mnist_edge.training.outliers.primitives import (
    CANVAS,
    Path,
    arc,
    curved,
    hand,
    rasterize,
    star,
    straight,
    turned,
)

CORNERS = [(0.0, 0.0), (1.0, 0.0), (0.5, 1.0)]


@pytest.mark.parametrize("draw", [straight, curved])
def test_a_path_goes_through_its_points_from_the_first_to_the_last(
    draw: Callable[[ArrayLike], Path],
) -> None:
    path = draw(CORNERS)
    distances = np.linalg.norm(path[:, None] - np.array(CORNERS), axis=2)
    assert distances.min(axis=0) == pytest.approx([0, 0, 0])
    assert distances.argmin(axis=0).tolist() == sorted(distances.argmin(axis=0).tolist())
    assert (distances[0].argmin(), distances[-1].argmin()) == (0, 2)


def test_an_arc_of_one_turn_is_a_closed_ellipse() -> None:
    path = arc((1.0, 2.0), (0.5, 0.25), start=0.7)
    assert path[0] == pytest.approx(path[-1])
    assert np.hypot(*((path - (1, 2)) / (0.5, 0.25)).T) == pytest.approx(np.ones(len(path)))


def test_a_star_is_closed_and_has_its_points_at_the_rim() -> None:
    path = star(5, 0.2)
    radii = np.hypot(*(path - 0.5).T)
    assert path[0] == pytest.approx(path[-1])
    assert radii.max() == pytest.approx(0.5)
    assert np.isclose(radii[:-1], 0.5).sum() == 5


def test_turning_four_times_by_a_quarter_changes_nothing() -> None:
    path = straight(CORNERS)
    back = path
    for _ in range(4):
        back = turned(back, np.pi / 2)
    assert back == pytest.approx(path)


def test_one_hand_deforms_equal_paths_equally_and_another_hand_otherwise() -> None:
    draw, other = (hand(np.random.default_rng(seed)) for seed in (1, 2))
    path = straight(CORNERS)
    assert np.array_equal(draw(path), draw(path.copy()))
    assert not np.allclose(draw(path), other(path))


def test_ink_fills_the_canvas_but_its_margins() -> None:
    ink = rasterize([straight([(5, 5), (105, 105)])], 0.05)
    assert ink.shape == (CANVAS, CANVAS)
    assert (ink.min(), ink.max()) == (0, 1)
    rows, columns = (np.flatnonzero(ink.any(axis=axis)) for axis in (1, 0))
    for inked in (rows, columns):
        assert 4 <= inked[0] <= 8
        assert 4 <= CANVAS - 1 - inked[-1] <= 8


def test_an_outline_is_filled() -> None:
    square = straight([(0, 0), (1, 0), (1, 1), (0, 1), (0, 0)])
    center = CANVAS // 2
    assert rasterize([], filled=[square])[center, center] == 1
    assert rasterize([square], 0.05)[center, center] == 0
