"""What is made of digits and is none: several of them, parts of them, and what is turned over."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mnist_edge.picture import SIDE
from mnist_edge.training.nondigits.pen import Ink, Random

_INK = 0.25
"""Share of full ink from which on a pixel counts, as where a digit is cropped."""
_ONE = 1
"""The digit that any upright stroke is."""
_AXIS = np.arange(SIDE) - (SIDE - 1) / 2


@dataclass(frozen=True, kw_only=True)
class Stock:
    """Digits to make non-digits of."""

    images: NDArray[np.uint8]
    """``(n, 28, 28)``, 0 background, 255 ink."""
    labels: NDArray[np.uint8]
    """``(n,)``, 0..9."""

    def pick(self, random: Random, among: tuple[int, ...]) -> Ink:
        """One of the digits that have these labels, ``(28, 28)``, 0..1."""
        while True:
            index = random.integers(len(self.labels))
            if self.labels[index] in among:
                digit: Ink = self.images[index].astype(np.float32) / np.float32(255)
                return digit


_ANY = tuple(range(10))
_BROAD = tuple(digit for digit in _ANY if digit != _ONE)


def two_digits(random: Random, stock: Stock) -> Ink:
    """Two digits side by side: apart, touching, or one a little over the other."""
    gap = int(random.integers(-4, 5))
    among = _ANY if gap > 0 else _BROAD
    return _squeezed(_row([stock.pick(random, among) for _ in range(2)], gap, random), random)


def three_digits(random: Random, stock: Stock) -> Ink:
    """Three digits in a row."""
    digits = [stock.pick(random, _ANY) for _ in range(3)]
    return _squeezed(_row(digits, int(random.integers(-1, 4)), random), random)


def crowded(random: Random, stock: Stock) -> Ink:
    """A digit with large pieces of its neighbours, at both sides or above and below."""
    digits = [stock.pick(random, _BROAD) for _ in range(3)]
    row = _row(digits, int(random.integers(0, 4)), random)
    width = row.shape[1]
    cut = width // 3 * random.uniform(0.25, 0.5)
    left, right = int(cut), int(width - cut * random.uniform(0.7, 1.4))
    window = _cropped(row[:, left:right])
    if random.random() < 1 / 3:
        above, below = (_cropped(stock.pick(random, _BROAD)) for _ in range(2))
        middle = _cropped(digits[1])
        bands = (above[-random.integers(7, 12) :], middle, below[: random.integers(7, 12)])
        wide = max(band.shape[1] for band in bands)
        window = np.concatenate(
            [np.pad(band, ((1, 1), (0, wide - band.shape[1]))) for band in bands]
        )
    return window


def fragment(random: Random, stock: Stock) -> Ink:
    """What a cut through a digit leaves: a quarter to a half of its ink, and no mere stroke."""
    while True:
        digit = stock.pick(random, _BROAD)
        angle = random.uniform(0, 2 * np.pi)
        side = _AXIS * np.cos(angle) + _AXIS[:, None] * np.sin(angle) - random.uniform(0, 6)
        part = (digit * np.clip(side + 0.5, 0, 1)).astype(np.float32)
        share = part.sum() / digit.sum()
        if not 0.2 < share < 0.5 or (part > _INK).sum() < 20:
            continue
        part = _cropped(part)
        # A narrow piece is a stroke, and a stroke is a 1.
        if min(part.shape) >= 0.6 * max(part.shape):
            return part


def quarter_turned(random: Random, stock: Stock) -> Ink:
    """A digit on its side; not those that are a digit lying down, too."""
    digit = stock.pick(random, (2, 3, 4, 5))
    return np.ascontiguousarray(np.rot90(digit, random.choice((1, 3))))


def close_up(random: Random, stock: Stock) -> Ink:
    """A small part of a digit as large as the frame, its strokes cut by the edges."""
    while True:
        digit = stock.pick(random, _ANY)
        size = int(random.integers(5, 11))
        top, left = random.integers(4, 24 - size, 2)
        part = digit[top : top + size, left : left + size]
        if 0.2 < (part > _INK).mean() < 0.9:
            return _resized(part, SIDE, SIDE)


def _cropped(ink: Ink) -> Ink:
    rows = np.flatnonzero((ink > _INK).any(1))
    columns = np.flatnonzero((ink > _INK).any(0))
    return ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def _row(digits: list[Ink], gap: int, random: Random) -> Ink:
    """Digits side by side, ``gap`` pixels apart, some a little lower than others."""
    parts = [_cropped(digit) for digit in digits]
    row = np.zeros((SIDE + 4, sum(part.shape[1] + abs(gap) for part in parts)), np.float32)
    left = 0
    for part in parts:
        height, width = part.shape
        top = (row.shape[0] - height) // 2 + int(random.integers(-3, 4))
        place = row[max(0, top) : max(0, top) + height, left : left + width]
        np.maximum(place, part[: place.shape[0], : place.shape[1]], out=place)
        left += max(2, width + gap)
    return row


def _squeezed(ink: Ink, random: Random) -> Ink:
    """Some of the rows narrowed, as far as to a digit's own shape."""
    ink = _cropped(ink)
    if random.random() < 1 / 2:
        return ink
    height, width = ink.shape
    return _resized(ink, height, max(height * 2 // 3, round(width * random.uniform(0.5, 1))))


def _resized(ink: Ink, height: int, width: int) -> Ink:
    scaled = Image.fromarray(ink).resize((width, height), Image.Resampling.BICUBIC)
    resized: Ink = np.clip(np.asarray(scaled), 0, 1)
    return resized
