"""Writers and displays with a habit, drawn for the benchmark of teaching.

Each has pictures to teach and others to be measured on, as 28x28 pixels in MNIST's format. No
shipped model is trained with any of them.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from mnist_edge.data.mnist import Digits, Mnist
from mnist_edge.preprocessing.connected_components import label_components
from mnist_edge.preprocessing.mnist_format import to_mnist_format
from mnist_edge.training.augmentation import distorted_lightly
from mnist_edge.training.habits import HABITS, draw_habits
from mnist_edge.training.outliers.primitives import Random, hand, rasterize, straight

Draw = Callable[[int, int], NDArray[np.uint8]]
"""Draws one digit from its label and a seed, ``(28, 28)``."""

INK = 127
"""Pixel above which there is ink."""
_HAND = 14
"""Seed of the hand that has a thick marker."""
_SEGMENTS = (
    "abcdef",
    "bc",
    "abged",
    "abgcd",
    "fgbc",
    "afgcd",
    "afgedc",
    "abc",
    "abcdefg",
    "abcdfg",
)
"""Segments that are lit for each digit: a on top, then clockwise to f, and g in the middle."""
_ENDS = {
    "a": ((0.1, 0), (0.9, 0)),
    "b": ((1, 0.1), (1, 0.9)),
    "c": ((1, 1.1), (1, 1.9)),
    "d": ((0.1, 2), (0.9, 2)),
    "e": ((0, 1.1), (0, 1.9)),
    "f": ((0, 0.1), (0, 0.9)),
    "g": ((0.1, 1), (0.9, 1)),
}
"""Both ends of each segment: the gaps between segments do not touch."""


def draw_segments(digit: int, seed: int) -> NDArray[np.uint8]:
    """Draw a digit of a seven-segment display: slanted, seen a little from the side."""
    random = np.random.default_rng([seed, digit])
    slant, height = random.uniform(0, 0.12), random.uniform(0.85, 1.1)
    write = hand(random, 0.15)
    strokes = []
    for name in _SEGMENTS[digit]:
        ends = np.array(_ENDS[name]) * (1, height)
        strokes.append(write(straight(ends + np.outer(2 - ends[:, 1], (slant, 0)))))
    return to_mnist_format(rasterize(strokes, random.uniform(0.07, 0.13)))


def draw_meter(digit: int, seed: int) -> NDArray[np.uint8]:
    """Draw a digit of an enamel meter's drum: narrow bold type, off its middle, out of focus."""
    from matplotlib import get_data_path

    random = np.random.default_rng([seed, digit, 7])
    face = Path(get_data_path()) / "fonts/ttf/DejaVuSansMono-Bold.ttf"
    width, height = 64, 96
    drum = Image.new("L", (width, height))
    text = ImageDraw.Draw(drum)
    top = height / 2 + random.uniform(-22, 22)
    text.text(
        (width / 2, top), str(digit), font=ImageFont.truetype(str(face), 84), fill=255, anchor="mm"
    )
    narrow = drum.resize((round(width * random.uniform(0.6, 0.8)), height))
    turned = narrow.rotate(random.uniform(-4, 4), Image.Resampling.BILINEAR)
    blurred = turned.filter(ImageFilter.GaussianBlur(random.uniform(0.5, 2.5)))
    return to_mnist_format(np.asarray(blurred, np.float32) / 255)


def thickened(images: NDArray[np.uint8], random: Random) -> NDArray[np.uint8]:
    """Write digits again with a thick marker: strokes grow by two or three pixels."""
    results = []
    for image in images:
        large = Image.fromarray(image).resize((112, 112), Image.Resampling.BICUBIC)
        size = int(random.integers(4, 7)) * 2 + 1
        thick = large.filter(ImageFilter.MaxFilter(size)).filter(ImageFilter.GaussianBlur(2))
        results.append(to_mnist_format(np.asarray(thick, np.float32) / 255))
    return np.stack(results)


def count_holes(image: NDArray[np.uint8]) -> int:
    """Count the areas of background that ink encloses."""
    _, areas = label_components(np.pad(image, 1) <= INK)
    return len(areas) - 1


def _with_open_holes(name: str, count: int, seed: int) -> Digits:
    """Draw a habit; a slashed 0 that its pen has filled is a blot, which nobody can read."""
    if name != "slashed 0":
        return draw_habits(count, seed=seed, habits=[name])
    drawn = draw_habits(2 * count, seed=seed, habits=[name])
    open_ = [index for index, image in enumerate(drawn.images) if count_holes(image)]
    return drawn.take(np.array(open_[:count]))


def _habit(name: str, mnist: Mnist, count: int, seed: int) -> Digits:
    """Draw a writer's pictures: half of the habit, and as many of MNIST's other digits."""
    own = _with_open_holes(name, count - count // 2, seed)
    random = np.random.RandomState(seed)
    others = np.flatnonzero(mnist.train.labels != HABITS[name].digit)
    rest = mnist.train.take(random.choice(others, count // 2, replace=False))
    return Digits(
        images=np.concatenate([own.images, rest.images]),
        labels=np.concatenate([own.labels, rest.labels]),
    )


def _marker(thin: Digits, count: int, seed: int) -> Digits:
    """Write digits with a marker, except those whose holes it would fill or whose gaps close."""
    random = np.random.default_rng(seed)
    thick = thickened(thin.images, random)
    alike = [
        index
        for index, pair in enumerate(zip(thin.images, thick, strict=True))
        if count_holes(pair[0]) == count_holes(pair[1])
    ]
    return Digits(images=thick, labels=thin.labels).take(np.array(alike[:count]))


def _any_hand(mnist: Mnist, count: int, seed: int, *, measured: bool) -> Digits:
    """Take digits of anybody: of other people where they are measured."""
    split = mnist.validation if measured else mnist.train
    return split.take(np.random.RandomState(seed).choice(len(split), 2 * count, replace=False))


def _one_hand(mnist: Mnist, count: int, seed: int) -> Digits:
    """Write digits of one hand, which forms each digit in one of three ways, and never twice alike.

    Which hand it is does not depend on the seed.
    """
    random = np.random.RandomState(_HAND)
    forms = [
        random.choice(np.flatnonzero(mnist.train.labels == label), 3, replace=False)
        for label in range(10)
    ]
    variation = np.random.RandomState(seed)
    written = mnist.train.take(
        np.array([forms[i % 10][variation.randint(3)] for i in range(3 * count)])
    )
    return Digits(images=distorted_lightly(written, variation), labels=written.labels)


def _drawn(draw: Draw, count: int, seed: int) -> Digits:
    labels = (np.arange(count) % 10).astype(np.uint8)
    images = np.stack([draw(int(label), seed + i) for i, label in enumerate(labels)])
    return Digits(images=images, labels=labels)


WRITERS = (*HABITS, "thick marker", "any thick marker", "display", "enamel meter")
"""Every writer, by name."""


def draw_writer(name: str, mnist: Mnist, count: int, *, seed: int, measured: bool) -> Digits:
    """Draw pictures of a writer.

    Args:
        name: one of ``WRITERS``.
        mnist: where a habit's other digits, and a marker's, come from.
        count: number of pictures.
        seed: of the drawing; another gives other pictures.
        measured: whether they are measured on, and so show the habit alone, rather than taught.
    """
    if name in HABITS:
        if measured:
            return _with_open_holes(name, count, seed)
        return _habit(name, mnist, count, seed)
    if name == "thick marker":
        return _marker(_one_hand(mnist, count, seed), count, seed)
    if name == "any thick marker":
        return _marker(_any_hand(mnist, count, seed, measured=measured), count, seed)
    return _drawn(partial(draw_segments if name == "display" else draw_meter), count, seed)
