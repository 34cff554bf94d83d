"""The augmentation in ``keras.ops``, for training pictures that stay on an accelerator.

Each function has the distribution of the one in ``augmentation`` that it stands for. It draws
nothing itself: noise comes in as arrays, so that a compiled program may draw it where it runs, and
the same noise gives the same pictures.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from mnist_edge import DIGIT_SIDE
from mnist_edge.training import augmentation
from mnist_edge.training.augmentation import Distortion
from mnist_edge.training.frameworks import import_keras

UNIFORMS = 28
"""Values per picture that the noise has of the uniform distribution over 0..1."""
NORMALS = 2 * augmentation.KNOTS**2
"""Values per picture that it has of the standard normal distribution."""

_CENTER = (DIGIT_SIDE - 1) / 2
_WIDTH = 32
"""Side of the padded pictures that are resampled."""

AugmentTensors = Callable[[Any, Any, Any, Any], Any]
"""Pictures ``(n, 28, 28) float32`` of whole numbers 0..255, labels ``(n,) int32``, and noise,
``(n, UNIFORMS)`` and ``(n, NORMALS)``, to pictures like the first."""


class _Uniforms:
    """Hands out the columns of uniform noise one after the other, each scaled to a range."""

    def __init__(self, noise: Any) -> None:
        self._noise = noise
        self._next = 0

    def __call__(self, low: float, high: float) -> Any:
        """Return ``(n,)`` values of a uniform distribution over a range."""
        column = self._noise[:, self._next]
        self._next += 1
        return low + (high - low) * column


def _unchanged(images: Any, labels: Any, uniforms: Any, normals: Any) -> Any:
    return images


def _shifted(images: Any, labels: Any, uniforms: Any, normals: Any) -> Any:
    ops = import_keras().ops
    limit = augmentation.MAX_SHIFT
    uniform = _Uniforms(uniforms)
    padded = ops.pad(images, ((0, 0), (limit, limit), (limit, limit)))
    for axis in (1, 2):
        first = ops.floor(uniform(0, 2 * limit + 1))
        index = ops.cast(first[:, None] + np.arange(DIGIT_SIDE, dtype=np.float32), "int32")
        index = index[:, :, None] if axis == 1 else index[:, None, :]
        padded = ops.take_along_axis(padded, index, axis=axis)
    return padded


def _distorted(images: Any, labels: Any, uniforms: Any, normals: Any, *, limits: Distortion) -> Any:
    ops = import_keras().ops
    uniform = _Uniforms(uniforms)
    keep = uniform(0, 1) < limits.unchanged
    changed = _add_strokes(images, labels, uniform, limits)
    changed = _warp(*_change_pen_width(changed, uniform, limits), uniform, normals, limits)
    return ops.where(_each(keep), images, changed)


def _add_strokes(images: Any, labels: Any, uniform: _Uniforms, limits: Distortion) -> Any:
    ops = import_keras().ops
    chance, smudge = uniform(0, 1), uniform(0, 1)
    for chosen, strokes in (
        ((labels == 7) & (chance < limits.barred), _bars),
        ((labels == 1) & (chance < limits.hooked), _hooks),
        ((labels == 1) & (chance < limits.footed), _feet),
        (smudge < limits.smudged, _smudges),
    ):
        drawn = ops.maximum(images, strokes(images, uniform))
        images = ops.where(_each(chosen), drawn, images)
    return images


def _bars(images: Any, uniform: _Uniforms) -> Any:
    top, bottom = _extent(images)
    row = top + uniform(0.45, 0.65) * (bottom - top)
    column = _column_of_ink(images, row)
    half, tilt = uniform(3, 6), uniform(-0.3, 0.3)
    start, end = (column - half, row + half * tilt), (column + half, row - half * tilt)
    return _segments(start, end, uniform)


def _hooks(images: Any, uniform: _Uniforms) -> Any:
    ops = import_keras().ops
    top, bottom = _extent(images)
    column = _column_of_ink(images, top + 1)
    length = uniform(0.2, 0.45) * (bottom - top)
    angle = uniform(np.deg2rad(30), np.deg2rad(65))
    end = (column - length * ops.cos(angle), top + 1 + length * ops.sin(angle))
    return _segments((column, top + 1), end, uniform)


def _feet(images: Any, uniform: _Uniforms) -> Any:
    _, bottom = _extent(images)
    column = _column_of_ink(images, bottom - 1)
    left, right = uniform(2, 6), uniform(2, 6)
    return _segments((column - left, bottom - 1), (column + right, bottom - 1), uniform)


def _smudges(images: Any, uniform: _Uniforms) -> Any:
    ops = import_keras().ops
    x, y = uniform(-0.5, DIGIT_SIDE - 0.5), uniform(-0.5, DIGIT_SIDE - 0.5)
    horizontal, depth = uniform(0, 1) < 0.5, uniform(-0.5, augmentation.RIM)
    near = ops.where(uniform(0, 1) < 0.5, DIGIT_SIDE - 1 - depth, depth)
    x, y = ops.where(horizontal, near, x), ops.where(horizontal, y, near)
    angle, length = uniform(0, 2 * np.pi), uniform(0.5, 6)
    return _segments((x, y), (x + length * ops.cos(angle), y + length * ops.sin(angle)), uniform)


def _extent(images: Any) -> tuple[Any, Any]:
    """Find the first and the last row with ink in each picture."""
    ops = import_keras().ops
    inked = ops.cast(ops.max(images, axis=2) > 127, "int32")
    first, last = ops.argmax(inked, axis=1), ops.argmax(ops.flip(inked, axis=1), axis=1)
    return ops.cast(first, "float32"), DIGIT_SIDE - 1 - ops.cast(last, "float32")


def _column_of_ink(images: Any, row: Any) -> Any:
    """Find the center of mass of the ink in one row of each picture."""
    ops = import_keras().ops
    index = ops.clip(ops.cast(ops.round(row), "int32"), 0, DIGIT_SIDE - 1)
    ink = ops.take_along_axis(images, index[:, None, None], axis=1)[:, 0] + 1e-6
    return ops.sum(ink * _grid(), axis=1) / ops.sum(ink, axis=1)


def _segments(start: tuple[Any, Any], end: tuple[Any, Any], uniform: _Uniforms) -> Any:
    """Draw one anti-aliased stroke per picture between two points, each (x, y) of ``(n,)``."""
    ops = import_keras().ops
    (x, y), (along_x, along_y) = start, (end[0] - start[0], end[1] - start[1])
    off_x = _grid()[None, None, :] - _each(x)
    off_y = _grid()[None, :, None] - _each(y)
    squared = _each(ops.maximum(along_x**2 + along_y**2, 1e-6))
    along_x, along_y = _each(along_x), _each(along_y)
    fraction = ops.clip((off_x * along_x + off_y * along_y) / squared, 0, 1)
    distance = ops.sqrt((off_x - fraction * along_x) ** 2 + (off_y - fraction * along_y) ** 2)
    half = _each(uniform(*augmentation.PEN_WIDTH)) / 2
    return ops.round(255 * ops.clip(half + 0.5 - distance, 0, 1))


def _change_pen_width(images: Any, uniform: _Uniforms, limits: Distortion) -> tuple[Any, Any]:
    """Return the pictures, ``(n, 29, 29)``, and the offset of each digit, ``(n, 1, 1)`` pixels."""
    ops = import_keras().ops
    around = ops.pad(images, ((0, 0), (1, 1), (1, 1)))
    quarters = [around[:, y : y + 29, x : x + 29] for y in (0, 1) for x in (0, 1)]
    thinner = ops.minimum(*(ops.minimum(*pair) for pair in (quarters[:2], quarters[2:])))
    thicker = ops.maximum(*(ops.maximum(*pair) for pair in (quarters[:2], quarters[2:])))
    chance = uniform(0, 1)
    # The thinnest strokes would be erased.
    enough = ops.sum(thinner, axis=(1, 2)) > augmentation.MIN_INK * ops.sum(images, axis=(1, 2))
    thin, thick = (chance < limits.pen) & enough, chance >= 1 - limits.pen
    pictures = ops.where(_each(thin), thinner, ops.where(_each(thick), thicker, around[:, 1:, 1:]))
    return pictures, 0.5 * ops.cast(_each(thin | thick), "float32")


def _warp(images: Any, offset: Any, uniform: _Uniforms, normals: Any, limits: Distortion) -> Any:
    """Apply the affine map and the elastic warp to ``(n, 29, 29)`` in one bilinear resampling."""
    ops = import_keras().ops
    # Beyond the margin of one pixel is background.
    x, y = (
        ops.clip(axis + offset, -1, 29) + 1 for axis in _sampling_grid(uniform, normals, limits)
    )
    pixels = ops.pad(images, ((0, 0), (1, _WIDTH - 30), (1, _WIDTH - 30)))
    pixels = ops.reshape(pixels, (-1, _WIDTH**2))
    left, top = ops.floor(x), ops.floor(y)
    right_weight, lower_weight = x - left, y - top
    first = ops.reshape(ops.cast(top * _WIDTH + left, "int32"), (-1, DIGIT_SIDE**2))

    def neighbor(distance: int) -> Any:
        found = ops.take_along_axis(pixels, first + distance, axis=1)
        return ops.reshape(found, (-1, DIGIT_SIDE, DIGIT_SIDE))

    upper = neighbor(0) * (1 - right_weight) + neighbor(1) * right_weight
    lower = neighbor(_WIDTH) * (1 - right_weight) + neighbor(_WIDTH + 1) * right_weight
    return ops.floor(upper + (lower - upper) * lower_weight + 0.5)


def _sampling_grid(uniform: _Uniforms, normals: Any, limits: Distortion) -> tuple[Any, Any]:
    """Compute the source column and row of each pixel, ``(n, 28, 28)`` each."""
    ops = import_keras().ops

    def within(limit: float) -> Any:
        return _each(uniform(-limit, limit))

    angle, shear = within(float(np.deg2rad(limits.rotation))), within(limits.shear)
    across = 1 / (1 + within(limits.scale))
    down = across / (1 + within(limits.aspect))
    cosine, sine = ops.cos(angle), ops.sin(angle)
    grid = _grid() - np.float32(_CENTER)
    columns, rows = across * grid, down * grid[:, None]
    x = cosine * columns + (cosine * shear - sine) * rows + _CENTER + within(limits.translation)
    y = sine * columns + (sine * shear + cosine) * rows + _CENTER + within(limits.translation)
    knots = limits.warp * ops.reshape(normals, (-1, 2, augmentation.KNOTS, augmentation.KNOTS))
    follow = augmentation.INTERPOLATION
    warp = ops.matmul(ops.matmul(follow, knots), follow.T)
    return x + warp[:, 0], y + warp[:, 1]


def _each(values: Any) -> Any:
    """Reshape a value per picture, ``(n,)``, to ``(n, 1, 1)``."""
    return values[:, None, None]


def _grid() -> Any:
    return np.arange(DIGIT_SIDE, dtype=np.float32)


OPS: dict[augmentation.Augment, AugmentTensors] = {
    augmentation.unchanged: _unchanged,
    augmentation.shifted: _shifted,
    augmentation.distorted: partial(_distorted, limits=augmentation.DEFAULT),
    augmentation.distorted_lightly: partial(_distorted, limits=augmentation.LIGHT),
    augmentation.distorted_heavily: partial(_distorted, limits=augmentation.HEAVY),
}
"""The counterpart of each function of ``augmentation``."""
