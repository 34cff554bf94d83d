"""Draw textures that fill the whole frame: noise, patterns, plain grays and photographic scenes."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from mnist_edge import DIGIT_SHAPE, DIGIT_SIDE
from mnist_edge.training.outliers.primitives import Ink, Random

_AXIS = np.arange(DIGIT_SIDE, dtype=np.float32) - (DIGIT_SIDE - 1) / 2
"""Rows or columns relative to the center of the frame."""


def noise(random: Random) -> Ink:
    """Draw independent noise in each pixel: uniform, normal, or salt and pepper."""
    shape = DIGIT_SHAPE
    if random.random() < 1 / 3:
        values = random.random(shape) ** random.uniform(0.5, 6)
    elif random.random() < 1 / 2:
        values = random.normal(random.random(), random.uniform(0.05, 0.5), shape)
    else:
        values = (random.random(shape) < random.uniform(0.02, 0.98)) * random.uniform(0.4, 1)
    return _levels(values)


def clouds(random: Random) -> Ink:
    """Draw smooth noise at one scale or several."""
    layers = [
        _soft(random, int(random.integers(2, 15))) * random.random()
        for _ in range(random.integers(1, 4))
    ]
    return _stretched(np.sum(layers, axis=0), random)


def plain(random: Random) -> Ink:
    """Draw a plain gray or a gradient, with or without grain."""
    level = random.random()
    slope = _direction(random) * random.uniform(0, 0.06) * (random.random() < 1 / 2)
    grain = random.normal(0, 1, DIGIT_SHAPE) * random.uniform(0, 0.1) * (random.random() < 1 / 2)
    return _levels(level + slope + grain)


def stripes(random: Random) -> Ink:
    """Draw waves, bars, checkers or rings, at least three across the frame."""
    frequency = random.uniform(2 * np.pi * 3 / DIGIT_SIDE, 2.5)
    phase = random.uniform(0, 2 * np.pi)
    turn = random.uniform(0, np.pi)
    first = np.sin(_direction(random, turn) * frequency + phase)
    which = random.integers(3)
    if which == 1:
        first = first * np.sin(_direction(random, turn + np.pi / 2) * frequency + phase)
    elif which == 2:
        first = np.sin(np.hypot(_AXIS[:, None], _AXIS + random.uniform(-8, 8)) * frequency + phase)
    return _levels(0.5 + first * random.uniform(0.2, 0.5) * random.choice((1, 8)))


def scene(random: Random) -> Ink:
    """Draw a scene as in a photograph: uneven light, objects, blur and grain."""
    image = Image.fromarray(np.uint8(255 * _levels(random.random() + _direction(random) * 0.03)))
    pen = ImageDraw.Draw(image)
    for _ in range(random.integers(2, 7)):
        x, y = random.uniform(-8, DIGIT_SIDE, 2)
        width, height = random.uniform(6, 24, 2)
        box = (x, y, x + width, y + height)
        gray = int(random.integers(256))
        if random.random() < 1 / 2:
            pen.ellipse(box, fill=gray)
        else:
            pen.polygon([(float(a), float(b)) for a, b in random.uniform(-6, 34, (4, 2))], gray)
    small = int(random.integers(8, DIGIT_SIDE + 1))
    blurred = image.resize((small, small), Image.Resampling.BOX).resize(image.size)
    grain = random.normal(0, random.uniform(0, 0.08), DIGIT_SHAPE)
    shade = 0.7 + 0.6 * _soft(random, 3)
    return _levels(np.asarray(blurred) / 255 * shade + grain)


def dust(random: Random) -> Ink:
    """Draw an empty frame with a few specks, sometimes with a line along an edge."""
    values = np.zeros(DIGIT_SHAPE)
    for _ in range(random.integers(1, 12)):
        height, width = random.integers(1, 4, 2)
        top, left = random.integers(0, DIGIT_SIDE - 3, 2)
        values[top : top + height, left : left + width] = random.uniform(0.2, 1)
    if random.random() < 1 / 3:
        values[: random.integers(1, 3)] = random.uniform(0.3, 1)
    values = np.rot90(values, random.integers(4))
    return _levels(values * random.uniform(0.4, 1) + random.uniform(0, 0.1) * random.random((1, 1)))


def blob(random: Random) -> Ink:
    """Draw solid or speckled stains on an empty frame."""
    values = _stretched(_soft(random, int(random.integers(4, 12))) - random.uniform(0, 0.2), random)
    if random.random() < 1 / 3:
        values = values * random.random(values.shape)
    if random.random() < 1 / 2:
        across = np.hypot(_AXIS[:, None] / random.uniform(8, 14), _AXIS / random.uniform(8, 14))
        values = values * (across < 1)
    return _levels(values)


def _soft(random: Random, cells: int) -> Ink:
    """Interpolate ``cells`` by ``cells`` random levels smoothly over the frame; 0..1."""
    coarse = Image.fromarray(random.random((cells, cells), np.float32))
    return _levels(np.asarray(coarse.resize(DIGIT_SHAPE, Image.Resampling.BICUBIC)))


def _direction(random: Random, angle: float | None = None) -> Ink:
    """Return each pixel's distance from the center along an angle (default: random)."""
    angle = random.uniform(0, 2 * np.pi) if angle is None else angle
    distance: Ink = _AXIS[:, None] * np.float32(np.sin(angle)) + _AXIS * np.float32(np.cos(angle))
    return distance


def _stretched(values: NDArray[np.floating[Any]], random: Random) -> Ink:
    """Change the contrast at random, from faint to two levels."""
    spread = (values - values.mean()) / (values.std() + 1e-6)
    return _levels(random.uniform(0.2, 0.8) + spread * random.uniform(0.08, 1.5))


def _levels(values: NDArray[np.floating[Any]]) -> Ink:
    levels: Ink = np.clip(values, 0, 1).astype(np.float32)
    return levels
