"""Changes to training digits, made anew each round.

All take labelled pictures and a source of chance, and give ``(n, 28, 28) uint8``, 0 background,
255 ink.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mnist_edge import DIGIT_SIDE
from mnist_edge.data.mnist import Digits

_MIDDLE = (DIGIT_SIDE - 1) / 2
_REACH = 2
"""Pixels that ``shifted`` moves a digit each way at most."""
_CHUNK = 500
"""Digits changed at a time, so that what is computed stays in the processor's cache."""

_AS_THEY_ARE = 0.3
"""Share of the digits that ``rewritten`` leaves alone."""
_TURN = 10.0
"""Degrees that it turns a digit by at most."""
_SHEAR = 0.15
"""Pixels aside for each pixel down, at most."""
_SCALE = 0.15
"""Share by which a digit grows or shrinks at most."""
_ASPECT = 0.07
"""Share by which its height changes alone, at most."""
_SHIFT = 2.8
"""Pixels that it is moved each way at most: a tenth of the picture."""
_KNOTS = 6
"""Points each way that an elastic warp moves."""
_WARP = 1.2
"""Pixels that it moves them by, as a standard deviation."""
_PEN = 0.25
"""Share of the digits whose strokes become a pixel thinner, and of those that become thicker."""
_LEFT_OVER = 0.45
"""Share of the ink that must be left where strokes become thinner."""
_BARRED, _HOOKED, _FOOTED = 0.15, 0.15, 0.05
"""Share of the sevens that get a bar, and of the ones that get a hook, or a hook and a foot, as
much of Europe writes them and few of MNIST's writers did."""
_SMUDGED = 0.1
"""Share of the pictures that get a short mark near their edge: a sliver of a rule, of a frame or of
a neighbour is what a photograph has and MNIST has not."""
_RIM = 5.0
"""Pixels from the edge within which it begins."""
_PEN_WIDTH = (1.8, 3.2)
"""Width of an added stroke in pixels."""


def unchanged(digits: Digits, random: np.random.RandomState) -> NDArray[np.uint8]:
    """The digits as they are."""
    return digits.images


def shifted(digits: Digits, random: np.random.RandomState) -> NDArray[np.uint8]:
    """Each digit moved by up to two pixels each way; what comes in is background."""
    images = digits.images
    height, width = images.shape[1:]
    padded = np.pad(images, ((0, 0), (_REACH, _REACH), (_REACH, _REACH)))
    steps = 2 * _REACH + 1
    down, right = random.randint(0, steps, (2, len(images)))
    moved = np.empty_like(images)
    for top in range(steps):
        for left in range(steps):
            chosen = (down == top) & (right == left)
            moved[chosen] = padded[chosen, top : top + height, left : left + width]
    return moved


def rewritten(digits: Digits, random: np.random.RandomState) -> NDArray[np.uint8]:
    """Most digits as another hand and pen might have written them, the others as they are.

    A digit is turned, sheared, scaled, moved and warped, its strokes made thinner or thicker; some
    sevens are barred, some ones hooked. The warp is a smooth field of displacements (P. Simard,
    D. Steinkraus, J. Platt, Best Practices for Convolutional Neural Networks, 2003).
    """
    images = digits.images.copy()
    changed = np.flatnonzero(random.random_sample(len(images)) >= _AS_THEY_ARE)
    for start in range(0, len(changed), _CHUNK):
        chosen = changed[start : start + _CHUNK]
        part = _with_more_strokes(images[chosen], digits.labels[chosen], random)
        images[chosen] = _bent(*_with_another_pen(part, random), random)
    return images


def _with_more_strokes(
    images: NDArray[np.uint8], labels: NDArray[np.uint8], random: np.random.RandomState
) -> NDArray[np.uint8]:
    """Bars through some sevens, hooks and feet on some ones, a mark beside some of all."""
    chance = random.random_sample(len(images))
    barred = np.flatnonzero((labels == 7) & (chance < _BARRED))
    hooked = np.flatnonzero((labels == 1) & (chance < _HOOKED))
    footed = np.flatnonzero((labels == 1) & (chance < _FOOTED))
    smudged = np.flatnonzero(random.random_sample(len(images)) < _SMUDGED)
    more = ((barred, _bars), (hooked, _hooks), (footed, _feet), (smudged, _smudges))
    for which, strokes in more:
        if len(which):
            images[which] = np.maximum(images[which], strokes(images[which], random))
    return images


def _bars(images: NDArray[np.uint8], random: np.random.RandomState) -> NDArray[np.uint8]:
    """A short stroke across the stem of each, at about half its height."""
    count = len(images)
    top, bottom = _extent(images)
    row = top + random.uniform(0.45, 0.65, count) * (bottom - top)
    column = _column_of_ink(images, row)
    half, tilt = random.uniform(3, 6, count), random.uniform(-0.3, 0.3, count)
    start = np.stack((column - half, row + half * tilt), axis=1)
    return _segments(start, np.stack((column + half, row - half * tilt), axis=1), random)


def _hooks(images: NDArray[np.uint8], random: np.random.RandomState) -> NDArray[np.uint8]:
    """A stroke from the top of each, down to the left."""
    count = len(images)
    top, bottom = _extent(images)
    column = _column_of_ink(images, top + 1)
    length = random.uniform(0.2, 0.45, count) * (bottom - top)
    angle = np.deg2rad(random.uniform(30, 65, count))
    start = np.stack((column, top + 1), axis=1)
    off = np.stack((-np.cos(angle), np.sin(angle)), axis=1)
    return _segments(start, start + length[:, np.newaxis] * off, random)


def _feet(images: NDArray[np.uint8], random: np.random.RandomState) -> NDArray[np.uint8]:
    """A level stroke under each."""
    count = len(images)
    _, bottom = _extent(images)
    column = _column_of_ink(images, bottom - 1)
    left, right = random.uniform(2, 6, (2, count))
    start = np.stack((column - left, bottom - 1), axis=1)
    return _segments(start, np.stack((column + right, bottom - 1), axis=1), random)


def _smudges(images: NDArray[np.uint8], random: np.random.RandomState) -> NDArray[np.uint8]:
    """A short stroke that begins near the edge of each."""
    count = len(images)
    start = random.uniform(-0.5, DIGIT_SIDE - 0.5, (count, 2))
    axis, depth = random.randint(0, 2, count), random.uniform(-0.5, _RIM, count)
    far = random.random_sample(count) < 0.5
    start[np.arange(count), axis] = np.where(far, DIGIT_SIDE - 1 - depth, depth)
    angle, length = random.uniform(0, 2 * np.pi, count), random.uniform(0.5, 6, count)
    off = np.stack((np.cos(angle), np.sin(angle)), axis=1)
    return _segments(start, start + length[:, np.newaxis] * off, random)


def _extent(images: NDArray[np.uint8]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """First and last row of ink in each."""
    inked = (images > 127).any(axis=2)
    first, last = inked.argmax(axis=1), DIGIT_SIDE - 1 - inked[:, ::-1].argmax(axis=1)
    return first.astype(np.float64), last.astype(np.float64)


def _column_of_ink(images: NDArray[np.uint8], row: NDArray[np.float64]) -> NDArray[np.float64]:
    """Centre of mass of the ink in one row of each."""
    ink = images[np.arange(len(images)), np.rint(row).astype(int)].astype(np.float64) + 1e-6
    return np.asarray(ink @ np.arange(DIGIT_SIDE) / ink.sum(axis=1))


def _segments(
    start: NDArray[np.float64], end: NDArray[np.float64], random: np.random.RandomState
) -> NDArray[np.uint8]:
    """One anti-aliased stroke a picture, between points given as columns and rows."""
    rows, columns = np.mgrid[:DIGIT_SIDE, :DIGIT_SIDE]
    points = np.stack((columns, rows), axis=-1)
    along = (end - start)[:, np.newaxis, np.newaxis]
    off = points - start[:, np.newaxis, np.newaxis]
    share = (off * along).sum(axis=-1) / np.maximum((along**2).sum(axis=-1), 1e-6)
    nearest = np.clip(share, 0, 1)[..., np.newaxis] * along
    distance = np.sqrt(((off - nearest) ** 2).sum(axis=-1))
    half = random.uniform(*_PEN_WIDTH, (len(start), 1, 1)) / 2
    strokes: NDArray[np.uint8] = np.rint(255 * np.clip(half + 0.5 - distance, 0, 1)).astype(
        np.uint8
    )
    return strokes


def _with_another_pen(
    images: NDArray[np.uint8], random: np.random.RandomState
) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Strokes half a pixel thinner or thicker at each side, and how far that moved the digits.

    Returns:
        ``(n, 29, 29)``, and by how many pixels each digit lies to the right of and below where it
        was: the least and the greatest of four neighbouring pixels belong halfway between them.
    """
    around = np.pad(images, ((0, 0), (1, 1), (1, 1)))
    quarters = [around[:, y : y + 29, x : x + 29] for y in (0, 1) for x in (0, 1)]
    thinner = np.minimum(*(np.minimum(*pair) for pair in (quarters[:2], quarters[2:])))
    thicker = np.maximum(*(np.maximum(*pair) for pair in (quarters[:2], quarters[2:])))
    chance = random.random_sample((len(images), 1, 1))
    # The thinnest strokes would be rubbed out.
    left, whole = (ink.sum(axis=(1, 2), keepdims=True) for ink in (thinner, images))
    thin = (chance < _PEN) & (left > _LEFT_OVER * whole)
    thick = chance >= 1 - _PEN
    pictures = np.where(thin, thinner, np.where(thick, thicker, around[:, 1:, 1:]))
    return pictures, 0.5 * (thin | thick).astype(np.float32)


def _bent(
    images: NDArray[np.uint8], offset: NDArray[np.float32], random: np.random.RandomState
) -> NDArray[np.uint8]:
    """Affine map and elastic warp in one, sampled bilinearly.

    Args:
        images: ``(n, 29, 29)``.
        offset: ``(n, 1, 1)``, pixels that they lie to the right and below of where they should.
        random: where chance comes from.
    """
    count = len(images)
    # Beyond the margin of one pixel lies background.
    x, y = (np.clip(axis + offset, -1, 29) + 1 for axis in _places(count, random))
    width = 32
    padded = np.zeros((count, width, width), np.float32)
    padded[:, 1:30, 1:30] = images
    left, top = np.floor(x), np.floor(y)
    right_share, low_share = x - left, y - top
    start = np.arange(count, dtype=np.int32)[:, np.newaxis, np.newaxis] * width**2
    first = start + (top * width + left).astype(np.int32)
    flat = padded.ravel()
    upper = flat.take(first) * (1 - right_share) + flat.take(first + 1) * right_share
    below = first + width
    lower = flat.take(below) * (1 - right_share) + flat.take(below + 1) * right_share
    bent: NDArray[np.uint8] = (upper + (lower - upper) * low_share + 0.5).astype(np.uint8)
    return bent


def _places(
    count: int, random: np.random.RandomState
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """``(count, 28, 28)`` each: column and row of the original that each pixel is taken from."""

    def uniform(reach: float) -> NDArray[np.float32]:
        return random.uniform(-reach, reach, (count, 1, 1)).astype(np.float32)

    turn, shear = np.deg2rad(uniform(_TURN)), uniform(_SHEAR)
    across = 1 / (1 + uniform(_SCALE))
    down = across / (1 + uniform(_ASPECT))
    cosine, sine = np.cos(turn), np.sin(turn)
    grid = np.arange(DIGIT_SIDE, dtype=np.float32) - _MIDDLE
    columns, rows = across * grid, down * grid[:, np.newaxis]
    x = cosine * columns + (cosine * shear - sine) * rows + _MIDDLE + uniform(_SHIFT)
    y = sine * columns + (sine * shear + cosine) * rows + _MIDDLE + uniform(_SHIFT)
    knots = random.normal(0, _WARP, (2, count, _KNOTS, _KNOTS)).astype(np.float32)
    warp = np.matmul(np.matmul(_SPREAD, knots), _SPREAD.T)
    return x + warp[0], y + warp[1]


def _spread() -> NDArray[np.float32]:
    """``(28, 6)``, how much each pixel follows each knot: Gaussian weights that sum to 1."""
    spacing = (DIGIT_SIDE - 1) / (_KNOTS - 1)
    off = np.arange(DIGIT_SIDE)[:, np.newaxis] - np.linspace(0, DIGIT_SIDE - 1, _KNOTS)
    weights = np.exp(-0.5 * (off / (0.6 * spacing)) ** 2)
    return np.asarray(weights / weights.sum(axis=1, keepdims=True), np.float32)


_SPREAD = _spread()
