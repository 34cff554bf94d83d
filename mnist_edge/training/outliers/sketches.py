"""Draw sketches by hand: letters, shapes, arrows, ticks, scribbles, grids and clothes."""

from __future__ import annotations

import numpy as np
from PIL import Image

from mnist_edge.training.outliers.primitives import (
    CANVAS,
    Corners,
    Ink,
    Path,
    Random,
    arc,
    curved,
    hand,
    rasterize,
    star,
    straight,
    turned,
)

_LETTERS: dict[str, tuple[list[Corners], list[Corners]]] = {
    "A": ([[(0, 1), (0.5, 0), (1, 1)], [(0.2, 0.62), (0.8, 0.62)]], []),
    "E": ([[(0.9, 0), (0.1, 0), (0.1, 1), (0.9, 1)], [(0.1, 0.5), (0.75, 0.5)]], []),
    "F": ([[(0.9, 0), (0.1, 0), (0.1, 1)], [(0.1, 0.45), (0.7, 0.45)]], []),
    "H": ([[(0.1, 0), (0.1, 1)], [(0.9, 0), (0.9, 1)], [(0.1, 0.5), (0.9, 0.5)]], []),
    "K": ([[(0.1, 0), (0.1, 1)], [(0.9, 0), (0.1, 0.55), (0.9, 1)]], []),
    "M": ([[(0, 1), (0.15, 0), (0.5, 0.7), (0.85, 0), (1, 1)]], []),
    "N": ([[(0.1, 1), (0.1, 0), (0.9, 1), (0.9, 0)]], []),
    "P": (
        [[(0.1, 1), (0.1, 0)]],
        [[(0.1, 0), (0.75, 0.08), (0.85, 0.3), (0.6, 0.52), (0.1, 0.52)]],
    ),
    "R": (
        [[(0.1, 1), (0.1, 0)], [(0.3, 0.5), (0.9, 1)]],
        [[(0.1, 0), (0.7, 0.05), (0.8, 0.28), (0.6, 0.5), (0.1, 0.5)]],
    ),
    "T": ([[(0, 0), (1, 0)], [(0.5, 0), (0.5, 1)]], []),
    "W": ([[(0, 0), (0.25, 1), (0.5, 0.3), (0.75, 1), (1, 0)]], []),
    "X": ([[(0, 0), (1, 1)], [(1, 0), (0, 1)]], []),
    "e": ([], [[(0.1, 0.5), (0.9, 0.45), (0.6, 0.02), (0.1, 0.35), (0.25, 0.95), (0.9, 0.85)]]),
    "f": ([[(0.1, 0.45), (0.85, 0.45)]], [[(0.9, 0.15), (0.6, 0), (0.45, 0.3), (0.45, 1)]]),
    "h": ([[(0.1, 0), (0.1, 1)]], [[(0.1, 0.7), (0.5, 0.42), (0.85, 0.6), (0.85, 1)]]),
    "k": ([[(0.1, 0), (0.1, 1)], [(0.8, 0.35), (0.1, 0.7), (0.85, 1)]], []),
    "m": (
        [[(0, 0.3), (0, 1)]],
        [
            [(0, 0.6), (0.25, 0.3), (0.5, 0.5), (0.5, 1)],
            [(0.5, 0.6), (0.75, 0.3), (1, 0.5), (1, 1)],
        ],
    ),
    "n": ([[(0, 0.2), (0, 1)]], [[(0, 0.5), (0.5, 0.2), (0.9, 0.5), (0.9, 1)]]),
    "v": ([[(0, 0), (0.5, 1), (1, 0)]], []),
    "w": ([], [[(0, 0.2), (0.2, 0.95), (0.5, 0.35), (0.75, 0.95), (1, 0.2)]]),
}
"""Straight and curved strokes of letters that cannot be mistaken for a digit."""

_LOOKALIKES: dict[str, tuple[list[Corners], list[Corners]]] = {
    "d": (
        [[(0.7, 0), (0.7, 1)]],
        [[(0.7, 0.55), (0.35, 0.42), (0.08, 0.7), (0.35, 1), (0.7, 0.85)]],
    ),
    "J": ([], [[(0.7, 0), (0.7, 0.7), (0.45, 1), (0.15, 0.8)]]),
    "L": ([[(0.2, 0), (0.2, 1), (0.85, 1)]], []),
    "r": ([[(0.2, 0), (0.2, 1)]], [[(0.2, 0.4), (0.5, 0.05), (0.85, 0.1)]]),
    "[": ([[(0.75, 0), (0.3, 0), (0.3, 1), (0.75, 1)]], []),
    "]": ([[(0.25, 0), (0.7, 0), (0.7, 1), (0.25, 1)]], []),
    "{": (
        [],
        [[(0.7, 0), (0.45, 0.1), (0.5, 0.4), (0.25, 0.5), (0.5, 0.6), (0.45, 0.9), (0.7, 1)]],
    ),
    "}": (
        [],
        [[(0.3, 0), (0.55, 0.1), (0.5, 0.4), (0.75, 0.5), (0.5, 0.6), (0.55, 0.9), (0.3, 1)]],
    ),
}
"""Strokes of letters and signs that resemble a digit, and that a person would not take for one."""
_DOUBTFUL: dict[str, tuple[list[Corners], list[Corners]]] = {
    "b": (
        [[(0.2, 0), (0.2, 1)]],
        [[(0.2, 0.55), (0.55, 0.42), (0.85, 0.7), (0.55, 1), (0.2, 0.85)]],
    ),
    "q": ([[(0.7, 0), (0.7, 1)]], [[(0.7, 0.1), (0.3, 0), (0.05, 0.3), (0.35, 0.58), (0.7, 0.4)]]),
    "g": (
        [],
        [[(0.75, 0.1), (0.3, 0), (0.1, 0.3), (0.4, 0.5), (0.75, 0.05), (0.7, 0.9), (0.1, 0.9)]],
    ),
    "B": (
        [[(0.15, 1), (0.15, 0)]],
        [[(0.15, 0), (0.7, 0.1), (0.65, 0.4), (0.15, 0.48), (0.8, 0.62), (0.75, 0.92), (0.15, 1)]],
    ),
    "C": ([], [[(0.9, 0.15), (0.5, 0), (0.1, 0.5), (0.5, 1), (0.9, 0.85)]]),
    "G": (
        [[(0.55, 0.55), (0.9, 0.55), (0.9, 0.9)]],
        [[(0.9, 0.15), (0.4, 0), (0.08, 0.5), (0.45, 1), (0.9, 0.8)]],
    ),
    "U": ([], [[(0.1, 0), (0.12, 0.7), (0.5, 1), (0.88, 0.7), (0.9, 0)]]),
    "u": ([[(0.85, 0), (0.85, 1)]], [[(0.1, 0), (0.12, 0.7), (0.45, 0.95), (0.85, 0.6)]]),
    "y": ([[(0.9, 0), (0.3, 1)]], [[(0.1, 0), (0.2, 0.35), (0.6, 0.5)]]),
}
"""Strokes of letters that are a digit in somebody's hand; each is drawn until it resembles none of
MNIST's too closely. S and Z hardly ever do, and are left out."""

_SQUARE: Corners = [(0, 0), (1, 0), (1, 1), (0, 1), (0, 0)]
_TRIANGLE: Corners = [(0.5, 0), (1, 0.9), (0, 0.9), (0.5, 0)]
_ARROW: Corners = [
    (0, 0.35),
    (0.6, 0.35),
    (0.6, 0.1),
    (1, 0.5),
    (0.6, 0.9),
    (0.6, 0.65),
    (0, 0.65),
    (0, 0.35),
]
_PLUS: Corners = [
    (0.35, 0),
    (0.65, 0),
    (0.65, 0.35),
    (1, 0.35),
    (1, 0.65),
    (0.65, 0.65),
    (0.65, 1),
    (0.35, 1),
    (0.35, 0.65),
    (0, 0.65),
    (0, 0.35),
    (0.35, 0.35),
    (0.35, 0),
]


def written_letter(random: Random) -> Ink:
    """Draw a handwritten letter."""
    return _written(_LETTERS, random)


def written_lookalike(random: Random) -> Ink:
    """Draw a handwritten letter or sign that resembles a digit, and is none."""
    return _written(_LOOKALIKES, random)


def doubtful_letter(random: Random) -> Ink:
    """Draw a handwritten letter that may be a digit."""
    return _written(_DOUBTFUL, random)


def _written(letters: dict[str, tuple[list[Corners], list[Corners]]], random: Random) -> Ink:
    lines, curves = list(letters.values())[random.integers(len(letters))]
    draw = hand(random, 1.3)

    def unsteady(points: Corners) -> Path:
        moved: Path = np.asarray(points) + random.normal(0, 0.035, (len(points), 2))
        return moved

    strokes = [draw(straight(unsteady(points))) for points in lines]
    strokes += [draw(curved(unsteady(points))) for points in curves]
    return rasterize(strokes, _pen(random))


def shape(random: Random) -> Ink:
    """Draw a triangle, square, star or cross, as an outline or filled, or a filled disc."""
    # The outline of a disc or a hexagon would be a 0; that of a rhombus a 0 or a 1.
    drawn = (
        straight(_TRIANGLE),
        straight(_SQUARE),
        straight(_PLUS),
        star(int(random.integers(4, 8)), random.uniform(0.18, 0.28)),
    )
    filled = (*drawn, arc(), star(int(random.integers(3, 5)), 0.5))
    choice = drawn if random.random() < 1 / 2 else filled
    path = hand(random)(choice[random.integers(len(choice))])
    return rasterize([path], _pen(random)) if choice is drawn else rasterize([], filled=[path])


def arrow(random: Random) -> Ink:
    """Draw an arrow as an outline, filled, or of strokes, then nearly level, unlike a 1."""
    draw = hand(random)
    if random.random() < 1 / 2:
        path = draw(turned(straight(_ARROW), random.uniform(0, 2 * np.pi)))
        return (
            rasterize([path], _pen(random))
            if random.random() < 1 / 2
            else rasterize([], filled=[path])
        )
    angle = random.normal(0, 0.3) + random.choice((0, np.pi))
    head = random.uniform(0.25, 0.4)
    strokes = ([(0, 0.5), (1, 0.5)], [(1 - head, 0.5 - head), (1, 0.5), (1 - head, 0.5 + head)])
    return rasterize([draw(turned(straight(points), angle)) for points in strokes], _pen(random))


def tick(random: Random) -> Ink:
    """Draw a tick or a cross, mostly in a box."""
    draw = hand(random)
    bottom = random.uniform(0.3, 0.45)
    corners = [(0, random.uniform(0.4, 0.6)), (bottom, 1), (1, 0.1)]
    mark = curved(corners) if random.random() < 1 / 2 else straight(corners)
    crossed = [straight([(0.15, 0.15), (0.85, 0.85)]), straight([(0.85, 0.15), (0.15, 0.85)])]
    box = straight(_SQUARE)
    strokes = ([mark], [box, *crossed], [box, 0.15 + 0.7 * mark], [box, 1.2 * mark])
    chosen = strokes[random.integers(len(strokes))]
    width = _pen(random) if len(chosen) == 1 else random.uniform(0.05, 0.1)
    return rasterize([draw(path) for path in chosen], width)


def scribble(random: Random) -> Ink:
    """Draw random overlapping curves."""
    count = int(random.integers(1, 4))
    turns = (7, 12) if count == 1 else (5, 9)
    strokes = [curved(random.uniform(0, 1, (random.integers(*turns), 2))) for _ in range(count)]
    return rasterize(strokes, random.uniform(0.05, 0.12))


def curl(random: Random) -> Ink:
    """Draw a small loop that runs out into an arm or two, as letters of many scripts do."""
    turns = random.uniform(0.9, 1.4)
    start = random.uniform(0, 2 * np.pi)
    loop = arc((0, 0), (0.16, 0.16), start, turns)
    # The arm leaves the loop along its direction, and bends.
    heading = start + 2 * np.pi * turns + np.pi / 2
    bends = random.choice((-1, 1)) * random.uniform(0.1, 0.9, int(random.integers(2, 5)))
    bends[1:] *= random.choice((-1, 1), len(bends) - 1)
    points = [loop[-1]]
    for angle in heading + np.cumsum(bends):
        points.append(
            points[-1] + random.uniform(0.3, 0.6) * np.array((np.cos(angle), np.sin(angle)))
        )
    path = np.concatenate([loop, curved(points)[1:]])
    return rasterize([hand(random)(path)], _pen(random))


def cursive(random: Random) -> Ink:
    """Draw a word of two to six letters joined up: arches and loops, some of them tall."""
    count = int(random.integers(2, 7))
    t = np.linspace(0, count, 14 * count)
    # The pen goes round while it moves on; how far back decides whether it leaves a loop.
    back = random.uniform(0.05, 0.45)
    tall = np.where(random.random(count) < 1 / 3, random.uniform(1.5, 2.2), 1.0)
    heights = tall[np.minimum(t.astype(int), count - 1)] * random.uniform(0.35, 0.55)
    across = 0.45 * t + back * np.sin(2 * np.pi * t) * heights
    path = np.stack([across, -heights * (1 - np.cos(2 * np.pi * t)) / 2], 1)
    if random.random() < 1 / 2:
        path[:, 1] *= -1
    return rasterize([hand(random, 0.7)(path / count)], random.uniform(0.03, 0.1))


def grid(random: Random) -> Ink:
    """Draw three or more parallel lines, or two such sets that cross."""
    angle = random.normal(0, 0.1) + random.choice((0, np.pi / 2, random.uniform(0, np.pi)))
    draw = hand(random, 0.7)
    strokes: list[Path] = []
    for across in range(int(random.integers(1, 3))):
        count = int(random.integers(3, 6))
        ends = random.uniform(0, 0.3), random.uniform(0.7, 1)
        for at in np.linspace(0, 1, count) + random.normal(0, 0.03, count):
            tilt = random.normal(0, 0.03)
            line = straight([(ends[0], at - tilt), (ends[1], at + tilt)])
            strokes.append(draw(turned(line, angle + across * np.pi / 2)))
    return rasterize(strokes, random.uniform(0.04, 0.12))


def garment(random: Random) -> Ink:
    """Draw a garment, a shoe or a bag, with an even, mottled or striped texture."""
    half, whole = _garment(random)
    outline = [*half, *[(1 - x, y) for x, y in reversed(half)]] if half else whole
    ink = rasterize([], filled=[hand(random, 0.5)(straight([*outline, outline[0]]))])
    cells = int(random.integers(2, 9))
    coarse = Image.fromarray(random.random((cells, cells), np.float32))
    cloth = np.asarray(coarse.resize((CANVAS, CANVAS), Image.Resampling.BICUBIC))
    if random.random() < 1 / 4:
        rows = np.arange(CANVAS, dtype=np.float32)[:, None]
        cloth = np.sin(rows * random.uniform(0.2, 0.8)) * 0.5 + 0.5
    shaded = ink * (1 - random.uniform(0, 0.8) * np.clip(cloth, 0, 1))
    return np.asarray(shaded, np.float32)


def _garment(random: Random) -> tuple[Corners, Corners]:
    """Return the left half of a symmetric outline, or a whole outline; the other is empty."""

    def between(low: float, high: float) -> float:
        return float(random.uniform(low, high))

    which = random.integers(6)
    if which == 0:  # a shirt
        sleeve, width = between(0.3, 0.95), between(0.22, 0.32)
        shoulder = [(0.38, 0), (width, 0.05), (between(-0.05, 0.08), sleeve)]
        side = [(0.16, sleeve + 0.05), (width, between(0.25, 0.35)), (width + 0.02, 1)]
        return [*shoulder, *side], []
    if which == 1:  # trousers
        width = between(0.2, 0.32)
        return [
            (width, 0),
            (width - between(0, 0.08), 1),
            (0.45, 1),
            (0.5, between(0.25, 0.45)),
        ], []
    if which == 2:  # a dress
        return [(0.4, 0), (0.33, 0.3), (between(0, 0.25), 1)], []
    if which == 3:  # a shoe
        back, top = between(0.25, 0.5), between(0.15, 0.3)
        upper = [(0, back), (0.1, top), (0.35, top), (0.6, 0.5), (0.95, 0.6), (1, 0.8)]
        return [], [*upper, (0, 0.8)]
    if which == 4:  # a boot
        return [], [(0.2, 0), (0.55, 0), (0.55, 0.55), (0.95, 0.7), (1, 0.95), (0.15, 1)]
    return [(0.35, 0.05), (0.3, 0.33), (0, 0.35), (between(0, 0.1), 1)], []  # a bag


def _pen(random: Random) -> float:
    """Return a pen width as in MNIST, relative to the drawing's longest side."""
    return float(random.uniform(0.07, 0.17))
