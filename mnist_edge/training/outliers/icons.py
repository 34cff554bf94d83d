"""Draw icons; each is a list of strokes and a list of outlines to fill."""

from __future__ import annotations

import numpy as np

from mnist_edge.training.outliers.primitives import (
    Corners,
    Ink,
    Path,
    Random,
    arc,
    curved,
    hand,
    rasterize,
    straight,
)

_Icon = tuple[list[Path], list[Path]]


def icon(random: Random) -> Ink:
    """Draw an icon: a face, a sun, a house, a fish or the like."""
    strokes, filled = _ICONS[random.integers(len(_ICONS))](random)
    draw = hand(random)
    return rasterize(
        [draw(path) for path in strokes],
        random.uniform(0.05, 0.11),
        [draw(path) for path in filled],
    )


def _face(random: Random) -> _Icon:
    eyes = [arc((x, 0.37), (0.06, 0.06)) for x in (0.33, 0.67)]
    mouth = arc((0.5, 0.65), (0.25, 0.18), random.choice((0.0, np.pi)), 0.5)
    return [arc(), mouth], eyes


def _sun(random: Random) -> _Icon:
    angles = np.linspace(0, 2 * np.pi, int(random.integers(7, 11)), endpoint=False)
    rays = [np.array([(np.cos(a), np.sin(a))]) * [[0.32], [0.5]] + 0.5 for a in angles]
    return [arc(radii=(0.22, 0.22)), *rays], []


def _heart(random: Random) -> _Icon:
    t = np.linspace(0, 2 * np.pi, 40)
    upright = 0.45 - (0.4 * np.cos(t) - 0.16 * np.cos(2 * t) - 0.06 * np.cos(3 * t))
    return [], [np.stack([0.5 + 0.5 * np.sin(t) ** 3, upright], 1)]


def _house(random: Random) -> _Icon:
    lines: list[Corners] = [
        [(0, 0.45), (0.5, 0), (1, 0.45)],
        [(0.12, 0.4), (0.12, 1), (0.88, 1), (0.88, 0.4)],
        [(0.4, 1), (0.4, 0.65), (0.6, 0.65), (0.6, 1)],
    ]
    return [straight(line) for line in lines], []


def _tree(random: Random) -> _Icon:
    crown = straight([(0.5, 0), (0.9, 0.75), (0.1, 0.75), (0.5, 0)])
    return [straight([(0.5, 0.75), (0.5, 1)])], [crown]


def _flower(random: Random) -> _Icon:
    angles = np.linspace(0, 2 * np.pi, int(random.integers(5, 8)), endpoint=False)
    middles = [(0.5 + 0.32 * np.cos(a), 0.5 + 0.32 * np.sin(a)) for a in angles]
    return [arc((float(x), float(y)), (0.17, 0.17)) for x, y in middles], []


def _notes(random: Random) -> _Icon:
    beam = straight([(0.25, 0.8), (0.25, 0.05), (0.85, 0), (0.85, 0.7)])
    return [beam], [arc((0.13, 0.85), (0.15, 0.12)), arc((0.73, 0.75), (0.15, 0.12))]


def _fish(random: Random) -> _Icon:
    tail = straight([(0.68, 0.5), (1, 0.25), (1, 0.75), (0.68, 0.5)])
    return [arc((0.35, 0.5), (0.35, 0.25)), tail], [arc((0.18, 0.43), (0.04, 0.04))]


def _envelope(random: Random) -> _Icon:
    frame = straight([(0, 0.15), (1, 0.15), (1, 0.85), (0, 0.85), (0, 0.15)])
    return [frame, straight([(0, 0.15), (0.5, 0.55), (1, 0.15)])], []


def _car(random: Random) -> _Icon:
    body = [(0, 0.7), (0, 0.45), (0.2, 0.42), (0.33, 0.2), (0.7, 0.2), (0.82, 0.45)]
    body += [(1, 0.5), (1, 0.7), (0, 0.7)]
    return [straight(body)], [arc((x, 0.72), (0.11, 0.11)) for x in (0.25, 0.75)]


def _figure(random: Random) -> _Icon:
    lines: list[Corners] = [
        [(0.5, 0.25), (0.5, 0.65)],
        [(0.15, random.uniform(0.2, 0.5)), (0.5, 0.38), (0.85, random.uniform(0.2, 0.5))],
        [(0.2, 1), (0.5, 0.65), (0.8, 1)],
    ]
    return [arc((0.5, 0.12), (0.12, 0.12)), *[straight(line) for line in lines]], []


def _umbrella(random: Random) -> _Icon:
    top = arc((0.5, 0.45), (0.5, 0.45), np.pi, 0.5)
    return [curved([(0.5, 0.45), (0.5, 0.85), (0.6, 1), (0.7, 0.88)])], [top]


_ICONS = (
    _face,
    _sun,
    _heart,
    _house,
    _tree,
    _flower,
    _notes,
    _fish,
    _envelope,
    _car,
    _figure,
    _umbrella,
)
