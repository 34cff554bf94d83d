"""A digit's center line, taken from MNIST, and its stroke by a pen."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from PIL import Image

from benchmarks.accuracy.hard_pictures.fields import (
    Field,
    blur,
    clouds,
    resize,
    rotation,
    soft_edge,
    to_unit_box,
)
from benchmarks.accuracy.hard_pictures.pens import FELT, Pen
from mnist_edge.data.mnist import Mnist, load_mnist
from mnist_edge.training.center_lines import thinned

_UPSCALE = 4
"""Times that a digit is enlarged before its center line is looked for."""
_DISTANCE_ROWS = 96
"""Rows on which the distance from a center line is measured before it is enlarged."""
_EXAMPLES = 6_000
"""Training digits that a digit is compared with."""


@cache
def _mnist() -> Mnist:
    return load_mnist()


def pick_digit(rng: Generator) -> tuple[str, Field]:
    """Choose a validation digit; return its label and its center line."""
    digits = _mnist().validation
    while True:
        index = int(rng.integers(len(digits)))
        line = _digit_line(index)
        if line is not None:
            return str(digits.labels[index]), line


@cache
def _digit_line(index: int) -> Field | None:
    """Return a digit's center line, or None if the line alone is hard to read.

    A loop that its writer filled in has no center line. To ask for nothing
    unreadable, and to let no model choose its own questions, a digit is used if its nearest
    neighbors in MNIST have its label.
    """
    digits = _mnist().validation
    gray = Image.fromarray(digits.images[index])
    large = gray.resize((28 * _UPSCALE, 28 * _UPSCALE), Image.Resampling.BICUBIC)
    line = center_line(np.asarray(large) > 80)
    pen = replace(FELT, width=(0.13, 0.13), opacity=(1, 1), pressure=0)
    upright = np.random.default_rng(index)
    coverage = draw_stroke(upright, line, 18, pen, tilt=0, slant=0)
    field = np.zeros((28, 28), np.float32)
    rows, columns = min(28, coverage.shape[0]), min(28, coverage.shape[1])
    field[:rows, :columns] = coverage[:rows, :columns]
    total = field.sum()
    for axis, line_sum in enumerate((field.sum(1), field.sum(0))):
        field = np.roll(field, 14 - round(float(line_sum @ np.arange(28) / total)), axis)
    known, labels, squares = _examples()
    nearest = np.argpartition(squares - 2 * (known @ field.ravel()), 3)[:3]
    return line if (labels[nearest] == digits.labels[index]).all() else None


@cache
def _examples() -> tuple[Field, NDArray[np.uint8], Field]:
    """Return training digits to compare with: pixels 0..1, labels, and squared norms."""
    train = _mnist().train.take(np.arange(_EXAMPLES))
    pixels = train.images.reshape(_EXAMPLES, -1).astype(np.float32) / 255
    return pixels, train.labels, np.square(pixels).sum(1)


def center_line(shape: NDArray[np.bool_]) -> Field:
    """Return points (y, x) along the middle of a shape's strokes, scaled to a longest side of 1."""
    rows, columns = np.nonzero(thinned(shape))
    points = np.stack((rows, columns), 1).astype(np.float32)
    # Thinning leaves stairs and burrs; a point that moves to where its neighbors are on average
    # smooths both, and the hand's own corners hardly.
    near = np.exp(-np.square(points[:, np.newaxis] - points).sum(2) / (2 * 2.5**2))
    weights = near.sum(1)
    # What has no neighbors to speak of is a speck.
    kept = weights > 2.5
    return to_unit_box((near @ points / weights[:, np.newaxis])[kept])


def draw_stroke(
    rng: Generator,
    line: Field,
    height: float,
    pen: Pen,
    *,
    tilt: float = 12,
    slant: float = 0.12,
) -> Field:
    """Draw a center line with a pen.

    Returns:
        The coverage of each pixel, 0..1, cropped to the digit, ``height`` pixels high.
    """
    shape = np.array([(1, rng.uniform(-slant, slant)), (0, rng.uniform(0.87, 1.15))])
    points = (
        to_unit_box((line @ shape @ rotation(rng.uniform(-tilt, tilt))).astype(np.float32)) * height
    )
    wave = np.sin(points @ rng.normal(0, 5 / height, 2) + rng.uniform(0, 2 * np.pi))
    radii = (pen.width[0] * height / 2) * (1 + pen.pressure * wave)
    radii = np.maximum(radii, 0.45).astype(np.float32)
    margin = float(radii.max()) + 1
    size = np.ceil(np.ptp(points, axis=0) + 2 * margin).astype(int)
    # Distances are smooth: they are measured on a coarse grid and enlarged.
    step = max(1.0, height / _DISTANCE_ROWS)
    grid = np.ceil(size / step).astype(int)
    ys, xs = (((np.arange(n) + 0.5) * step - margin).astype(np.float32) for n in grid)
    squares = np.square(ys[:, np.newaxis, np.newaxis] - points[:, 0]) + np.square(
        xs[np.newaxis, :, np.newaxis] - points[:, 1]
    )
    distance = (np.sqrt(squares) - radii).min(2)
    fine = resize(distance, (round(grid[0] * step), round(grid[1] * step)))
    if pen.grain:
        # The edge of a dry pen follows the tooth of the paper.
        fine += pen.grain * radii.mean() * 0.25 * clouds(rng, fine.shape, max(1.5, height / 60))
    coverage = soft_edge(fine)
    if pen.grain:
        tooth = blur(rng.standard_normal(fine.shape, np.float32), max(0.6, height / 250))
        missing = np.clip(0.5 + tooth / (2 * tooth.std()), 0, 1)
        coverage *= 1 - np.float32(pen.grain) * missing
    return np.float32(pen.opacity[0]) * coverage


def kerning_room(before: Field, after: Field) -> float:
    """Return how many pixels ``after`` may move left until its ink meets that of ``before``."""
    rows = min(before.shape[0], after.shape[0])
    left, right = before[-rows:] > 0.3, after[-rows:] > 0.3
    both = left.any(1) & right.any(1)
    if not both.any():
        return 0.0
    room = left[both][:, ::-1].argmax(1) + right[both].argmax(1)
    return float(room.min())
