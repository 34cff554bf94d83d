"""Draw digits in habits of the world's hands that MNIST's writers had little of.

A crossed or square 6, a square 9, a 1 with a long flag, a slashed 0, a 7 with a hook for a bar and
a slender closed 4 are digits, and a network that has seen none of them reads another in them. They
are drawn stroke by stroke, in an unsteady hand and pens of every width, with no third party's data.

Recipes add them to the training digits by ``Recipe.habit_ratio``; they are then augmented with the
others, anew in each round.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Collection
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mnist_edge import DIGIT_SIDE
from mnist_edge.data.mnist import Digits
from mnist_edge.errors import InvalidValue, UnknownName
from mnist_edge.preprocessing.mnist_format import to_mnist_format
from mnist_edge.training.outliers.primitives import (
    Path,
    Random,
    arc,
    curved,
    hand,
    rasterize,
    straight,
)

_PEN_WIDTH = (0.04, 0.17)
"""Narrowest and widest pen, relative to the digit's longest side: a ballpoint and a marker."""


@dataclass(frozen=True, kw_only=True)
class Habit:
    """A way to write a digit."""

    digit: int
    """The digit, 0..9."""
    strokes: Callable[[Random], list[Path]]
    """Draws the strokes of one in a unit square."""


def draw_habits(count: int, *, seed: int, habits: Collection[str] | None = None) -> Digits:
    """Draw digits in unusual habits, reproducibly from the seed.

    Args:
        count: number of digits.
        seed: at least 0. The digits of a habit depend only on the seed, not on what others are
            drawn.
        habits: names in ``HABITS`` (default: all).

    Returns:
        Labelled digits in MNIST's format. The habits take turns: digit ``i`` is of habit
        ``i % len(habits)``.

    Raises:
        UnknownName: there is no such habit.
        InvalidValue: ``count`` or ``seed`` is below 0, or there are no habits.
    """
    names = list(HABITS if habits is None else habits)
    for name in names:
        if name not in HABITS:
            raise UnknownName("habit", name, HABITS)
    for what, value, minimum in (
        ("count", count, 0),
        ("seed", seed, 0),
        ("number of habits", len(names), 1),
    ):
        if value < minimum:
            raise InvalidValue(f"{what} {value} must be at least {minimum}")
    images = np.empty((count, DIGIT_SIDE, DIGIT_SIDE), np.uint8)
    labels = np.empty(count, np.uint8)
    for offset, name in enumerate(names):
        habit = HABITS[name]
        random = np.random.default_rng([seed, zlib.crc32(name.encode())])
        labels[offset :: len(names)] = habit.digit
        for index in range(offset, count, len(names)):
            images[index] = _draw_digit(habit, random)
    return Digits(images=images, labels=labels)


def _draw_digit(habit: Habit, random: Random) -> NDArray[np.uint8]:
    return to_mnist_format(rasterize(write_habit(habit, random), random.uniform(*_PEN_WIDTH)))


def write_habit(habit: Habit, random: Random) -> list[Path]:
    """Return the strokes of one digit in an unsteady hand, in about a unit square."""
    write, narrow = hand(random, 0.7), random.uniform(0.5, 0.95)
    strokes = [_unsteady(path, random) * (narrow, 1) for path in habit.strokes(random)]
    return [write(path) for path in strokes]


def _unsteady(path: Path, random: Random) -> Path:
    moved: Path = path + random.normal(0, 0.006, path.shape)
    return moved


def _slashed_zero(random: Random) -> list[Path]:
    reach = random.uniform(0.35, 0.6)
    angle = random.uniform(0.9, 1.3)
    off = reach * np.array((np.cos(angle), -np.sin(angle)))
    start = random.uniform(-2.2, -0.9)
    return [arc((0.5, 0.5), (0.42, 0.5), start, 1.02), straight([0.5 + off, 0.5 - off])]


def _flagged_one(random: Random) -> list[Path]:
    # A flag that is nearly level is a 7's.
    angle, length = random.uniform(0.75, 1.15), random.uniform(0.4, 0.75)
    flag = (0.7 - length * np.cos(angle), length * np.sin(angle))
    strokes = [straight([flag, (0.7, 0), (0.7 + random.normal(0, 0.05), 1)])]
    if random.random() < 1 / 4:
        strokes.append(straight([(0.4, 1), (1, 1)]))
    return strokes


def _closed_four(random: Random) -> list[Path]:
    """Draw a closed triangle on a stem, its bar across the stem or only up to it."""
    bar = random.uniform(0.28, 0.65)
    right = random.choice((0.72, random.uniform(0.8, 1)))
    top = (0.7 + random.normal(0, 0.02), 0)
    left = (random.uniform(0, 0.2), bar + random.normal(0, 0.02))
    return [straight([top, left, (right, bar)]), straight([top, (0.72, 1)])]


def _crossed_six(random: Random) -> list[Path]:
    """Draw a loop whose end crosses the back."""
    tail = (random.uniform(-0.15, 0.1), random.uniform(0.6, 0.8))
    loop = [(0.82, 0.72), (0.6, random.uniform(0.45, 0.55)), (0.3, 0.58), tail]
    top = (random.uniform(0.6, 0.85), random.uniform(0, 0.1))
    return [curved([top, (0.35, 0.2), (0.2, 0.6), (0.48, 1), *loop])]


def _square_six(random: Random) -> list[Path]:
    """Draw a 6 of straight lines: with a roof, as on a display, or an upright or slanted back."""
    middle = random.uniform(0.4, 0.6)
    back = ([(0.85, 0), (0.15, 0)], [(0.15, 0)], [(0.7, 0), (0.15, middle)])[random.integers(3)]
    return [straight([*back, (0.15, 1), (0.85, 1), (0.85, middle), (0.15, middle)])]


def _hooked_seven(random: Random) -> list[Path]:
    """Draw a 7 whose bar begins with a hook; some have a bar across the stem as well."""
    hook = (random.uniform(0, 0.15), random.uniform(0.12, 0.35))
    foot = random.uniform(0.3, 0.9)
    strokes = [straight([hook, (0.1, random.uniform(0, 0.06)), (0.95, 0), (foot, 1)])]
    if random.random() < 1 / 3:
        middle = (0.95 + foot) / 2
        strokes.append(straight([(middle - 0.3, 0.52), (middle + 0.25, 0.5)]))
    return strokes


def _square_nine(random: Random) -> list[Path]:
    """Draw a 9 of straight lines; some have a floor as on a display."""
    low = random.uniform(0.3, 0.55)
    stem = [(0.85, 0), (0.85 - random.uniform(0, 0.1), 1)]
    if random.random() < 1 / 4:
        stem.append((0.15, 1))
    left = 0.15 + random.uniform(0, 0.15)
    return [straight([(0.85, low), (left, low), (left, 0), (0.85, 0)]), straight(stem)]


HABITS: dict[str, Habit] = {
    "slashed 0": Habit(digit=0, strokes=_slashed_zero),
    "flagged 1": Habit(digit=1, strokes=_flagged_one),
    "closed 4": Habit(digit=4, strokes=_closed_four),
    "crossed 6": Habit(digit=6, strokes=_crossed_six),
    "square 6": Habit(digit=6, strokes=_square_six),
    "hooked 7": Habit(digit=7, strokes=_hooked_seven),
    "square 9": Habit(digit=9, strokes=_square_nine),
}
"""Every habit, by name."""
