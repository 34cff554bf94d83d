"""Pictures of what is no digit, for a network to learn that it need not answer.

A network that has only ever seen digits reads one in anything. Shown other pictures while it
learns, with no label to give (D. Hendrycks, M. Mazeika, T. Dietterich, "Deep Anomaly Detection
with Outlier Exposure", 2019), it is unsure of kinds of pictures, too, that it was never shown.

Nothing here can be read as a digit: letters, signs and drawings that might be are left out, and
what comes too near to a digit by chance is drawn again.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Collection
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mnist_edge import CLASSES, DIGIT_SHAPE, DIGIT_SIDE
from mnist_edge.data.mnist import Digits
from mnist_edge.errors import InvalidValue, UnknownName
from mnist_edge.preprocessing.mnist_format import to_mnist_format
from mnist_edge.training.outliers import composites, glyphs, icons, sketches, textures
from mnist_edge.training.outliers.primitives import Ink, Random

__all__ = ["HELD_OUT", "KINDS", "TAUGHT", "Kind", "draw"]

_IN_FORM = 0.6
"""Share of drawings in MNIST's form, as the front end hands them to a network; an array of 28x28
that a caller hands over himself may be anything."""
_INVERTED = 0.2
"""Share of the other drawings that are black on white."""
_FAINT = 0.3
"""Share of the other drawings whose ink is less than full."""
_STAMPS = 3_000
"""Digits that a drawing is compared with."""
_LIKENESS = 0.75
"""Cosine between a drawing and a digit from which on it might be one: between a validation digit
and the nearest of as many training digits it is 0.75 for a hundredth, 0.90 for half."""
_CUT = 0.25
"""Share of full ink from which on a pixel counts when a drawing is cropped, as a digit's."""
_LEAST_INK = 20
"""Pixels of ink that a drawing has in MNIST's form; less is a dot or a scratch."""


@dataclass(frozen=True, kw_only=True)
class Kind:
    """One kind of non-digit."""

    make: Callable[[Random, Digits], Ink]
    """Makes the ink of one, 0..1, of any size; where it is a whole frame, ``(28, 28)``."""
    is_frame: bool = False
    """Whether it is a whole frame, to be shown as it is; else a drawing, to be put into one."""
    may_be_a_digit: bool = False
    """Whether a digit may come of it by chance, so that it is compared with digits."""


def draw(
    count: int, *, digits: Digits, seed: int, kinds: Collection[str] | None = None
) -> NDArray[np.uint8]:
    """Pictures of what is no digit, the same for the same seed.

    Args:
        count: how many.
        digits: what some kinds are made of, and none may look like.
        seed: at least 0. What is drawn of a kind depends on nothing but this and the digits,
            whatever other kinds are drawn.
        kinds: names in ``KINDS``; all of them where it is None.

    Returns:
        ``(count, 28, 28) uint8``, 0 background, 255 ink. The kinds take turns: picture ``i`` is
        of kind ``i % len(kinds)``.

    Raises:
        UnknownName: there is no such kind.
        InvalidValue: ``count`` or ``seed`` is below 0, there are no kinds, or one of the ten
            digits is missing.
        MissingDependency: matplotlib, whose typefaces the letters are in, is not installed.
    """
    names = list(KINDS if kinds is None else kinds)
    for name in names:
        if name not in KINDS:
            raise UnknownName("kind of non-digit", name, KINDS)
    for what, value, least in (
        ("count", count, 0),
        ("seed", seed, 0),
        ("number of kinds", len(names), 1),
        ("number of different digits", len(np.unique(digits.labels)), CLASSES),
    ):
        if value < least:
            raise InvalidValue(f"{what} {value} is not at least {least}")
    stamps = _unit(digits.images[:_STAMPS])
    pictures = np.empty((count, DIGIT_SIDE, DIGIT_SIDE), np.uint8)
    for turn, name in enumerate(names):
        random = np.random.default_rng([seed, zlib.crc32(name.encode())])
        for index in range(turn, count, len(names)):
            pictures[index] = _picture(KINDS[name], random, digits, stamps)
    return pictures


def _picture(kind: Kind, random: Random, digits: Digits, stamps: Ink) -> NDArray[np.uint8]:
    if kind.is_frame:
        return _pixels(kind.make(random, digits))
    while True:
        ink = kind.make(random, digits)
        if not (ink > _CUT).any():
            continue
        formed = to_mnist_format(ink)
        if (formed > 0).sum() < _LEAST_INK:
            continue
        if kind.may_be_a_digit and (stamps @ _unit(formed[None])[0]).max() >= _LIKENESS:
            continue
        return formed if random.random() < _IN_FORM else _framed(ink, random)


def _framed(ink: Ink, random: Random) -> NDArray[np.uint8]:
    """A drawing anywhere in the frame, a third as long as the frame to as long; evenly by area."""
    rows = np.flatnonzero((ink > _CUT).any(1))
    columns = np.flatnonzero((ink > _CUT).any(0))
    ink = ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    longest = int(DIGIT_SIDE * random.uniform(1 / 9, 1) ** 0.5)
    scale = longest / max(ink.shape)
    height, width = (max(2, round(length * scale)) for length in ink.shape)
    small = Image.fromarray(ink).resize((width, height), Image.Resampling.BICUBIC)
    top, left = (
        random.integers(0, DIGIT_SIDE - height + 1),
        random.integers(0, DIGIT_SIDE - width + 1),
    )
    frame = np.zeros(DIGIT_SHAPE, np.float32)
    frame[top : top + height, left : left + width] = small
    if random.random() < _FAINT:
        frame *= np.float32(random.uniform(0.3, 1))
    if random.random() < _INVERTED:
        frame = 1 - frame
    return _pixels(frame)


def _pixels(ink: Ink) -> NDArray[np.uint8]:
    pixels: NDArray[np.uint8] = np.rint(np.clip(ink, 0, 1) * 255).astype(np.uint8)
    return pixels


def _unit(pictures: NDArray[np.uint8]) -> Ink:
    """Pictures as vectors of length 1, ``(n, 196)``: halved, so that an offset counts less."""
    half = DIGIT_SIDE // 2
    cells = pictures.reshape(len(pictures), half, 2, half, 2).sum((2, 4), np.float32)
    vectors = cells.reshape(len(pictures), -1)
    unit: Ink = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1)
    return unit


def _drawing(make: Callable[[Random], Ink], *, may_be_a_digit: bool = False) -> Kind:
    return Kind(make=lambda random, digits: make(random), may_be_a_digit=may_be_a_digit)


def _frame(make: Callable[[Random], Ink]) -> Kind:
    return Kind(make=lambda random, digits: make(random), is_frame=True)


KINDS: dict[str, Kind] = {
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
    "two digits": Kind(make=composites.two_digits),
    "three digits": Kind(make=composites.three_digits),
    "crowded digits": Kind(make=composites.crowded, may_be_a_digit=True),
    "fragments": Kind(make=composites.fragment, may_be_a_digit=True),
    "turned digits": Kind(make=composites.quarter_turned, may_be_a_digit=True),
    "close-ups": Kind(make=composites.close_up, is_frame=True),
    "noise": _frame(textures.noise),
    "clouds": _frame(textures.clouds),
    "plain": _frame(textures.plain),
    "stripes": _frame(textures.stripes),
    "scenes": _frame(textures.scene),
    "dust": _frame(textures.dust),
}
"""Every kind by its name."""

HELD_OUT = ("clothes", "icons", "noise", "printed words", "scenes", "three digits")
"""Kinds that no network of ours learns from, so that they can tell what it does with others."""
TAUGHT = tuple(name for name in KINDS if name not in HELD_OUT)
"""Kinds that are learnt from."""
