"""Generate outliers: pictures that show no digit, so that a network learns not to answer them.

A network that has only ever seen digits reads one in anything. Trained on other pictures as well,
with a uniform target (D. Hendrycks, M. Mazeika, T. Dietterich, "Deep Anomaly Detection with Outlier
Exposure", 2019), it is also unsure of kinds of pictures that it has never seen.

Nothing here can be read as a digit: letters, symbols and drawings that might be are left out, and
whatever resembles a digit too closely by chance is drawn again.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Collection
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mnist_edge import CLASSES, DIGIT_SIDE
from mnist_edge.data.mnist import Digits
from mnist_edge.errors import InvalidValue, UnknownName
from mnist_edge.preprocessing.mnist_format import INK_THRESHOLD, to_mnist_format
from mnist_edge.training.outliers import composites, glyphs, icons, sketches, textures
from mnist_edge.training.outliers.primitives import Ink, Random

_NORMALIZED = 0.6
"""Fraction of the drawings in MNIST's format, as preprocessing passes them to a network; the others
stand for arrays of 28x28 pixels that a caller passes directly."""
_INVERTED = 0.2
"""Fraction of those others that are black on white."""
_FAINT = 0.3
"""Fraction of those others whose ink is less than full."""
_REFERENCE_DIGITS = 3_000
"""Digits that a drawing is compared with."""
_MIN_SIMILARITY = 0.75
"""Cosine similarity with a digit at which a drawing might be one: between a validation digit and
the nearest of as many training digits it is 0.75 at the first percentile and 0.90 at the median."""
_MIN_INK = 20
"""Minimum number of pixels with ink in MNIST's format; less is a dot or a scratch."""


@dataclass(frozen=True, kw_only=True)
class OutlierKind:
    """One kind of outlier."""

    draw: Callable[[Random, Digits], Ink]
    """Draws the ink of one, 0..1: of any size, or ``(28, 28)`` if it is a frame."""
    is_frame: bool = False
    """Whether it fills a whole frame; otherwise it is a drawing to be placed in one."""
    may_be_a_digit: bool = False
    """Whether it may resemble a digit by chance, and must be compared with digits."""


def draw_outliers(
    count: int, *, digits: Digits, seed: int, kinds: Collection[str] | None = None
) -> NDArray[np.uint8]:
    """Draw outliers, reproducibly from the seed.

    Args:
        count: number of pictures.
        digits: the material of some kinds; no outlier may resemble one.
        seed: at least 0. The pictures of a kind depend only on the seed and the digits, not on
            what other kinds are drawn.
        kinds: names in ``KINDS`` (default: all).

    Returns:
        ``(count, 28, 28) uint8``, 0 background, 255 ink. The kinds take turns: picture ``i`` is
        of kind ``i % len(kinds)``.

    Raises:
        UnknownName: there is no such kind.
        InvalidValue: ``count`` or ``seed`` is below 0, there are no kinds, or one of the ten
            digits is missing.
        MissingDependency: matplotlib, whose typefaces the letters use, is not installed.
    """
    names = list(KINDS if kinds is None else kinds)
    for name in names:
        if name not in KINDS:
            raise UnknownName("kind of outlier", name, KINDS)
    for what, value, minimum in (
        ("count", count, 0),
        ("seed", seed, 0),
        ("number of kinds", len(names), 1),
        ("number of different digits", len(np.unique(digits.labels)), CLASSES),
    ):
        if value < minimum:
            raise InvalidValue(f"{what} {value} must be at least {minimum}")
    references = _unit_vectors(digits.images[:_REFERENCE_DIGITS])
    pictures = np.empty((count, DIGIT_SIDE, DIGIT_SIDE), np.uint8)
    for offset, name in enumerate(names):
        random = np.random.default_rng([seed, zlib.crc32(name.encode())])
        for index in range(offset, count, len(names)):
            pictures[index] = _draw_outlier(KINDS[name], random, digits, references)
    return pictures


def _draw_outlier(
    kind: OutlierKind, random: Random, digits: Digits, references: Ink
) -> NDArray[np.uint8]:
    if kind.is_frame:
        return _pixels(kind.draw(random, digits))
    while True:
        ink = kind.draw(random, digits)
        if not (ink > INK_THRESHOLD).any():
            continue
        normalized = to_mnist_format(ink)
        if (normalized > 0).sum() < _MIN_INK:
            continue
        if kind.may_be_a_digit:
            similarities = references @ _unit_vectors(normalized[None])[0]
            if similarities.max() >= _MIN_SIMILARITY:
                continue
        return normalized if random.random() < _NORMALIZED else _placed_in_frame(ink, random)


def _placed_in_frame(ink: Ink, random: Random) -> NDArray[np.uint8]:
    """Place a drawing anywhere in a frame, with a third of its side to all of it, even by area."""
    rows = np.flatnonzero((ink > INK_THRESHOLD).any(1))
    columns = np.flatnonzero((ink > INK_THRESHOLD).any(0))
    ink = ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    longest = int(DIGIT_SIDE * random.uniform(1 / 9, 1) ** 0.5)
    scale = longest / max(ink.shape)
    height, width = (max(2, round(length * scale)) for length in ink.shape)
    small = Image.fromarray(ink).resize((width, height), Image.Resampling.BICUBIC)
    top, left = (
        random.integers(0, DIGIT_SIDE - height + 1),
        random.integers(0, DIGIT_SIDE - width + 1),
    )
    frame = np.zeros((DIGIT_SIDE, DIGIT_SIDE), np.float32)
    frame[top : top + height, left : left + width] = small
    if random.random() < _FAINT:
        frame *= np.float32(random.uniform(0.3, 1))
    if random.random() < _INVERTED:
        frame = 1 - frame
    return _pixels(frame)


def _pixels(ink: Ink) -> NDArray[np.uint8]:
    pixels: NDArray[np.uint8] = np.rint(np.clip(ink, 0, 1) * 255).astype(np.uint8)
    return pixels


def _unit_vectors(pictures: NDArray[np.uint8]) -> Ink:
    """Convert pictures to unit vectors, ``(n, 196)``: downsampled, so that offsets count less."""
    half = DIGIT_SIDE // 2
    cells = pictures.reshape(len(pictures), half, 2, half, 2).sum((2, 4), np.float32)
    vectors = cells.reshape(len(pictures), -1)
    unit: Ink = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1)
    return unit


def _drawing(draw: Callable[[Random], Ink], *, may_be_a_digit: bool = False) -> OutlierKind:
    return OutlierKind(draw=lambda random, digits: draw(random), may_be_a_digit=may_be_a_digit)


def _frame(draw: Callable[[Random], Ink]) -> OutlierKind:
    return OutlierKind(draw=lambda random, digits: draw(random), is_frame=True)


KINDS: dict[str, OutlierKind] = {
    "printed letters": _drawing(glyphs.letter),
    "printed words": _drawing(glyphs.word),
    "printed symbols": _drawing(glyphs.symbol),
    "written letters": _drawing(sketches.written_letter),
    "shapes": _drawing(sketches.shape),
    "arrows": _drawing(sketches.arrow),
    "ticks": _drawing(sketches.tick),
    "scribbles": _drawing(sketches.scribble, may_be_a_digit=True),
    "grids": _drawing(sketches.grid),
    "icons": _drawing(icons.icon),
    "clothes": _drawing(sketches.garment),
    "blobs": _drawing(textures.blob, may_be_a_digit=True),
    "two digits": OutlierKind(draw=composites.two_digits),
    "three digits": OutlierKind(draw=composites.three_digits),
    "crowded digits": OutlierKind(draw=composites.crowded, may_be_a_digit=True),
    "fragments": OutlierKind(draw=composites.fragment, may_be_a_digit=True),
    "turned digits": OutlierKind(draw=composites.quarter_turned, may_be_a_digit=True),
    "close-ups": OutlierKind(draw=composites.close_up, is_frame=True),
    "noise": _frame(textures.noise),
    "clouds": _frame(textures.clouds),
    "plain": _frame(textures.plain),
    "stripes": _frame(textures.stripes),
    "scenes": _frame(textures.scene),
    "dust": _frame(textures.dust),
    "printed look-alikes": _drawing(glyphs.lookalike),
    "written look-alikes": _drawing(sketches.written_lookalike),
    "doubtful letters": _drawing(sketches.doubtful_letter, may_be_a_digit=True),
    "other scripts": _drawing(glyphs.foreign_sign),
    "curls": _drawing(sketches.curl, may_be_a_digit=True),
    "written words": _drawing(sketches.cursive, may_be_a_digit=True),
    "ornaments": _drawing(glyphs.ornament),
}
"""Every kind, by name."""

HELD_OUT_KINDS = ("clothes", "icons", "noise", "printed words", "scenes", "three digits")
"""Kinds that no recipe trains on, to measure how a network handles unknown kinds."""
LOOKALIKE_KINDS = (
    "printed look-alikes",
    "written look-alikes",
    "doubtful letters",
    "other scripts",
    "curls",
    "written words",
    "ornaments",
)
"""Kinds that recipes train on by ``Recipe.lookalike_ratio``: what people photograph that resembles
digits."""
TRAINING_KINDS = tuple(name for name in KINDS if name not in (*HELD_OUT_KINDS, *LOOKALIKE_KINDS))
"""Kinds that recipes train on by ``Recipe.outlier_ratio``."""
