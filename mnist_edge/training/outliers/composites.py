"""Draw outliers made of digits: several digits, parts of digits, and rotated ones."""

from __future__ import annotations

import numpy as np
from PIL import Image

from mnist_edge import DIGIT_SIDE
from mnist_edge.data.mnist import Digits
from mnist_edge.preprocessing.mnist_format import INK_THRESHOLD
from mnist_edge.training.outliers.primitives import Ink, Random

_ONE = 1
"""The digit that any upright stroke can be read as."""
_AXIS = np.arange(DIGIT_SIDE) - (DIGIT_SIDE - 1) / 2
"""Rows or columns relative to the center of a digit."""
_ANY = tuple(range(10))
_BROAD = tuple(digit for digit in _ANY if digit != _ONE)
"""Digits of which a piece need not be a single stroke."""


def two_digits(random: Random, digits: Digits) -> Ink:
    """Draw two digits side by side: apart, touching, or slightly overlapping."""
    gap = int(random.integers(-4, 5))
    among = _ANY if gap > 0 else _BROAD
    return _squeezed(_row([_pick(digits, random, among) for _ in range(2)], gap, random), random)


def three_digits(random: Random, digits: Digits) -> Ink:
    """Draw three digits in a row."""
    three = [_pick(digits, random, _ANY) for _ in range(3)]
    return _squeezed(_row(three, int(random.integers(-1, 4)), random), random)


def crowded(random: Random, digits: Digits) -> Ink:
    """Draw a digit with large pieces of its neighbors, on both sides or above and below."""
    three = [_pick(digits, random, _BROAD) for _ in range(3)]
    if random.random() < 1 / 3:
        above, middle, below = (_cropped(digit) for digit in three)
        bands = (above[-random.integers(7, 12) :], middle, below[: random.integers(7, 12)])
        wide = max(band.shape[1] for band in bands)
        return np.concatenate([np.pad(band, ((1, 1), (0, wide - band.shape[1]))) for band in bands])
    row = _row(three, int(random.integers(0, 4)), random)
    # More than half of each neighbor remains.
    left, right = (round(row.shape[1] / 3 * random.uniform(0.2, 0.5)) for _ in range(2))
    return _cropped(row[:, left:-right])


def fragment(random: Random, digits: Digits) -> Ink:
    """Cut a digit so that a fifth to a half of its ink remains, and more than a single stroke."""
    while True:
        digit = _pick(digits, random, _BROAD)
        angle = random.uniform(0, 2 * np.pi)
        side = _AXIS * np.cos(angle) + _AXIS[:, None] * np.sin(angle) - random.uniform(0, 6)
        part = (digit * np.clip(side + 0.5, 0, 1)).astype(np.float32)
        fraction = part.sum() / digit.sum()
        if not 0.2 < fraction < 0.5 or (part > INK_THRESHOLD).sum() < 20:
            continue
        part = _cropped(part)
        # A narrow piece is a stroke, and a stroke can be read as a 1.
        if min(part.shape) >= 0.6 * max(part.shape):
            return part


def quarter_turned(random: Random, digits: Digits) -> Ink:
    """Rotate a 2 or a 3 by 90 degrees; a 4 or a 5 could still be read as a digit."""
    digit = _pick(digits, random, (2, 3))
    return np.ascontiguousarray(np.rot90(digit, random.choice((1, 3))))


def close_up(random: Random, digits: Digits) -> Ink:
    """Enlarge a small part of a digit to the whole frame, so that the edges cut its strokes."""
    while True:
        digit = _pick(digits, random, _ANY)
        size = int(random.integers(5, 11))
        top, left = random.integers(4, 24 - size, 2)
        part = digit[top : top + size, left : left + size]
        if 0.2 < (part > INK_THRESHOLD).mean() < 0.9:
            return _resized(part, DIGIT_SIDE, DIGIT_SIDE)


def _pick(digits: Digits, random: Random, among: tuple[int, ...]) -> Ink:
    """Pick a random digit with one of the labels, ``(28, 28)``, 0..1."""
    while True:
        index = random.integers(len(digits))
        if digits.labels[index] in among:
            digit: Ink = digits.images[index].astype(np.float32) / np.float32(255)
            return digit


def _cropped(ink: Ink) -> Ink:
    rows = np.flatnonzero((ink > INK_THRESHOLD).any(1))
    columns = np.flatnonzero((ink > INK_THRESHOLD).any(0))
    return ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def _row(digits: list[Ink], gap: int, random: Random) -> Ink:
    """Place digits side by side, ``gap`` pixels apart, at slightly different heights."""
    parts = [_cropped(digit) for digit in digits]
    row = np.zeros((DIGIT_SIDE + 4, sum(part.shape[1] + abs(gap) for part in parts)), np.float32)
    left = 0
    for part in parts:
        height, width = part.shape
        top = (row.shape[0] - height) // 2 + int(random.integers(-3, 4))
        place = row[max(0, top) : max(0, top) + height, left : left + width]
        np.maximum(place, part[: place.shape[0], : place.shape[1]], out=place)
        left += max(2, width + gap)
    return row


def _squeezed(ink: Ink, random: Random) -> Ink:
    """Narrow half of the rows, down to the proportions of a single digit."""
    ink = _cropped(ink)
    if random.random() < 1 / 2:
        return ink
    height, width = ink.shape
    return _resized(ink, height, max(height * 2 // 3, round(width * random.uniform(0.5, 1))))


def _resized(ink: Ink, height: int, width: int) -> Ink:
    scaled = Image.fromarray(ink).resize((width, height), Image.Resampling.BICUBIC)
    resized: Ink = np.clip(np.asarray(scaled), 0, 1)
    return resized
