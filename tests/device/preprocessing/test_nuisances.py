"""What separates a photographed digit from MNIST's format, one nuisance at a time.

The digits are lines drawn here, so that pen, place and number of strokes are known.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
import pytest
from numpy.random import Generator
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from mnist_edge import Classifier
from mnist_edge.preprocessing.binarization import blur
from mnist_edge.preprocessing.pipeline import preprocess

Field: TypeAlias = NDArray[np.float32]
Stroke: TypeAlias = list[tuple[float, float]]
Colour: TypeAlias = tuple[int, int, int]

SIZE = (270, 360)
TALL = 150
"""Default height of a digit, in pixels."""
DIFFERENCE = 14
"""Allowed mean difference from noise and light, in gray levels; a lost stroke makes more."""
PAPER, BLUE, BLACK, PALE = (226, 224, 218), (30, 45, 120), (35, 35, 38), (166, 166, 170)


def arc(x: float, y: float, wide: float, high: float, start: float, end: float) -> Stroke:
    """Return points of an elliptic arc around (x, y), clockwise in degrees from the right."""
    angles = np.radians(np.linspace(start, end, 24))
    return list(
        zip((x + wide * np.cos(angles)).tolist(), (y + high * np.sin(angles)).tolist(), strict=True)
    )


# Each digit in a box of height 1, as strokes of a pen that is lifted between them.
DIGITS: dict[int, list[Stroke]] = {
    0: [arc(0.32, 0.5, 0.3, 0.5, -90, 280)],
    1: [[(0.4, 0.0), (0.3, 1.0)]],
    2: [[*arc(0.32, 0.27, 0.29, 0.27, -170, 30), (0.03, 0.98), (0.66, 0.98)]],
    3: [[*arc(0.28, 0.25, 0.28, 0.25, -150, 80), *arc(0.28, 0.74, 0.33, 0.26, -80, 150)]],
    4: [[(0.12, 0.0), (0.02, 0.58), (0.66, 0.58)], [(0.5, 0.1), (0.47, 1.0)]],
    5: [
        [(0.12, 0.03), (0.1, 0.45), *arc(0.28, 0.7, 0.32, 0.29, -120, 150)],
        [(0.12, 0.02), (0.62, 0.0)],
    ],
    6: [[(0.5, 0.0), (0.2, 0.35), *arc(0.32, 0.73, 0.28, 0.26, -200, 160)]],
    7: [[(0.02, 0.04), (0.64, 0.02), (0.3, 1.0)]],
    8: [[*arc(0.33, 0.25, 0.24, 0.24, 60, -240), *arc(0.33, 0.75, 0.3, 0.26, -110, 250)]],
    9: [[*arc(0.32, 0.28, 0.27, 0.27, -20, -380), (0.56, 0.4), (0.48, 1.0)]],
}  # fmt: skip


def coverage(
    strokes: list[Stroke],
    *,
    height: float = TALL,
    pen: float = 0.1,
    size: tuple[int, int] = SIZE,
    at: tuple[float, float] = (0.5, 0.5),
    rng: Generator | None = None,
) -> Field:
    """Return the share of each pixel that is inked.

    Args:
        strokes: of one digit.
        height: of the digit, in pixels.
        pen: width of the line, as a share of the height.
        size: of the picture.
        at: where the middle of the digit is, as shares of the picture's height and width.
        rng: slants the digit a little and moves its points, as a hand does.
    """
    finer = 2
    turn = np.eye(2)
    if rng is not None:
        turn = np.array([[1, 0], [rng.uniform(-0.25, 0.05), 1]])
    layer = Image.new("L", (size[1] * finer, size[0] * finer))
    draw = ImageDraw.Draw(layer)
    width = max(1, round(pen * height * finer))
    for stroke in strokes:
        points = (np.array(stroke) - (0.33, 0.5)) @ turn
        if rng is not None:
            points += rng.normal(0, 0.008, points.shape)
        points = (points * height + np.multiply(at, size)[::-1]) * finer
        corners = [(x, y) for x, y in points.tolist()]
        draw.line(corners, fill=255, width=width, joint="curve")
        for x, y in (corners[0], corners[-1]):
            reach = width / 2
            draw.ellipse((x - reach, y - reach, x + reach, y + reach), fill=255)
    small = layer.resize((size[1], size[0]), Image.Resampling.BOX)
    return np.asarray(small, np.float32) / 255


def paper(size: tuple[int, int] = SIZE, colour: Colour = PAPER) -> Field:
    return np.broadcast_to(np.array(colour, np.float32), (*size, 3)).copy()


def laid(page: Field, ink: Field, colour: Colour = BLUE) -> Field:
    """Return the ink of a page."""
    return page + ink[..., np.newaxis] * (np.array(colour, np.float32) - page)


def photo(page: Field, rng: Generator, noise: float = 2) -> NDArray[np.uint8]:
    seen = page + rng.normal(0, noise, (*page.shape[:2], 1))
    picture: NDArray[np.uint8] = np.clip(np.rint(seen), 0, 255).astype(np.uint8)
    return picture


Make: TypeAlias = Callable[[list[Stroke], Generator], Any]


def misread(classifier: Classifier, make: Make, seed: int = 0) -> list[tuple[int, int | None]]:
    """Return the digits that are misread, with the answers."""
    wrong = []
    for digit, strokes in DIGITS.items():
        said = classifier.predict(make(strokes, np.random.default_rng((seed, digit))))
        if said.digit != digit:
            wrong.append((digit, said.digit))
    return wrong


# --- pens and papers ----------------------------------------------------------------------------


def _plain(strokes: list[Stroke], rng: Generator) -> Any:
    return photo(laid(paper(), coverage(strokes, rng=rng)), rng)


def _ballpoint(strokes: list[Stroke], rng: Generator) -> Any:
    return photo(laid(paper(), 0.85 * coverage(strokes, pen=0.035, rng=rng)), rng)


def _pencil(strokes: list[Stroke], rng: Generator) -> Any:
    tooth = np.clip(blur(rng.normal(0, 1, SIZE).astype(np.float32), 1) * 2 + 0.85, 0, 1)
    ink = 0.65 * tooth * coverage(strokes, pen=0.05, rng=rng)
    return photo(laid(paper(), ink, (95, 95, 98)), rng)


def _marker(strokes: list[Stroke], rng: Generator) -> Any:
    return photo(laid(paper(), coverage(strokes, pen=0.17, rng=rng), (160, 25, 30)), rng)


def _hair(strokes: list[Stroke], rng: Generator) -> Any:
    return photo(laid(paper(), coverage(strokes, pen=0.018, height=195, rng=rng)), rng)


def _postal(strokes: list[Stroke], rng: Generator) -> Any:
    """Crop tightly and scale to 16 pixels, white on black, as in USPS."""
    ink = coverage(strokes, rng=rng)
    rows, columns = np.flatnonzero(ink.any(axis=1)), np.flatnonzero(ink.any(axis=0))
    tight = Image.fromarray(ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1])
    width = max(4, round(16 * tight.width / tight.height))
    small = Image.new("F", (16, 16))
    small.paste(tight.resize((width, 16), Image.Resampling.BOX), ((16 - width) // 2, 0))
    gray = 255 * np.asarray(small, np.float32)
    return photo(gray[..., np.newaxis], rng, noise=6)[..., 0]


def _brush(strokes: list[Stroke], rng: Generator) -> Any:
    return photo(laid(paper(), coverage(strokes, pen=0.2, height=180, rng=rng)), rng)


def _chalk(strokes: list[Stroke], rng: Generator) -> Any:
    grain = np.clip(blur(rng.normal(0, 1, SIZE).astype(np.float32), 1) * 3 + 0.7, 0, 1)
    ink = 0.8 * grain * coverage(strokes, rng=rng)
    return photo(laid(paper(colour=(38, 62, 50)), ink, (235, 235, 228)), rng)


def _inks(page: Colour, ink: Colour) -> Make:
    def make(strokes: list[Stroke], rng: Generator) -> Any:
        noise = rng.normal(0, 3, (*SIZE, 3))
        return photo(laid(paper(colour=page), coverage(strokes, rng=rng), ink) + noise, rng)

    return make


def _faint(strokes: list[Stroke], rng: Generator) -> Any:
    return photo(laid(paper(), coverage(strokes, rng=rng), (196, 194, 190)), rng)


def _textured(strokes: list[Stroke], rng: Generator) -> Any:
    tooth = blur(rng.normal(0, 1, SIZE).astype(np.float32), 1)
    page = paper() * (1 + 0.05 * tooth / tooth.std())[..., np.newaxis]
    return photo(laid(page, coverage(strokes, rng=rng), (130, 130, 140)), rng)


# --- light and lens -----------------------------------------------------------------------------


def _slope(strokes: list[Stroke], rng: Generator) -> Any:
    light = np.linspace(0.25, 1, SIZE[1], dtype=np.float32)[np.newaxis, :, np.newaxis]
    return photo(light * laid(paper(), coverage(strokes, rng=rng)), rng)


def _vignette(strokes: list[Stroke], rng: Generator) -> Any:
    rows, columns = np.indices(SIZE)
    off = (rows / SIZE[0] - 0.5) ** 2 + (columns / SIZE[1] - 0.5) ** 2
    light = (1 - 1.5 * off).astype(np.float32)[..., np.newaxis]
    return photo(light * laid(paper(), coverage(strokes, rng=rng)), rng)


def _shadow(strokes: list[Stroke], rng: Generator) -> Any:
    rows, columns = np.indices(SIZE)
    edge = rows + rng.uniform(0.4, 0.8) * columns - rng.uniform(0.7, 0.9) * SIZE[0]
    light = np.where(edge < 0, 0.5, 1).astype(np.float32)
    return photo(blur(light, 3)[..., np.newaxis] * laid(paper(), coverage(strokes, rng=rng)), rng)


def _strip(strokes: list[Stroke], rng: Generator) -> Any:
    """Cast a finger's shadow across the digit, narrower than the window of the paper estimate."""
    columns = np.indices(SIZE)[1]
    start = rng.uniform(0.4, 0.5) * SIZE[1]
    light = np.where((columns > start) & (columns < start + 60), 0.72, 1).astype(np.float32)
    return photo(blur(light, 2)[..., np.newaxis] * laid(paper(), coverage(strokes, rng=rng)), rng)


def _noisy(strokes: list[Stroke], rng: Generator) -> Any:
    return photo(laid(paper(), coverage(strokes, rng=rng), (110, 110, 120)), rng, noise=28)


def _blurred(strokes: list[Stroke], rng: Generator) -> Any:
    return photo(laid(paper(), blur(coverage(strokes, rng=rng), 7)), rng)


def _blocks(strokes: list[Stroke], rng: Generator) -> Any:
    stream = io.BytesIO()
    page = laid(paper(), coverage(strokes, rng=rng), (120, 120, 130))
    Image.fromarray(photo(page, rng, noise=6)).save(stream, "JPEG", quality=8)
    return stream.getvalue()


# --- what else is on the paper ------------------------------------------------------------------


def _specks(strokes: list[Stroke], rng: Generator) -> Any:
    layer = Image.new("L", (SIZE[1], SIZE[0]))
    draw = ImageDraw.Draw(layer)
    for _ in range(60):
        x, y, reach = rng.uniform(0, SIZE[1]), rng.uniform(0, SIZE[0]), rng.uniform(0.7, 2.5)
        draw.ellipse((x - reach, y - reach, x + reach, y + reach), fill=255)
    dirt = np.asarray(layer, np.float32) / 255
    return photo(laid(laid(paper(), dirt, BLACK), coverage(strokes, rng=rng)), rng)


def _smudged(strokes: list[Stroke], rng: Generator) -> Any:
    clouds = blur(rng.normal(0, 1, SIZE).astype(np.float32), 25)
    page = paper() * (1 - 0.15 * np.clip(clouds / clouds.std(), 0, 2))[..., np.newaxis]
    return photo(laid(page, coverage(strokes, rng=rng)), rng)


def _rules(*, squares: bool, every: int, tilt: float) -> Make:
    def make(strokes: list[Stroke], rng: Generator) -> Any:
        rows, columns = np.indices(SIZE)
        page, start = paper(), rng.uniform(0, every)
        for one, other in ((rows, columns), (columns, -rows))[: 1 + squares]:
            line = (one + tilt * other + start) % every < 2
            page = laid(page, line.astype(np.float32), (130, 150, 185))
        return photo(laid(page, coverage(strokes, rng=rng)), rng)

    return make


def _borders(strokes: list[Stroke], rng: Generator) -> Any:
    """Draw some of the four lines of a roughly cut cell."""
    page = paper()
    top, left, bottom, right = rng.integers(3, 20, 4)
    page[top : top + 4] = page[:, left : left + 5] = 40
    page[-bottom - 5 : -bottom] = page[:, -right - 4 : -right] = 40
    return photo(laid(page, coverage(strokes, rng=rng)), rng)


def _slivers(strokes: list[Stroke], rng: Generator) -> Any:
    """Draw the ends of neighboring digits at both sides."""
    page = laid(paper(), coverage(DIGITS[3], at=(0.5, -0.13), height=165), BLACK)
    page = laid(page, coverage(DIGITS[0], at=(0.45, 1.15), height=165), BLACK)
    return photo(laid(page, coverage(strokes, rng=rng), PALE), rng)


# --- where the digit is -------------------------------------------------------------------------


def _far_off(strokes: list[Stroke], rng: Generator) -> Any:
    size = (450, 600)
    at = (rng.choice((0.15, 0.85)), rng.choice((0.12, 0.88)))
    return photo(laid(paper(size), coverage(strokes, size=size, height=100, at=at, rng=rng)), rng)


def _tiny(strokes: list[Stroke], rng: Generator) -> Any:
    size = (960, 1280)
    at = (rng.uniform(0.2, 0.8), rng.uniform(0.2, 0.8))
    ink = coverage(strokes, size=size, height=80, pen=0.12, at=at, rng=rng)
    return photo(laid(paper(size), ink), rng)


def _touching(strokes: list[Stroke], rng: Generator) -> Any:
    """Cut the picture so that the digit touches its lower edge."""
    page = laid(paper(), coverage(strokes, rng=rng))
    foot = int(np.flatnonzero(coverage(strokes).any(axis=1))[-1])
    return photo(page[: foot - 4], rng)


NUISANCES: dict[str, Make] = {
    "plain": _plain,
    "ballpoint": _ballpoint,
    "pencil": _pencil,
    "marker": _marker,
    "thin strokes": _hair,
    "thick strokes": _brush,
    "chalk": _chalk,
    "red on pink": _inks((235, 150, 150), (215, 30, 40)),
    "yellow on white": _inks((240, 240, 236), (235, 205, 40)),
    "green on yellow": _inks((245, 228, 120), (70, 160, 60)),
    "orange on blue-gray": _inks((150, 160, 175), (205, 120, 60)),
    # As bright as their papers, to the eye and to luma.
    "red on gray": _inks((128, 128, 128), (222, 90, 80)),
    "green on pink": _inks((225, 140, 160), (90, 205, 130)),
    "yellow on black": _inks((30, 30, 36), (225, 200, 60)),
    "low contrast": _faint,
    "paper texture": _textured,
    "uneven light": _slope,
    "vignetting": _vignette,
    "shadow": _shadow,
    "narrow shadow": _strip,
    "noise": _noisy,
    "blur": _blurred,
    "JPEG blocks": _blocks,
    "specks": _specks,
    "smudges": _smudged,
    "ruled": _rules(squares=False, every=39, tilt=0.02),
    "squared": _rules(squares=True, every=33, tilt=-0.03),
    "cell borders": _borders,
    "slivers of neighbours": _slivers,
    "far off centre": _far_off,
    "tiny": _tiny,
    "16x16": _postal,
    "touching the frame": _touching,
}


@pytest.mark.slow
@pytest.mark.parametrize("nuisance", NUISANCES)
def test_digits_are_read_despite(nuisance: str, classifier: Classifier) -> None:
    assert len(misread(classifier, NUISANCES[nuisance])) <= 1


@pytest.mark.slow
@pytest.mark.parametrize("pen", [0.006, 0.01, 0.03, 0.1, 0.2, 0.3])
def test_strokes_are_normalized_to_the_width_of_mnists(pen: float) -> None:
    amounts = []
    for digit in (0, 2, 4, 7, 9):
        ink = coverage(DIGITS[digit], height=600, size=(800, 1000), pen=pen)
        page = laid(paper((800, 1000)), ink, BLACK)
        amounts.append(preprocess(photo(page, np.random.default_rng(digit))).pixels.sum() / 255)
    # MNIST's validation digits have 103 pixels of ink on average; a hair line would leave 30.
    assert 60 <= np.mean(amounts) <= 155


# --- what is no digit ---------------------------------------------------------------------------


def test_camera_noise_alone_is_blank(classifier: Classifier) -> None:
    for sigma in (3, 12, 40):
        for seed in range(4):
            picture = photo(paper(), np.random.default_rng(seed), noise=sigma)
            assert classifier.predict(picture).abstained == "blank"


# --- digits as some people write them -----------------------------------------------------------

BARRED = [(0.14, 0.5), (0.6, 0.46)]
SHAPES: dict[str, tuple[int, list[Stroke]]] = {
    "barred 7": (7, [*DIGITS[7], BARRED]),
    "7 with its bar apart": (7, [[(0.02, 0.04), (0.6, 0.02)], [(0.62, 0.1), (0.3, 1.0)]]),
    "hooked 1": (1, [[(0.1, 0.3), (0.38, 0.0), (0.36, 1.0)]]),
    "hooked 1 on a foot": (1, [[(0.14, 0.26), (0.36, 0.0), (0.36, 0.98)], [(0.1, 1), (0.6, 1)]]),
    "open 4": (4, DIGITS[4]),
    "4 in two strokes apart": (
        4,
        [[(0.02, 0.0), (0.0, 0.52), (0.38, 0.5)], [(0.6, 0.05), (0.57, 1.0)]],
    ),
    "5 with its bar apart": (
        5,
        [
            [(0.12, 0.12), (0.1, 0.45), *arc(0.28, 0.7, 0.32, 0.29, -120, 150)],
            [(0.25, 0.0), (0.66, 0.0)],
        ],
    ),
    "8 of two rings": (
        8,
        [arc(0.33, 0.22, 0.22, 0.2, 0, 360), arc(0.33, 0.78, 0.28, 0.22, 0, 360)],
    ),
}


def worst_difference(strokes: list[Stroke]) -> float:
    """Return the largest mean difference between a photo and a drawing, in gray levels."""
    worst = 0.0
    for seed in range(4):
        ink = coverage(strokes, rng=np.random.default_rng(seed))
        seen = preprocess(photo(laid(paper(), ink), np.random.default_rng(seed))).pixels
        drawn = preprocess(np.rint(255 * (1 - ink)).astype(np.uint8)).pixels
        worst = max(worst, float(np.abs(seen.astype(int) - drawn).mean()))
    return worst


@pytest.mark.parametrize("shape", SHAPES)
def test_every_stroke_of_a_digit_is_kept(shape: str) -> None:
    _, strokes = SHAPES[shape]
    assert worst_difference(strokes) < DIFFERENCE


@pytest.mark.parametrize("shape", SHAPES)
def test_digits_of_unusual_shapes_are_read(shape: str, classifier: Classifier) -> None:
    digit, strokes = SHAPES[shape]
    for seed in range(3):
        rng = np.random.default_rng(seed)
        said = classifier.predict(photo(laid(paper(), coverage(strokes, rng=rng)), rng))
        assert said.digit == digit


def test_a_lone_speck_is_blank(classifier: Classifier) -> None:
    pixels = np.full((120, 160), 255, np.uint8)
    pixels[60:63, 80:83] = 0
    assert classifier.predict(pixels).abstained == "blank"


def test_a_horizontal_bar_is_not_a_digit(classifier: Classifier) -> None:
    pixels = np.full((120, 160), 255, np.uint8)
    pixels[55:65, 40:120] = 0
    assert classifier.predict(pixels).abstained == "not-one-digit"
