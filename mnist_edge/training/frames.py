"""Draw digits into a camera's frames, and keep what the front end hands on of them.

Hairlines of a small, gray and noisy frame come out of the front end blotted, torn and with gaps, as
no digit of MNIST looks. A network that has seen digits only as their writers left them is unsure of
such, or takes them for others. So training digits, and those in other habits, are written anew: a
pen follows their center lines in a frame with uneven light, noise, blur and a lossy file, and the
front end reads it as it reads any picture. Recipes add the result by ``Recipe.frame_ratio``; after
a change of the front end it is another.

A frame of which the front end finds no digit is left out. So is one whose ink is in part another
than the digit's, or lacks some of it, and one whose loop is filled in: that may be another digit.
"""

from __future__ import annotations

import io
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

from mnist_edge import DIGIT_SIDE
from mnist_edge.data.mnist import Digits
from mnist_edge.errors import InvalidValue
from mnist_edge.preprocessing.connected_components import dilate, label_components
from mnist_edge.preprocessing.mnist_format import to_mnist_format
from mnist_edge.preprocessing.pipeline import preprocess
from mnist_edge.training.center_lines import find_center_lines
from mnist_edge.training.habits import HABITS, write_habit
from mnist_edge.training.outliers.primitives import Path, Random

_CHUNK_SIZE = 500
"""Frames that are drawn with one random generator: a frame depends on its chunk alone."""
_TURNS = 4
"""Of how many frames one has a digit in another habit."""
_FINE = 4
"""Enlargement in which a frame is drawn."""
_LARGE = 0.2
"""Share of the frames with a digit of a page's size; in the others it is of a few pixels."""
_SMALL_SIDES, _LARGE_SIDES = (28, 32, 32, 32, 40, 48, 64), (80, 112, 144)
"""Heights and widths of frames, in pixels."""
_SMALL_HEIGHTS = (6.5, 26.0)
"""Heights of the lowest and the highest digit of a small frame, in pixels; two in three are below
half of the second."""
_LARGE_HEIGHTS = (0.3, 0.75)
"""The same of a large frame, relative to it."""
_HAIRLINE, _BROAD = (0.4, 1.4), 0.16
"""Widths of a hairline, in pixels, and of the broadest pen, relative to the digit's height."""
_CONTRAST, _TONES = (10.0, 120.0), (70.0, 230.0)
"""Levels, of 255, between ink and paper, and of the paper."""
_NOISE = (0.8, 4.0)
"""Standard deviation of the noise in levels, if the contrast is three and a half times that."""
_MIN_SHARED = 0.8
"""Minimum share of the ink that was found within a pixel of the strokes, and of the strokes within
a pixel of it."""
_MAX_FILLED = 0.6
"""Maximum share of the strokes' loops that is ink."""
_INK = 100
"""Brightness from which on a pixel in MNIST's format counts as ink."""


def draw_frames(count: int, *, digits: Digits, seed: int) -> Digits:
    """Draw frames of digits and read them with the front end, reproducibly from the seed.

    Args:
        count: number of digits in MNIST's format.
        digits: three in four are written with the center lines of some of these, of the training
            split; the others in the habits of ``HABITS``, which take turns.
        seed: at least 0.

    Returns:
        Digits with the labels of what was drawn, as the front end finds them.

    Raises:
        InvalidValue: ``count`` or ``seed`` is below 0.
    """
    for what, value in (("count", count), ("seed", seed)):
        if value < 0:
            raise InvalidValue(f"{what} {value} must be at least 0")
    images = np.empty((count, DIGIT_SIDE, DIGIT_SIDE), np.uint8)
    labels = np.empty(count, np.uint8)
    for start in range(0, count, _CHUNK_SIZE):
        chunk = slice(start, min(start + _CHUNK_SIZE, count))
        random = np.random.default_rng([seed, start])
        images[chunk], labels[chunk] = _draw_chunk(chunk.stop - start, digits, random)
    return Digits(images=images, labels=labels)


def _draw_chunk(
    count: int, digits: Digits, random: Random
) -> tuple[list[NDArray[np.uint8]], list[int]]:
    """Draw frames of digits and, in turn with them, of habits, each until one shows it."""
    habits = list(HABITS.values())
    images: list[NDArray[np.uint8]] = []
    labels: list[int] = []
    while True:
        chosen = digits.take(random.integers(len(digits), size=count))
        for label, line in zip(chosen.labels, find_center_lines(chosen.images), strict=True):
            if len(images) == count:
                return images, labels
            habit = habits[len(labels) // _TURNS % len(habits)]
            is_habit = len(labels) % _TURNS == _TURNS - 1
            image = _read(_dense(write_habit(habit, random)) if is_habit else line, random)
            if image is not None:
                images.append(image)
                labels.append(habit.digit if is_habit else int(label))


def _dense(strokes: list[Path]) -> Path:
    """Return points along strokes in a unit square, close to each other."""
    points = []
    for stroke in strokes:
        for start, end in pairwise(stroke):
            steps = max(1, int(np.ceil(np.linalg.norm(end - start) / 0.015)))
            points.append(start + (end - start) * np.linspace(0, 1, steps)[:, np.newaxis])
    return np.concatenate(points)


def _read(points: Path, random: Random) -> NDArray[np.uint8] | None:
    """Draw a frame and return what the front end finds; None if that is not what was drawn."""
    if not len(points):
        return None
    is_large = random.random() < _LARGE
    side = int(random.choice(_LARGE_SIDES if is_large else _SMALL_SIDES))
    if is_large:
        height = side * random.uniform(*_LARGE_HEIGHTS)
    else:
        low, high = _SMALL_HEIGHTS
        middle = high / 2
        low, high = (low, middle) if random.random() < 2 / 3 else (middle, high)
        height = min(float(np.exp(random.uniform(*np.log((low, high))))), side - 2)
    pen = max(random.uniform(*_HAIRLINE), height * random.uniform(0, _BROAD))
    strokes = _draw(_placed(points, height, side, random), pen, side)
    read = preprocess(_photograph(strokes, side, random))
    is_right = read.problem is None and _shows(read.pixels, np.asarray(strokes, np.float32) / 255)
    return read.pixels if is_right else None


def _placed(points: Path, height: float, side: int, random: Random) -> Path:
    """Turn, slant and scale points, and put them somewhere in a frame."""
    turn, slant = random.normal(0, 0.1, 2)
    cosine, sine = np.cos(turn), np.sin(turn)
    moved = points @ np.array(((cosine, sine), (slant - sine, cosine)))
    moved = (moved - moved.min(axis=0)) * (random.uniform(0.8, 1.15), 1)
    width, tall = moved.max(axis=0)
    moved = moved * height / max(tall, 0.7 * width, 1e-3)
    room = np.maximum(side - moved.max(axis=0), 0)
    margin = np.minimum(random.uniform(0.5, 3), room / 2)
    placed: Path = moved + random.uniform(margin, room - margin)
    return placed


def _draw(points: Path, pen: float, side: int) -> Image.Image:
    """Draw strokes, white on black, enlarged by ``_FINE``."""
    image = Image.new("L", (side * _FINE, side * _FINE))
    draw, half = ImageDraw.Draw(image), pen * _FINE / 2
    for x, y in (points * _FINE).tolist():
        draw.ellipse((x - half, y - half, x + half, y + half), fill=255)
    return image


def _photograph(strokes: Image.Image, side: int, random: Random) -> Image.Image:
    """Return strokes as dark or light ink on paper, as a camera sees them."""
    ink = _sampled(strokes, side, random)
    strongest = np.percentile(ink[ink > 0.05], 90) if (ink > 0.05).any() else 1.0
    contrast = np.exp(random.uniform(*np.log(_CONTRAST)))
    tone, angle = random.uniform(*_TONES), random.uniform(0, 2 * np.pi)
    rows, columns = np.mgrid[:side, :side] / side - 0.5
    slope = tone * random.uniform(0, 0.25) ** 1.5
    light = tone + slope * (np.cos(angle) * columns + np.sin(angle) * rows)
    noise = random.normal(0, 1, (side, side))
    if random.random() < 0.6:
        around = sum(np.roll(noise, step, axis) for step in (-1, 1) for axis in (0, 1))
        noise = (noise + 0.35 * around) / 1.22
    noise *= min(random.uniform(*_NOISE), contrast / 3.5)
    levels = light - contrast * ink / max(strongest, 0.3) + noise
    if random.random() < 0.15:
        levels = 255 - levels
    frame = Image.fromarray(np.clip(np.rint(levels), 0, 255).astype(np.uint8))
    return _compressed(frame, int(random.integers(70, 97))) if random.random() < 0.3 else frame


def _sampled(strokes: Image.Image, side: int, random: Random) -> NDArray[np.float64]:
    """Reduce strokes to a frame: by their mean, by a part of each pixel or one point, or blurred.

    A camera's frame that was reduced by leaving out pixels has dotted hairlines.
    """
    way = random.choice(("mean", "part", "point", "point", "blur"))
    if way == "blur":
        strokes = strokes.filter(ImageFilter.GaussianBlur(_FINE * random.uniform(0.25, 0.6)))
    cells = np.asarray(strokes).reshape(side, _FINE, side, _FINE) / 255
    if way == "point":
        return np.asarray(cells[:, 1, :, 2])
    return np.asarray((cells[:, 1:3, :, 1:3] if way == "part" else cells).mean(axis=(1, 3)))


def _compressed(frame: Image.Image, quality: int) -> Image.Image:
    file = io.BytesIO()
    frame.save(file, "JPEG", quality=quality)
    return Image.open(file)


def _shows(pixels: NDArray[np.uint8], strokes: NDArray[np.float32]) -> bool:
    """Check whether what the front end found is what was drawn, and not another digit."""
    ink, drawn = pixels > _INK, to_mnist_format(strokes) > _INK / 2
    near_drawn, near_ink = dilate(drawn, 3), dilate(ink, 3)
    shared = min((ink & near_drawn).sum() / ink.sum(), (drawn & near_ink).sum() / drawn.sum())
    loops = _loops(drawn)
    is_filled = loops.any() and (ink & loops).sum() > _MAX_FILLED * loops.sum()
    return bool(shared >= _MIN_SHARED and not is_filled)


def _loops(ink: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Find the paper that strokes enclose."""
    labels, _ = label_components(np.pad(~ink, 1, constant_values=True))
    return np.asarray((labels > 0) & (labels != labels[0, 0]))[1:-1, 1:-1]
