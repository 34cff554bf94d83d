"""Augmentation of the training digits, applied anew in each round.

Every function takes labelled pictures and a random generator and returns ``(n, 28, 28) uint8``,
0 background, 255 ink.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mnist_edge import DIGIT_SIDE
from mnist_edge.data.mnist import Digits

Augment = Callable[[Digits, np.random.RandomState], NDArray[np.uint8]]
"""What every augmentation is."""

_CENTER = (DIGIT_SIDE - 1) / 2
MAX_SHIFT = 2
"""Maximum shift of ``shifted`` in each direction, in pixels."""
_CHUNK_SIZE = 500
"""Digits transformed at a time, so that the intermediate arrays fit in the processor's cache."""


@dataclass(frozen=True, kw_only=True)
class Distortion:
    """How far digits are distorted; the defaults are those of ``distorted``."""

    unchanged: float = 0.3
    """Fraction of the digits that are left unchanged."""
    rotation: float = 10.0
    """Maximum rotation in degrees."""
    shear: float = 0.15
    """Maximum horizontal shear, in pixels per row."""
    scale: float = 0.15
    """Maximum relative change of size."""
    aspect: float = 0.07
    """Maximum relative change of height alone."""
    translation: float = 2.8
    """Maximum translation in each direction, in pixels: a tenth of the picture by default."""
    warp: float = 1.2
    """Standard deviation of a control point's displacement in the elastic warp, in pixels."""
    pen: float = 0.25
    """Fraction of the digits whose strokes become a pixel thinner, and of those that become
    thicker."""
    barred: float = 0.15
    """Fraction of the sevens that get a bar, as much of Europe writes them and few of MNIST's
    writers did."""
    hooked: float = 0.15
    """Fraction of the ones that get a hook."""
    footed: float = 0.05
    """Fraction of the ones that get a hook and a foot."""
    smudged: float = 0.1
    """Fraction of the pictures that get a short mark near their edge: photographs show a sliver of
    a ruled line, a border or a neighboring digit there, MNIST does not."""


DEFAULT = Distortion()
"""The distortion of ``distorted``."""
LIGHT = Distortion(rotation=6.0, shear=0.09, scale=0.09, aspect=0.04, translation=1.7, warp=0.7)
"""About 60 % of the default: nearer to MNIST's own digits."""
HEAVY = Distortion(
    unchanged=0.15, rotation=14.0, shear=0.22, scale=0.21, aspect=0.1, translation=3.6, warp=1.6
)
"""About 140 % of the default, and of more digits."""

KNOTS = 6
"""Control points of the elastic warp along each axis."""
MIN_INK = 0.45
"""Minimum fraction of the ink that must remain where strokes become thinner."""
RIM = 5.0
"""Maximum distance of the start of a mark from the edge, in pixels."""
PEN_WIDTH = (1.8, 3.2)
"""Width of an added stroke, in pixels."""


def unchanged(digits: Digits, random: np.random.RandomState) -> NDArray[np.uint8]:
    """Return the digits unchanged."""
    return digits.images


def shifted(digits: Digits, random: np.random.RandomState) -> NDArray[np.uint8]:
    """Shift each digit by up to two pixels along each axis, filling with background."""
    images = digits.images
    height, width = images.shape[1:]
    padded = np.pad(images, ((0, 0), (MAX_SHIFT, MAX_SHIFT), (MAX_SHIFT, MAX_SHIFT)))
    steps = 2 * MAX_SHIFT + 1
    down, right = random.randint(0, steps, (2, len(images)))
    moved = np.empty_like(images)
    for top in range(steps):
        for left in range(steps):
            chosen = (down == top) & (right == left)
            moved[chosen] = padded[chosen, top : top + height, left : left + width]
    return moved


def distorted(digits: Digits, random: np.random.RandomState) -> NDArray[np.uint8]:
    """Distort most digits as another hand and pen might have written them.

    A digit is rotated, sheared, scaled, translated and warped, and its strokes become thinner or
    thicker; some sevens get a bar, some ones a hook. The elastic warp is a smooth displacement
    field (P. Simard, D. Steinkraus, J. Platt, Best Practices for Convolutional Neural Networks,
    2003).
    """
    return _distort(digits, random, DEFAULT)


def distorted_lightly(digits: Digits, random: np.random.RandomState) -> NDArray[np.uint8]:
    """Distort digits as ``distorted`` does, by ``LIGHT``."""
    return _distort(digits, random, LIGHT)


def distorted_heavily(digits: Digits, random: np.random.RandomState) -> NDArray[np.uint8]:
    """Distort digits as ``distorted`` does, by ``HEAVY``."""
    return _distort(digits, random, HEAVY)


def _distort(
    digits: Digits, random: np.random.RandomState, limits: Distortion
) -> NDArray[np.uint8]:
    images = digits.images.copy()
    changed = np.flatnonzero(random.random_sample(len(images)) >= limits.unchanged)
    for start in range(0, len(changed), _CHUNK_SIZE):
        chosen = changed[start : start + _CHUNK_SIZE]
        part = _add_strokes(images[chosen], digits.labels[chosen], random, limits)
        images[chosen] = _warp(*_change_pen_width(part, random, limits), random, limits)
    return images


def _add_strokes(
    images: NDArray[np.uint8],
    labels: NDArray[np.uint8],
    random: np.random.RandomState,
    limits: Distortion,
) -> NDArray[np.uint8]:
    """Add bars to some sevens, hooks and feet to some ones, and marks to some pictures."""
    chance = random.random_sample(len(images))
    barred = np.flatnonzero((labels == 7) & (chance < limits.barred))
    hooked = np.flatnonzero((labels == 1) & (chance < limits.hooked))
    footed = np.flatnonzero((labels == 1) & (chance < limits.footed))
    smudged = np.flatnonzero(random.random_sample(len(images)) < limits.smudged)
    additions = ((barred, _bars), (hooked, _hooks), (footed, _feet), (smudged, _smudges))
    for chosen, strokes in additions:
        if len(chosen):
            images[chosen] = np.maximum(images[chosen], strokes(images[chosen], random))
    return images


def _bars(images: NDArray[np.uint8], random: np.random.RandomState) -> NDArray[np.uint8]:
    """Draw a short stroke across each stem, at about half its height."""
    count = len(images)
    top, bottom = _extent(images)
    row = top + random.uniform(0.45, 0.65, count) * (bottom - top)
    column = _column_of_ink(images, row)
    half, tilt = random.uniform(3, 6, count), random.uniform(-0.3, 0.3, count)
    start = np.stack((column - half, row + half * tilt), axis=1)
    return _segments(start, np.stack((column + half, row - half * tilt), axis=1), random)


def _hooks(images: NDArray[np.uint8], random: np.random.RandomState) -> NDArray[np.uint8]:
    """Draw a stroke from the top of each digit, down to the left."""
    count = len(images)
    top, bottom = _extent(images)
    column = _column_of_ink(images, top + 1)
    length = random.uniform(0.2, 0.45, count) * (bottom - top)
    angle = np.deg2rad(random.uniform(30, 65, count))
    start = np.stack((column, top + 1), axis=1)
    off = np.stack((-np.cos(angle), np.sin(angle)), axis=1)
    return _segments(start, start + length[:, np.newaxis] * off, random)


def _feet(images: NDArray[np.uint8], random: np.random.RandomState) -> NDArray[np.uint8]:
    """Draw a horizontal stroke under each digit."""
    count = len(images)
    _, bottom = _extent(images)
    column = _column_of_ink(images, bottom - 1)
    left, right = random.uniform(2, 6, (2, count))
    start = np.stack((column - left, bottom - 1), axis=1)
    return _segments(start, np.stack((column + right, bottom - 1), axis=1), random)


def _smudges(images: NDArray[np.uint8], random: np.random.RandomState) -> NDArray[np.uint8]:
    """Draw a short stroke that begins near the edge of each picture."""
    count = len(images)
    start = random.uniform(-0.5, DIGIT_SIDE - 0.5, (count, 2))
    axis, depth = random.randint(0, 2, count), random.uniform(-0.5, RIM, count)
    far = random.random_sample(count) < 0.5
    start[np.arange(count), axis] = np.where(far, DIGIT_SIDE - 1 - depth, depth)
    angle, length = random.uniform(0, 2 * np.pi, count), random.uniform(0.5, 6, count)
    off = np.stack((np.cos(angle), np.sin(angle)), axis=1)
    return _segments(start, start + length[:, np.newaxis] * off, random)


def _extent(images: NDArray[np.uint8]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Find the first and the last row with ink in each picture."""
    inked = (images > 127).any(axis=2)
    first, last = inked.argmax(axis=1), DIGIT_SIDE - 1 - inked[:, ::-1].argmax(axis=1)
    return first.astype(np.float64), last.astype(np.float64)


def _column_of_ink(images: NDArray[np.uint8], row: NDArray[np.float64]) -> NDArray[np.float64]:
    """Find the center of mass of the ink in one row of each picture."""
    ink = images[np.arange(len(images)), np.rint(row).astype(int)].astype(np.float64) + 1e-6
    return np.asarray(ink @ np.arange(DIGIT_SIDE) / ink.sum(axis=1))


def _segments(
    start: NDArray[np.float64], end: NDArray[np.float64], random: np.random.RandomState
) -> NDArray[np.uint8]:
    """Draw one anti-aliased stroke per picture between two points, each ``(n, 2)`` as (x, y)."""
    rows, columns = np.mgrid[:DIGIT_SIDE, :DIGIT_SIDE]
    points = np.stack((columns, rows), axis=-1)
    along = (end - start)[:, np.newaxis, np.newaxis]
    off = points - start[:, np.newaxis, np.newaxis]
    fraction = (off * along).sum(axis=-1) / np.maximum((along**2).sum(axis=-1), 1e-6)
    nearest = np.clip(fraction, 0, 1)[..., np.newaxis] * along
    distance = np.sqrt(((off - nearest) ** 2).sum(axis=-1))
    half = random.uniform(*PEN_WIDTH, (len(start), 1, 1)) / 2
    strokes: NDArray[np.uint8] = np.rint(255 * np.clip(half + 0.5 - distance, 0, 1)).astype(
        np.uint8
    )
    return strokes


def _change_pen_width(
    images: NDArray[np.uint8], random: np.random.RandomState, limits: Distortion
) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Make some strokes thinner or thicker by half a pixel on each side.

    Returns:
        The pictures, ``(n, 29, 29)``, and the offset of each digit to the right and down, in
        pixels: the minimum or maximum of four neighboring pixels lies halfway between them.
    """
    around = np.pad(images, ((0, 0), (1, 1), (1, 1)))
    quarters = [around[:, y : y + 29, x : x + 29] for y in (0, 1) for x in (0, 1)]
    thinner = np.minimum(*(np.minimum(*pair) for pair in (quarters[:2], quarters[2:])))
    thicker = np.maximum(*(np.maximum(*pair) for pair in (quarters[:2], quarters[2:])))
    chance = random.random_sample((len(images), 1, 1))
    # The thinnest strokes would be erased.
    remaining, whole = (ink.sum(axis=(1, 2), keepdims=True) for ink in (thinner, images))
    thin = (chance < limits.pen) & (remaining > MIN_INK * whole)
    thick = chance >= 1 - limits.pen
    pictures = np.where(thin, thinner, np.where(thick, thicker, around[:, 1:, 1:]))
    return pictures, 0.5 * (thin | thick).astype(np.float32)


def _warp(
    images: NDArray[np.uint8],
    offset: NDArray[np.float32],
    random: np.random.RandomState,
    limits: Distortion,
) -> NDArray[np.uint8]:
    """Apply the affine map and the elastic warp in one bilinear resampling.

    Args:
        images: ``(n, 29, 29)``.
        offset: ``(n, 1, 1)``, pixels by which the digits lie too far to the right and down.
        random: the random generator.
        limits: how far.
    """
    count = len(images)
    # Beyond the margin of one pixel is background.
    x, y = (np.clip(axis + offset, -1, 29) + 1 for axis in _sampling_grid(count, random, limits))
    width = 32
    padded = np.zeros((count, width, width), np.float32)
    padded[:, 1:30, 1:30] = images
    left, top = np.floor(x), np.floor(y)
    right_weight, lower_weight = x - left, y - top
    start = np.arange(count, dtype=np.int32)[:, np.newaxis, np.newaxis] * width**2
    first = start + (top * width + left).astype(np.int32)
    flat = padded.ravel()
    upper = flat.take(first) * (1 - right_weight) + flat.take(first + 1) * right_weight
    below = first + width
    lower = flat.take(below) * (1 - right_weight) + flat.take(below + 1) * right_weight
    warped: NDArray[np.uint8] = (upper + (lower - upper) * lower_weight + 0.5).astype(np.uint8)
    return warped


def _sampling_grid(
    count: int, random: np.random.RandomState, limits: Distortion
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Compute the source column and row of each pixel, ``(count, 28, 28)`` each."""

    def uniform(limit: float) -> NDArray[np.float32]:
        return random.uniform(-limit, limit, (count, 1, 1)).astype(np.float32)

    angle, shear = np.deg2rad(uniform(limits.rotation)), uniform(limits.shear)
    across = 1 / (1 + uniform(limits.scale))
    down = across / (1 + uniform(limits.aspect))
    cosine, sine = np.cos(angle), np.sin(angle)
    grid = np.arange(DIGIT_SIDE, dtype=np.float32) - _CENTER
    columns, rows = across * grid, down * grid[:, np.newaxis]
    x = cosine * columns + (cosine * shear - sine) * rows + _CENTER + uniform(limits.translation)
    y = sine * columns + (sine * shear + cosine) * rows + _CENTER + uniform(limits.translation)
    knots = random.normal(0, limits.warp, (2, count, KNOTS, KNOTS)).astype(np.float32)
    warp = np.matmul(np.matmul(INTERPOLATION, knots), INTERPOLATION.T)
    return x + warp[0], y + warp[1]


def _interpolation_weights() -> NDArray[np.float32]:
    """Compute how much each pixel follows each control point, ``(28, 6)``: Gaussian, sum 1."""
    spacing = (DIGIT_SIDE - 1) / (KNOTS - 1)
    off = np.arange(DIGIT_SIDE)[:, np.newaxis] - np.linspace(0, DIGIT_SIDE - 1, KNOTS)
    weights = np.exp(-0.5 * (off / (0.6 * spacing)) ** 2)
    return np.asarray(weights / weights.sum(axis=1, keepdims=True), np.float32)


INTERPOLATION = _interpolation_weights()
