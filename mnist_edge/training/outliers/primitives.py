"""Paths in a unit square, randomly deformed and drawn as ink.

A path is ``(n, 2) float64``, x to the right and y down.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image, ImageDraw

Path: TypeAlias = NDArray[np.float64]
Corners: TypeAlias = list[tuple[float, float]]
Ink: TypeAlias = NDArray[np.float32]
Random: TypeAlias = np.random.Generator

CANVAS = 80
"""Height and width of a drawing in pixels: four times MNIST's resolution."""
_MARGIN = 8
"""Empty pixels on each side of a canvas."""


def straight(points: ArrayLike) -> Path:
    """Connect corners with straight lines of several points, so that they can be bent."""
    corners = np.asarray(points, np.float64)
    along = np.linspace(0, 1, 5, endpoint=False)[:, None]
    sides = corners[:-1, None] + np.diff(corners, axis=0)[:, None] * along
    return np.concatenate([sides.reshape(-1, 2), corners[-1:]])


def curved(points: ArrayLike) -> Path:
    """Draw a smooth curve through points: Catmull and Rom's spline (1974)."""
    knots = np.asarray(points, np.float64)
    first, last = 2 * knots[:1] - knots[1:2], 2 * knots[-1:] - knots[-2:-1]
    knots = np.concatenate([first, knots, last])[:, None]
    a, b, c, d = knots[:-3], knots[1:-2], knots[2:-1], knots[3:]
    t = np.linspace(0, 1, 6, endpoint=False)[:, None]
    slope, bend, twist = c - a, 2 * a - 5 * b + 4 * c - d, 3 * b - a - 3 * c + d
    curve = b + (slope * t + bend * t**2 + twist * t**3) / 2
    return np.concatenate([curve.reshape(-1, 2), knots[-2]])


def arc(
    at: tuple[float, float] = (0.5, 0.5),
    radii: tuple[float, float] = (0.5, 0.5),
    start: float = 0.0,
    turns: float = 1.0,
) -> Path:
    """Draw part of an ellipse, clockwise from an angle in radians."""
    angles = start + np.linspace(0, 2 * np.pi * turns, 20)
    return np.stack([at[0] + radii[0] * np.cos(angles), at[1] + radii[1] * np.sin(angles)], 1)


def star(points: int, inner: float) -> Path:
    """Draw the outline of a star with outer radius 0.5 and inner radius ``inner``."""
    corners = np.arange(2 * points + 1)
    angles = corners * np.pi / points - np.pi / 2
    radii = np.where(corners % 2, inner, 0.5)
    return straight(np.stack([0.5 + radii * np.cos(angles), 0.5 + radii * np.sin(angles)], 1))


def turned(path: Path, angle: float) -> Path:
    """Rotate a path about the center of the square by an angle in radians."""
    cosine, sine = np.cos(angle), np.sin(angle)
    rotation = np.array([[cosine, sine], [-sine, cosine]])
    result: Path = (path - 0.5) @ rotation + 0.5
    return result


def hand(random: Random, unsteadiness: float = 1.0) -> Callable[[Path], Path]:
    """Return one hand's deformation, which rotates, slants, stretches and bends all paths alike."""
    angle, slant = random.normal(0, 0.12 * unsteadiness, 2)
    cosine, sine = np.cos(angle), np.sin(angle)
    matrix = np.array([[cosine, slant - sine], [sine, cosine]]) * random.uniform(0.75, 1.25, 2)
    bend = random.normal(0, 0.035 * unsteadiness, (2, 2))
    pitch, phase = random.uniform(2, 6, (2, 2)), random.uniform(0, 2 * np.pi, (2, 2))

    def bent(path: Path) -> Path:
        moved = (path - 0.5) @ matrix.T
        across = moved[:, ::-1]
        waves = [(bend[i] * np.sin(across * pitch[i] + phase[i])).sum(1) for i in (0, 1)]
        result: Path = moved + np.stack(waves, 1)
        return result

    return bent


def rasterize(strokes: Sequence[Path], width: float = 0.0, filled: Sequence[Path] = ()) -> Ink:
    """Draw strokes and filled outlines as ink, ``(CANVAS, CANVAS)``, 0..1.

    Args:
        strokes: paths to draw with a pen.
        width: width of the pen relative to the drawing's longest side.
        filled: closed outlines to fill.
    """
    points = np.concatenate([*strokes, *filled])
    low = points.min(0)
    scale = (CANVAS - 2 * _MARGIN) / max(float(np.ptp(points, 0).max()), 1e-3)
    image = Image.new("L", (CANVAS, CANVAS))
    pen = ImageDraw.Draw(image)
    for path in filled:
        pen.polygon(_placed(path, low, scale), fill=255)
    thick = max(3, round(width * (CANVAS - 2 * _MARGIN)))
    for path in strokes:
        line = _placed(path, low, scale)
        pen.line(line, fill=255, width=thick, joint="curve")
        for x, y in (line[0], line[-1]):
            pen.ellipse([x - thick / 2, y - thick / 2, x + thick / 2, y + thick / 2], fill=255)
    return np.asarray(image, np.float32) / np.float32(255)


def _placed(path: Path, low: Path, scale: float) -> list[tuple[float, float]]:
    return [(float(x), float(y)) for x, y in (path - low) * scale + _MARGIN]
