# ruff: noqa: INP001  # scripts, not a package
"""Pictures of digits as other people take them, made from MNIST's validation digits.

A digit's centre line is redrawn with a pen at any size, on paper that is drawn as well, and then
photographed: light, lens, sensor, JPEG. Nothing is pasted, so that no box of 28x28 pixels betrays
where a digit came from. The same seed gives the same pictures.

    >>> for picture in make("ruled", severity=2, count=3, seed=0):
    ...     print(picture.truth, picture.image.size)

    python benchmarks/hard_pictures.py ruled sheet.png    # have a look
"""

from __future__ import annotations

import argparse
import io
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from mnist_edge.data import mnist
from mnist_edge.data.mnist import Mnist

SEVERITIES = (1, 2, 3)

Field: TypeAlias = NDArray[np.float32]
Colour: TypeAlias = tuple[float, float, float]
_T = TypeVar("_T")
Made: TypeAlias = tuple[Image.Image, str | None]

_FINER = 4
"""Times that a digit is enlarged before its centre line is looked for."""
_COARSE = 96
"""Rows on which the distance from a centre line is measured before it is enlarged."""
_WORK = (240, 1100)
"""Longest side, in pixels, at which a picture is drawn before it is scaled to its own size."""
_SMALLEST_DIGIT = 19
"""Pixels of a digit's height below which a person no longer reads it with ease."""
_EXAMPLES = 6_000
"""Training digits that a digit is compared with."""
_LETTERS = "AEFHKMNRWXahkmnwx"
"""Letters that nobody takes for a digit."""


@dataclass(frozen=True, kw_only=True)
class HardPicture:
    """A picture and what a person reads in it."""

    image: Image.Image
    truth: str | None
    """Its digits in reading order; None where there are none."""
    condition: str
    severity: int


@dataclass(frozen=True, kw_only=True)
class _Pen:
    width: tuple[float, float]
    """Of the stroke, as shares of the digit's height."""
    colours: tuple[Colour, ...]
    opacity: tuple[float, float]
    grain: float = 0.0
    """Share of the ink that the roughness of the paper leaves out."""
    pressure: float = 0.08
    """How much the width varies along the stroke."""


_INKS = ((28.0, 28.0, 32.0), (25.0, 35.0, 110.0), (40.0, 60.0, 150.0))
_BALLPOINT = _Pen(width=(0.045, 0.08), colours=_INKS, opacity=(0.8, 0.95), grain=0.15, pressure=0.2)
_PENCIL = _Pen(
    width=(0.05, 0.09), colours=((75, 75, 78), (95, 95, 98)), opacity=(0.65, 0.85), grain=0.35
)
_FELT = _Pen(width=(0.08, 0.12), colours=_INKS, opacity=(0.92, 1.0))
_MARKER = _Pen(
    width=(0.13, 0.18), colours=(*_INKS, (160, 25, 30), (20, 95, 50)), opacity=(0.85, 0.97)
)
_CHALK = _Pen(
    width=(0.08, 0.13), colours=((235, 235, 228), (240, 225, 150)), opacity=(0.7, 0.9), grain=0.6
)
_PENS = (_BALLPOINT, _BALLPOINT, _PENCIL, _FELT, _MARKER)

_WHITES: tuple[Colour, ...] = ((246, 246, 244), (238, 236, 230), (228, 228, 230), (216, 211, 200))
_PAPERS: tuple[Colour, ...] = (
    (245, 228, 120),
    (240, 190, 200),
    (180, 210, 235),
    (190, 160, 120),
    (185, 220, 180),
    (230, 170, 110),
)
_TINTED_INKS: tuple[Colour, ...] = (
    (180, 30, 40),
    (40, 60, 160),
    (20, 110, 60),
    (100, 50, 130),
    (200, 90, 20),
    (30, 30, 35),
)
_BOARDS: tuple[Colour, ...] = ((38, 62, 50), (30, 32, 34), (52, 78, 66), (45, 50, 60))
_TABLES: tuple[Colour, ...] = ((120, 85, 55), (60, 55, 52), (150, 140, 130), (90, 60, 40))


def make(condition: str, severity: int, count: int, seed: int) -> Iterator[HardPicture]:
    """Pictures under one condition.

    Args:
        condition: one of ``CONDITIONS``.
        severity: 1 mild, 2 usual, 3 hard.
        count: how many; a picture stays the same whatever the count.
        seed: another gives other pictures.
    """
    draw = CONDITIONS[condition]
    for index in range(count):
        rng = np.random.default_rng((seed, zlib.crc32(condition.encode()), severity, index))
        image, truth = draw(rng, severity)
        yield HardPicture(image=image, truth=truth, condition=condition, severity=severity)


class _Sheet:
    """A sheet of paper in front of a camera.

    Args:
        rng: makes every choice.
        share: height of the digits to be written, as a share of the sheet's.
        paper: the colour of the sheet; without it one of several whites.
        smallest: longest side, in pixels, that the picture has at least.
    """

    def __init__(
        self,
        rng: Generator,
        *,
        share: float | None = None,
        paper: Colour | None = None,
        smallest: float = 28,
    ) -> None:
        self.rng = rng
        share = share or rng.uniform(0.3, 0.75)
        self.longest = _longest_side(rng, max(smallest, _SMALLEST_DIGIT / share * 1.34))
        work = float(np.clip(self.longest, *_WORK))
        aspect = rng.choice((4 / 3, 3 / 4, 1.0, rng.uniform(0.75, 1.33)))
        self.size = (round(work / max(1, aspect)), round(work * min(1, aspect)))
        # A digit may be as wide as it is high.
        self.digit_height = min(share * self.size[0], 0.8 * self.size[1])
        colour = _pick(rng, _WHITES) if paper is None else paper
        tone = 1 + 0.006 * rng.standard_normal(self.size, np.float32)
        tone += np.float32(0.008) * _clouds(rng, self.size, min(self.size) / 3)
        self.colours: Field = np.array(colour, np.float32) * tone[..., np.newaxis]

    def ink(self, coverage: Field, colour: Colour, top: int = 0, left: int = 0) -> None:
        """Lays colour on where ``coverage`` is 1, from (top, left) on; off the sheet is lost."""
        height, width = coverage.shape
        rows = slice(max(0, top), max(0, top + height))
        columns = slice(max(0, left), max(0, left + width))
        spot = self.colours[rows, columns]
        first_row, first_column = max(0, -top), max(0, -left)
        seen = coverage[first_row:, first_column:][: spot.shape[0], : spot.shape[1], np.newaxis]
        spot += seen * (np.array(colour, np.float32) - spot)

    def lines(
        self, spacing: float, *, width: float, tilt: float, colour: Colour, opacity: float
    ) -> None:
        """Rules the sheet; a tilt of 0 degrees is level, one of 90 upright."""
        angle = np.radians(tilt)
        rows, columns = np.ogrid[: self.size[0], : self.size[1]]
        across = rows * np.cos(angle) + columns * np.sin(angle) + self.rng.uniform(0, spacing)
        distance = np.abs(across % spacing - spacing / 2)
        self.ink(np.float32(opacity) * _edge(distance - width / 2), colour)

    def digit(self, pen: _Pen | None = None, place: tuple[float, float] | None = None) -> str:
        """Writes one digit and says which; ``place`` is 0..1 of the room that there is."""
        label, line = _some_digit(self.rng)
        pen = _held(self.rng, pen or _pick_pen(self.rng))
        coverage = _mark(self.rng, line, self.digit_height, pen)
        room = np.subtract(self.size, coverage.shape)
        spot = self.rng.uniform(0.25, 0.75, 2) if place is None else np.array(place)
        top, left = np.rint(np.maximum(room, 0) * spot + np.minimum(room, 0) / 2).astype(int)
        self.ink(coverage, pen.colours[0], int(top), int(left))
        return label

    def row(self, count: int, pen: _Pen, top: float, left: float, gaps: list[float]) -> str:
        """Writes digits on a line, up to the edge of the sheet.

        A gap is a share of the height, and below 0 the digits touch.
        """
        truth, baseline, right = "", top + self.digit_height, left
        previous: Field | None = None
        for gap in gaps[:count]:
            label, line = _some_digit(self.rng)
            height = self.digit_height * self.rng.uniform(0.9, 1.08)
            coverage = _mark(self.rng, line, height, pen, tilt=6)
            if previous is not None:
                right += gap * self.digit_height
                if gap < 0:
                    right -= _slack(previous, coverage) - gap * self.digit_height
            if right + coverage.shape[1] > 0.98 * self.size[1]:
                break
            drop = self.rng.uniform(-0.05, 0.05) * self.digit_height
            self.ink(
                coverage, pen.colours[0], round(baseline + drop) - coverage.shape[0], round(right)
            )
            right += coverage.shape[1]
            previous = coverage
            truth += label
        return truth

    def warp(self, corners: NDArray[np.float64]) -> None:
        """Looks at the sheet askew: what is at ``corners`` (x, y) comes to the frame's corners."""
        height, width = self.size
        frame = np.array([(0, 0), (width, 0), (width, height), (0, height)], float)
        equations = [
            row
            for (x, y), (u, v) in zip(frame, corners, strict=True)
            for row in (
                (x, y, 1, 0, 0, 0, -u * x, -u * y),
                (0, 0, 0, x, y, 1, -v * x, -v * y),
            )
        ]
        solution = np.linalg.solve(np.array(equations), corners.ravel())
        # Beyond the sheet lies a table.
        table = tuple(int(value) for value in _pick(self.rng, _TABLES))
        seen = self._image().transform(
            (width, height),
            Image.Transform.PERSPECTIVE,
            solution.tolist(),
            Image.Resampling.BICUBIC,
            fillcolor=table,
        )
        self.colours = np.array(seen, np.float32)

    def shade(self, light: Field) -> None:
        """Lights the sheet; 1 is the light that it was drawn under."""
        self.colours *= light[..., np.newaxis]

    def blur(self, sigma: float) -> None:
        """Puts it out of focus."""
        for channel in range(3):
            self.colours[..., channel] = _blur(self.colours[..., channel], sigma)

    def smear(self, length: float) -> None:
        """Moves the camera while the shutter is open."""
        angle, steps = self.rng.uniform(0, np.pi), max(2, round(length))
        offsets = np.linspace(-length / 2, length / 2, steps)
        padding = int(length)
        padded = np.pad(self.colours, ((padding,) * 2, (padding,) * 2, (0, 0)), mode="edge")
        height, width = self.size
        total = np.zeros_like(self.colours)
        for offset in offsets:
            top = padding + round(offset * np.sin(angle))
            left = padding + round(offset * np.cos(angle))
            total += padded[top : top + height, left : left + width]
        self.colours = total / np.float32(steps)

    def scan(self) -> Image.Image:
        """What a flatbed scanner makes of it."""
        return self._sized(self._image())

    def photograph(
        self, *, light: float = 0.12, noise: float = 1.5, quality: int | None = None
    ) -> Image.Image:
        """What a telephone makes of it: some gradient, some noise, JPEG."""
        self.shade(_slope(self.rng, self.size, light * self.rng.uniform(0.3, 1)))
        # Cameras leave the paper between grey and white, and rarely neutral.
        exposure = self.rng.uniform(0.72, 1.0) * self.rng.uniform(0.98, 1.02, 3)
        self.colours *= exposure.astype(np.float32)
        self.colours += noise * self.rng.standard_normal((*self.size, 1), np.float32)
        coarse = (max(2, self.size[0] // 2), max(2, self.size[1] // 2))
        for channel in range(3):
            chroma = self.rng.standard_normal(coarse, np.float32)
            self.colours[..., channel] += np.float32(0.6 * noise) * _resized(chroma, self.size)
        image = self._sized(self._image())
        return _jpeg(image, quality or int(self.rng.integers(70, 95)))

    def _image(self) -> Image.Image:
        return Image.fromarray(np.clip(np.rint(self.colours), 0, 255).astype(np.uint8))

    def _sized(self, image: Image.Image) -> Image.Image:
        scale = self.longest / max(self.size)
        size = (round(image.width * scale), round(image.height * scale))
        return image if size == image.size else image.resize(size, Image.Resampling.BICUBIC)


# --- conditions ---------------------------------------------------------------------------------


def _clean(rng: Generator, severity: int) -> Made:
    pens = ((_FELT, _MARKER), (_BALLPOINT, _FELT), (_BALLPOINT, _PENCIL))[severity - 1]
    sheet = _Sheet(rng, paper=(250, 250, 250))
    truth = sheet.digit(pens[rng.integers(len(pens))])
    return sheet.scan(), truth


def _light(rng: Generator, severity: int) -> Made:
    sheet = _Sheet(rng)
    truth = sheet.digit()
    depth = (0.3, 0.5, 0.65)[severity - 1]
    kinds = rng.permutation(3)[: 1 + (severity == 3)]
    if 0 in kinds:
        sheet.shade(_slope(rng, sheet.size, depth))
    if 1 in kinds:
        sheet.shade(_vignette(rng, sheet.size, depth))
    if 2 in kinds:
        sheet.shade(_shadow(rng, sheet.size, 0.8 * depth))
    return sheet.photograph(), truth


def _tint(rng: Generator, severity: int) -> Made:
    least = (90, 65, 42)[severity - 1]
    while True:
        paper, ink = _pick(rng, _PAPERS), _pick(rng, _TINTED_INKS)
        if least <= _grey(paper) - _grey(ink) <= least + 60:
            break
    sheet = _Sheet(rng, paper=paper)
    pen = replace(_pick_pen(rng), colours=(ink,), opacity=(0.9, 1.0))
    truth = sheet.digit(pen)
    return sheet.photograph(), truth


def _low_contrast(rng: Generator, severity: int) -> Made:
    paper = _pick(rng, _WHITES)
    if rng.random() < 0.3:
        paper = tuple(0.7 * value for value in paper)  # type: ignore[assignment]
    contrast = rng.uniform(*((60, 80), (40, 55), (26, 38))[severity - 1])
    ink = (paper[0] - contrast, paper[1] - contrast, paper[2] - contrast)
    sheet = _Sheet(rng, paper=paper)
    truth = sheet.digit(replace(_FELT, colours=(ink,), opacity=(1, 1), width=(0.07, 0.13)))
    return sheet.photograph(noise=0.8), truth


def _ruled(rng: Generator, severity: int) -> Made:
    sheet = _Sheet(rng, share=rng.uniform(0.3, 0.6), smallest=120)
    _rule(sheet, severity)
    truth = sheet.digit()
    return sheet.photograph(), truth


def _squared(rng: Generator, severity: int) -> Made:
    sheet = _Sheet(rng, share=rng.uniform(0.3, 0.6), smallest=120)
    _square(sheet, severity)
    truth = sheet.digit()
    return sheet.photograph(), truth


def _cell(rng: Generator, severity: int) -> Made:
    """A cell of a printed table, cut out by a program that found it only roughly."""
    sheet = _Sheet(rng, share=rng.uniform(0.28, 0.4), smallest=90)
    height, width = sheet.size
    pitch = np.array((0.72 * height, 0.72 * width))
    origin = (np.array(sheet.size) - pitch) / 2
    _table(sheet, origin, pitch, severity)
    pen = _held(rng, _pick_pen(rng))
    truth = sheet.digit(pen, (rng.uniform(0.4, 0.6), rng.uniform(0.4, 0.6)))
    for side in rng.permutation(4)[: severity - 1]:
        _neighbour(sheet, pen, int(side), pitch)
    # How much of the border is left in the picture, and how askew it is.
    inset = np.array((width, height)) * rng.uniform((0.08, 0.05, 0.02)[severity - 1], 0.14)
    frame = np.array([(0, 0), (width, 0), (width, height), (0, height)], float)
    inward = np.sign(np.array((width, height)) / 2 - frame)
    askew = rng.uniform(-1, 1, (4, 2)) * (0.01, 0.025, 0.045)[severity - 1] * height
    if rng.random() < 0.3:
        sheet.shade(_slope(rng, sheet.size, 0.15 * severity))
    turn = _turn(rng.uniform(-1, 1) * (1, 3, 6)[severity - 1])
    middle = np.array((width, height)) / 2
    sheet.warp((frame + inward * inset + askew - middle) @ turn + middle)
    return sheet.photograph(), truth


def _off_centre(rng: Generator, severity: int) -> Made:
    share = rng.uniform(*((0.25, 0.4), (0.12, 0.2), (1 / 12, 1 / 9))[severity - 1])
    touching = severity == 3 and rng.random() < 0.4
    sheet = _Sheet(rng, share=rng.uniform(0.3, 0.7) if touching else share)
    place = rng.uniform(0.02, 0.98, 2)
    if touching:
        place[rng.integers(2)] = rng.integers(2)
    pen = _pick(rng, (_FELT, _MARKER, _BALLPOINT))
    truth = sheet.digit(pen, (place[0], place[1]))
    return sheet.photograph(), truth


def _blurred(rng: Generator, severity: int) -> Made:
    sheet = _Sheet(rng, smallest=100)
    truth = sheet.digit()
    if rng.random() < 0.5:
        sheet.blur((0.02, 0.035, 0.05)[severity - 1] * sheet.digit_height)
    else:
        sheet.smear((0.06, 0.11, 0.16)[severity - 1] * sheet.digit_height)
    return sheet.photograph(), truth


def _noise(rng: Generator, severity: int) -> Made:
    sheet = _Sheet(rng, smallest=100)
    truth = sheet.digit()
    sheet.shade(np.full(sheet.size, rng.uniform(0.5, 0.9), np.float32))
    quality = (50, 35, 20)[severity - 1]
    return sheet.photograph(noise=(7, 14, 22)[severity - 1], quality=quality), truth


def _texture(rng: Generator, severity: int) -> Made:
    sheet = _Sheet(rng, smallest=150)
    _fibres(sheet, severity)
    truth = sheet.digit()
    _dirt(sheet, severity)
    return sheet.photograph(), truth


def _perspective(rng: Generator, severity: int) -> Made:
    sheet = _Sheet(rng, share=rng.uniform(0.3, 0.5), smallest=150)
    truth = sheet.digit()
    _tilt(sheet, severity)
    return sheet.photograph(light=0.25), truth


def _thin(rng: Generator, severity: int) -> Made:
    width = ((0.04, 0.05), (0.028, 0.038), (0.018, 0.026))[severity - 1]
    sheet = _Sheet(rng, smallest=200)
    truth = sheet.digit(replace(_pick(rng, (_BALLPOINT, _FELT)), width=width))
    return sheet.photograph(), truth


def _thick(rng: Generator, severity: int) -> Made:
    width = ((0.15, 0.17), (0.18, 0.2), (0.21, 0.24))[severity - 1]
    sheet = _Sheet(rng)
    truth = sheet.digit(replace(_MARKER, width=width))
    return sheet.photograph(), truth


def _board(rng: Generator, severity: int) -> Made:
    sheet = _Sheet(rng, paper=_pick(rng, _BOARDS), smallest=100)
    _wiped(sheet, severity)
    grain = (0.35, 0.6, 0.8)[severity - 1]
    opacity = ((0.85, 0.95), (0.65, 0.85), (0.5, 0.65))[severity - 1]
    truth = sheet.digit(replace(_CHALK, grain=grain, opacity=opacity))
    return sheet.photograph(light=0.2, noise=2), truth


def _postal(rng: Generator, severity: int) -> Made:
    """What the US mail's own digits look like: 16x16, grey, filled to the edge."""
    label, line = _some_digit(rng)
    pen = _held(rng, replace(_FELT, width=(0.08, 0.15), opacity=(1, 1), grain=0))
    coverage = _mark(rng, line, 128, pen, tilt=5)
    longest = max(coverage.shape)
    square = np.zeros((longest, longest), np.float32)
    top, left = (longest - coverage.shape[0]) // 2, (longest - coverage.shape[1]) // 2
    square[top : top + coverage.shape[0], left : left + coverage.shape[1]] = coverage
    small = Image.fromarray(square).resize((16, 16), Image.Resampling.BOX)
    ink = _blur(np.array(small), (0.0, 0.3, 0.5)[severity - 1])
    ink += (0.0, 0.02, 0.05)[severity - 1] * rng.standard_normal(ink.shape, np.float32)
    # Half of the copies that go round are white on black.
    grey = np.clip(ink if rng.random() < 0.5 else 1 - ink, 0, 1)
    return Image.fromarray(np.rint(255 * grey).astype(np.uint8)), label


def _number(rng: Generator, severity: int) -> Made:
    count = int(rng.integers(2, 4))
    sheet = _Sheet(rng, share=rng.uniform(0.22, 0.32), smallest=150)
    pen = _held(rng, _pick_pen(rng))
    widest = (0.35, 0.2, 0.12)[severity - 1]
    gaps = [
        -0.01 if severity == 3 and rng.random() < 0.5 else rng.uniform(0.4, 1.0) * widest
        for _ in range(count)
    ]
    top = rng.uniform(0.3, 0.7) * (sheet.size[0] - 1.2 * sheet.digit_height)
    left = rng.uniform(0.02, 0.1) * sheet.size[1]
    truth = sheet.row(count, pen, top, left, gaps)
    return sheet.photograph(), truth


def _page(rng: Generator, severity: int) -> Made:
    rows = (2, 4, 6)[severity - 1]
    sheet = _Sheet(rng, share=0.55 / (rows + 1), smallest=400)
    pitch = sheet.size[0] / (rows + 0.4)
    if rng.random() < 0.5:
        sheet.lines(pitch, width=1.2, tilt=rng.normal(0, 0.4), colour=(120, 150, 200), opacity=0.3)
    pen = _held(rng, _pick(rng, (_BALLPOINT, _FELT, _PENCIL)))
    truth = ""
    for row in range(rows):
        left = rng.uniform(0.04, 0.12) * sheet.size[1]
        room = int((0.84 * sheet.size[1] - left) / sheet.digit_height)
        count = max(2, min(room, int(rng.integers(3, 9))))
        gaps = [0.25, *rng.uniform(0.2, 0.45, count - 1).tolist()]
        truth += sheet.row(count, pen, (row + 0.4) * pitch, left, gaps)
    return sheet.photograph(light=0.2), truth


def _nothing(rng: Generator, severity: int) -> Made:
    kinds: tuple[Callable[[_Sheet, int], None], ...] = (
        _leave_blank,
        _rule,
        _square,
        _fibres_and_dirt,
        _scenery,
        _scribble,
        _shapes,
        _letter,
    )
    sheet = _Sheet(rng, smallest=100, paper=_pick(rng, _BOARDS) if rng.random() < 0.1 else None)
    kinds[rng.integers(len(kinds))](sheet, severity)
    sheet.shade(_slope(rng, sheet.size, (0.1, 0.3, 0.5)[severity - 1]))
    if rng.random() < 0.25 * severity:
        sheet.shade(_shadow(rng, sheet.size, 0.35))
    return sheet.photograph(noise=(1, 4, 12)[severity - 1]), None


CONDITIONS: dict[str, Callable[[Generator, int], Made]] = {
    "clean": _clean,
    "light": _light,
    "tint": _tint,
    "low-contrast": _low_contrast,
    "ruled": _ruled,
    "squared": _squared,
    "cell": _cell,
    "off-centre": _off_centre,
    "blur": _blurred,
    "noise": _noise,
    "texture": _texture,
    "perspective": _perspective,
    "thin": _thin,
    "thick": _thick,
    "board": _board,
    "postal": _postal,
    "number": _number,
    "page": _page,
    "nothing": _nothing,
}


# --- what is on the paper -----------------------------------------------------------------------


def _rule(sheet: _Sheet, severity: int) -> None:
    rng = sheet.rng
    sheet.lines(
        sheet.digit_height / rng.uniform(*((0.6, 0.9), (0.9, 1.4), (1.4, 2.5))[severity - 1]),
        width=max(1.0, rng.uniform(0.008, 0.018) * sheet.digit_height),
        tilt=rng.uniform(-1, 1) * (1, 2, 4)[severity - 1],
        colour=_pick(rng, ((90, 130, 190), (120, 120, 130), (80, 150, 170))),
        opacity=rng.uniform(*((0.25, 0.4), (0.4, 0.6), (0.6, 0.85))[severity - 1]),
    )
    if rng.random() < 0.3:
        margin = rng.uniform(0.05, 0.2) * sheet.size[1]
        columns = np.arange(sheet.size[1], dtype=np.float32)[np.newaxis]
        line = np.broadcast_to(_edge(np.abs(columns - margin) - 1), sheet.size)
        sheet.ink(np.float32(0.5) * line, (205, 80, 80))


def _square(sheet: _Sheet, severity: int) -> None:
    rng = sheet.rng
    tilt = rng.uniform(-1, 1) * (1, 2, 4)[severity - 1]
    squares = rng.uniform(*((0.8, 1.3), (1.3, 2.2), (2.2, 3.5))[severity - 1])
    width = max(1.0, rng.uniform(0.008, 0.018) * sheet.digit_height)
    colour = _pick(rng, ((100, 140, 195), (130, 130, 140), (110, 170, 140)))
    opacity = rng.uniform(*((0.25, 0.4), (0.35, 0.5), (0.45, 0.65))[severity - 1])
    for angle in (tilt, tilt + 90):
        sheet.lines(
            sheet.digit_height / squares, width=width, tilt=angle, colour=colour, opacity=opacity
        )


def _table(
    sheet: _Sheet, origin: NDArray[np.float64], pitch: NDArray[np.float64], severity: int
) -> None:
    """The border of a cell: its lines solid, dashed or dotted, some double, some missing."""
    rng, height = sheet.rng, sheet.size[0]
    border = np.zeros(sheet.size, np.float32)
    rows, columns = np.ogrid[:height, : sheet.size[1]]
    thick = max(1.0, rng.uniform(0.008, 0.025) * height)
    dash, filled = ((0.0, 1.0), (rng.uniform(0.05, 0.09) * height, 0.6), (2.2 * thick, 0.5))[
        rng.choice(3, p=(0.75, 0.15, 0.1))
    ]
    double = rng.random() < 0.12
    missing = -1 if rng.random() < 0.7 else int(rng.integers(4))
    for at, along, edge in ((rows, columns, 0), (columns, rows, 1)):
        for step in (0, 1):
            distance = np.abs(at - (origin[edge] + step * pitch[edge]))
            heavy = thick * rng.choice((1.0, 1.0, 2.2))
            line = _edge(distance - heavy / 2)
            if double:
                line = _edge(np.abs(distance - heavy) - heavy / 3)
            if dash:
                line = line * _edge(np.abs(along % dash - dash / 2) - filled * dash / 2)
            if 2 * edge + step != missing:
                border = np.maximum(border, np.broadcast_to(line, sheet.size))
    colour = _pick(rng, ((25, 25, 28), (25, 25, 28), (150, 150, 152), (70, 120, 200)))
    sheet.ink(np.float32(rng.uniform(0.7, 0.95)) * border, colour)


def _neighbour(sheet: _Sheet, pen: _Pen, side: int, pitch: NDArray[np.float64]) -> None:
    """The digit of the next cell, which reaches to the border between them."""
    coverage = _mark(sheet.rng, _some_digit(sheet.rng)[1], sheet.digit_height * 1.3, pen)
    along, sign = side % 2, 1 if side < 2 else -1
    at = np.array(sheet.size) / 2
    at[along] += sign * (
        (0.5 + sheet.rng.uniform(-0.04, 0.01)) * pitch[along] + coverage.shape[along] / 2
    )
    top, left = np.rint(at - np.array(coverage.shape) / 2).astype(int)
    sheet.ink(coverage, pen.colours[0], int(top), int(left))


def _fibres(sheet: _Sheet, severity: int) -> None:
    """Recycled paper: short hairs, some dark, and a coarse tooth."""
    rng, (height, width) = sheet.rng, sheet.size
    layer = Image.new("L", (width, height))
    draw = ImageDraw.Draw(layer)
    reach = max(6.0, 0.03 * height)
    for _ in range((60, 150, 300)[severity - 1]):
        steps = np.cumsum(rng.normal(0, 0.35, 6)) + rng.uniform(0, 2 * np.pi)
        path = np.cumsum(np.stack((np.cos(steps), np.sin(steps)), 1), 0) * reach / 6
        path += rng.uniform(0, 1, 2) * (width, height)
        draw.line([(x, y) for x, y in path.tolist()], fill=int(rng.integers(40, 130)))
    hairs = _blur(np.asarray(layer, np.float32) / 255, 0.5)
    sheet.ink(hairs * np.float32((0.4, 0.55, 0.7)[severity - 1]), (110, 95, 75))
    tooth = _blur(rng.standard_normal(sheet.size, np.float32), max(0.8, 0.003 * height))
    tooth *= np.float32((0.015, 0.03, 0.05)[severity - 1]) / tooth.std()
    sheet.shade(1 + tooth)


def _dirt(sheet: _Sheet, severity: int) -> None:
    """Specks, and the smudges of a hand."""
    rng, (height, width) = sheet.rng, sheet.size
    layer = Image.new("L", (width, height))
    draw = ImageDraw.Draw(layer)
    for _ in range((8, 20, 40)[severity - 1]):
        radius = max(0.6, 0.012 * sheet.digit_height * rng.lognormal(0, 0.5))
        x, y = rng.uniform(0, width), rng.uniform(0, height)
        box = (x - radius, y - radius, x + radius, y + radius)
        draw.ellipse(box, fill=int(rng.integers(80, 230)))
    sheet.ink(_blur(np.asarray(layer, np.float32) / 255, 0.6), (60, 50, 45))
    patches = _clouds(rng, sheet.size, height / 3) + 0.5 * _clouds(rng, sheet.size, height / 8)
    patches = np.clip(patches - 1, 0, 1)
    streaks = 0.7 + 0.3 * _clouds(rng, sheet.size, (height / 90, width / 12))
    sheet.shade(1 - np.float32((0.12, 0.2, 0.3)[severity - 1]) * patches * np.clip(streaks, 0, 1))
    if severity > 1:
        _fold(sheet, severity)


def _fold(sheet: _Sheet, severity: int) -> None:
    """A crease: one side a little darker, the edge itself a thin light and shadow."""
    rng = sheet.rng
    distance = _across(rng, sheet.size)
    width = 0.006 * sheet.size[0]
    edge = np.exp(-((distance / width) ** 2)) * np.sign(distance)
    step = 0.5 * (1 + np.tanh(distance / (2 * width)))
    sheet.shade((1 - 0.03 * severity * step + 0.04 * severity * edge).astype(np.float32))


def _fibres_and_dirt(sheet: _Sheet, severity: int) -> None:
    _fibres(sheet, severity)
    _dirt(sheet, severity)


def _wiped(sheet: _Sheet, severity: int) -> None:
    """The clouds of chalk that a dry sponge leaves on a board."""
    rng, (height, width) = sheet.rng, sheet.size
    narrow = _clouds(rng, (height, width), (height / 25, width / 2))
    wide = _clouds(rng, (height, width), min(height, width) / 3)
    haze = np.clip(0.5 + 0.35 * wide + 0.25 * narrow, 0, 1)
    sheet.ink(np.float32((0.06, 0.13, 0.2)[severity - 1]) * haze, (225, 228, 222))


def _tilt(sheet: _Sheet, severity: int) -> None:
    """The page seen from one side, turned a little; at 3 the table shows at the corners."""
    rng, (height, width) = sheet.rng, sheet.size
    squeeze = rng.uniform(0.6, 1) * (0.06, 0.11, 0.16)[severity - 1]
    corners = np.array([(squeeze, 0), (1 - squeeze, 0), (1, 1), (0, 1)])
    corners = (corners - 0.5) @ _turn(int(rng.integers(4)) * 90)
    corners = corners @ _turn(rng.uniform(-1, 1) * (3, 6, 9)[severity - 1])
    corners *= (0.9, 1.0, 1.1)[severity - 1]
    order = np.argsort(np.arctan2(corners[:, 1], corners[:, 0]))
    sheet.warp((corners[order] + 0.5) * (width, height))


def _leave_blank(sheet: _Sheet, severity: int) -> None:
    return


def _scenery(sheet: _Sheet, severity: int) -> None:
    """Whatever else a camera sees: soft shapes over one another, each with its own texture."""
    rng = sheet.rng
    for _ in range(3 + 2 * severity):
        shape = _clouds(rng, sheet.size, rng.uniform(0.15, 0.6) * min(sheet.size))
        cover = _edge((shape - rng.uniform(-0.5, 0.8)) * rng.uniform(3, 60))
        red, green, blue = rng.uniform(30, 220) + rng.normal(0, 18, 3)
        sheet.ink(cover, (red, green, blue))
    detail = np.zeros(sheet.size, np.float32)
    for part in (4, 8, 16, 32, 64):
        detail += _clouds(rng, sheet.size, max(2.0, min(sheet.size) / part)) / np.float32(part)
    sheet.shade(np.clip(1 + np.float32(0.8) * detail, 0.2, 1.8))


def _scribble(sheet: _Sheet, severity: int) -> None:
    """Handwriting that nobody can read: rows of joined-up zigzags."""
    rng, (height, width) = sheet.rng, sheet.size
    layer = Image.new("L", (width, height))
    draw = ImageDraw.Draw(layer)
    tall = height * rng.uniform(0.02, 0.05)
    for baseline in np.arange(0.1 * height, 0.95 * height, 3.5 * tall):
        x = rng.uniform(0.03, 0.15) * width
        while x < 0.9 * width:
            turns = int(rng.integers(8, 24))
            xs = x + np.cumsum(rng.uniform(0.25, 0.6, turns)) * tall
            ys = baseline + np.where(np.arange(turns) % 2, 0, -tall) * rng.uniform(0.5, 1.6, turns)
            word = list(zip(xs.tolist(), ys.tolist(), strict=True))
            draw.line(word, fill=255, width=max(1, round(0.15 * tall)), joint="curve")
            x = xs[-1] + 1.5 * tall
    sheet.ink(_blur(np.asarray(layer, np.float32) / 255, 0.7), _pick(rng, _INKS))


def _shapes(sheet: _Sheet, severity: int) -> None:
    """Triangles, squares, stars and arrows; no ring and no lone stroke, which may be digits."""
    rng, (height, width) = sheet.rng, sheet.size
    outlines = (
        [(0, -1), (0.9, 0.7), (-0.9, 0.7)],
        [(-1, -1), (1, -1), (1, 1), (-1, 1)],
        [
            (0.4 ** (i % 2) * np.sin(np.pi * i / 5), -(0.4 ** (i % 2)) * np.cos(np.pi * i / 5))
            for i in range(10)
        ],
        [(-1, -0.3), (0.2, -0.3), (0.2, -0.8), (1, 0), (0.2, 0.8), (0.2, 0.3), (-1, 0.3)],
    )
    layer = Image.new("L", (width, height))
    draw = ImageDraw.Draw(layer)
    for _ in range(int(rng.integers(1, 2 * severity + 1))):
        size = rng.uniform(0.1, 0.25) * min(height, width)
        outline = np.array(outlines[rng.integers(len(outlines))]) @ _turn(rng.uniform(-20, 20))
        points = outline * size + rng.uniform(0.25, 0.75, 2) * (width, height)
        corners = [(x, y) for x, y in points.tolist()]
        if rng.random() < 0.5:
            draw.polygon(corners, fill=255)
        else:
            draw.line([*corners, *corners[:2]], fill=255, width=max(2, round(0.08 * size)))
    sheet.ink(_blur(np.asarray(layer, np.float32) / 255, 0.7), _pick(rng, _INKS))


def _letter(sheet: _Sheet, severity: int) -> None:
    """One letter or a word, printed or written."""
    rng = sheet.rng
    letters = "".join(rng.choice(list(_LETTERS), int(rng.choice((1, 1, 3)))))
    font = ImageFont.load_default(96)
    left, top, right, bottom = (int(edge) for edge in font.getbbox(letters))
    printed = Image.new("L", (right - left + 8, bottom - top + 8))
    ImageDraw.Draw(printed).text((4 - left, 4 - top), letters, fill=255, font=font)
    height = min(sheet.digit_height, 0.8 * sheet.size[1] * printed.height / printed.width)
    pen = _held(rng, _pick_pen(rng))
    if len(letters) == 1 and rng.random() < 0.5:
        coverage = _mark(rng, _centre_line(np.asarray(printed) > 127), height, pen)
    else:
        size = (round(height * printed.width / printed.height), round(height))
        coverage = np.asarray(printed.resize(size, Image.Resampling.BICUBIC), np.float32) / 255
    top, left = (
        int(rng.uniform(0.2, 0.8) * (room - need))
        for room, need in zip(sheet.size, coverage.shape, strict=True)
    )
    sheet.ink(coverage, pen.colours[0], top, left)


# --- a digit and its pen ------------------------------------------------------------------------


@cache
def _mnist() -> Mnist:
    return mnist.load()


def _some_digit(rng: Generator) -> tuple[str, Field]:
    """What it is, and its centre line."""
    digits = _mnist().validation
    while True:
        index = int(rng.integers(len(digits)))
        line = _digit_line(index)
        if line is not None:
            return str(digits.labels[index]), line


@cache
def _digit_line(index: int) -> Field | None:
    """A digit's centre line; None where that alone is hard to read.

    A loop that its writer filled has no centre line. So that nothing unreadable is asked, and no
    model chooses its own questions, a digit counts if the nearest ones in MNIST are of its kind.
    """
    digits = _mnist().validation
    grey = Image.fromarray(digits.images[index])
    large = grey.resize((28 * _FINER, 28 * _FINER), Image.Resampling.BICUBIC)
    line = _centre_line(np.asarray(large) > 80)
    pen = replace(_FELT, width=(0.13, 0.13), opacity=(1, 1), pressure=0)
    upright = np.random.default_rng(index)
    coverage = _mark(upright, line, 18, pen, tilt=0, slant=0)
    field = np.zeros((28, 28), np.float32)
    rows, columns = min(28, coverage.shape[0]), min(28, coverage.shape[1])
    field[:rows, :columns] = coverage[:rows, :columns]
    total = field.sum()
    for axis, line_sum in enumerate((field.sum(1), field.sum(0))):
        field = np.roll(field, 14 - round(float(line_sum @ np.arange(28) / total)), axis)
    known, labels, squares = _examples()
    nearest = np.argpartition(squares - 2 * (known @ field.ravel()), 3)[:3]
    return line if (labels[nearest] == digits.labels[index]).all() else None


@cache
def _examples() -> tuple[Field, NDArray[np.uint8], Field]:
    """MNIST digits to compare with: their pixels, their labels, and their pixels' squares' sums."""
    train = _mnist().train.take(np.arange(_EXAMPLES))
    pixels = train.images.reshape(_EXAMPLES, -1).astype(np.float32) / 255
    return pixels, train.labels, np.square(pixels).sum(1)


def _centre_line(shape: NDArray[np.bool_]) -> Field:
    """Points (y, x) along the middle of a shape's strokes, its longest side being 1."""
    rows, columns = np.nonzero(_thinned(shape))
    points = np.stack((rows, columns), 1).astype(np.float32)
    # Thinning leaves stairs and burrs; a point that moves to where its neighbours are on average
    # smooths both, and the hand's own corners hardly.
    near = np.exp(-np.square(points[:, np.newaxis] - points).sum(2) / (2 * 2.5**2))
    weights = near.sum(1)
    # What has no neighbours to speak of is a speck.
    kept = weights > 2.5
    return _unit((near @ points / weights[:, np.newaxis])[kept])


def _thinned(shape: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The skeleton of a shape.

    T. Zhang, C. Suen, "A fast parallel algorithm for thinning digital patterns", 1984.
    """
    shape = np.pad(shape, 1)
    ring = ((-1, 0), (-1, 1), (0, 1), (1, 1), (1, 0), (1, -1), (0, -1), (-1, -1))
    changed = True
    while changed:
        changed = False
        for first, second in (((0, 2, 4), (2, 4, 6)), ((0, 2, 6), (0, 4, 6))):
            around = np.stack([np.roll(shape, (-dy, -dx), (0, 1)) for dy, dx in ring])
            neighbours = around.sum(0)
            starts = (~around & np.roll(around, -1, 0)).sum(0)
            go = shape & (neighbours >= 2) & (neighbours <= 6) & (starts == 1)
            go &= ~around[list(first)].all(0) & ~around[list(second)].all(0)
            shape = shape & ~go
            changed |= bool(go.any())
    return shape[1:-1, 1:-1]


def _mark(
    rng: Generator,
    line: Field,
    height: float,
    pen: _Pen,
    *,
    tilt: float = 12,
    slant: float = 0.12,
) -> Field:
    """How much of each pixel the pen covers, 0..1, cut to the digit, ``height`` pixels high."""
    shape = np.array([(1, rng.uniform(-slant, slant)), (0, rng.uniform(0.87, 1.15))])
    points = _unit((line @ shape @ _turn(rng.uniform(-tilt, tilt))).astype(np.float32)) * height
    wave = np.sin(points @ rng.normal(0, 5 / height, 2) + rng.uniform(0, 2 * np.pi))
    radii = (pen.width[0] * height / 2) * (1 + pen.pressure * wave)
    radii = np.maximum(radii, 0.45).astype(np.float32)
    margin = float(radii.max()) + 1
    size = np.ceil(np.ptp(points, axis=0) + 2 * margin).astype(int)
    # Distances are smooth: they are measured on a coarse grid and enlarged.
    step = max(1.0, height / _COARSE)
    grid = np.ceil(size / step).astype(int)
    ys, xs = (((np.arange(n) + 0.5) * step - margin).astype(np.float32) for n in grid)
    squares = np.square(ys[:, np.newaxis, np.newaxis] - points[:, 0]) + np.square(
        xs[np.newaxis, :, np.newaxis] - points[:, 1]
    )
    distance = (np.sqrt(squares) - radii).min(2)
    fine = _resized(distance, (round(grid[0] * step), round(grid[1] * step)))
    if pen.grain:
        # The edge of a dry pen follows the tooth of the paper.
        fine += pen.grain * radii.mean() * 0.25 * _clouds(rng, fine.shape, max(1.5, height / 60))
    coverage = _edge(fine)
    if pen.grain:
        tooth = _blur(rng.standard_normal(fine.shape, np.float32), max(0.6, height / 250))
        missing = np.clip(0.5 + tooth / (2 * tooth.std()), 0, 1)
        coverage *= 1 - np.float32(pen.grain) * missing
    return np.float32(pen.opacity[0]) * coverage


def _held(rng: Generator, pen: _Pen) -> _Pen:
    """One pen of a kind: its own width, colour and strength."""
    width, opacity = rng.uniform(*pen.width), rng.uniform(*pen.opacity)
    return replace(
        pen,
        width=(width, width),
        colours=(_pick(rng, pen.colours),),
        opacity=(opacity, opacity),
    )


def _pick_pen(rng: Generator) -> _Pen:
    return _PENS[rng.integers(len(_PENS))]


def _slack(before: Field, after: Field) -> float:
    """Pixels that ``after`` may move left until its ink meets that of ``before``, feet level."""
    rows = min(before.shape[0], after.shape[0])
    left, right = before[-rows:] > 0.3, after[-rows:] > 0.3
    both = left.any(1) & right.any(1)
    if not both.any():
        return 0.0
    room = left[both][:, ::-1].argmax(1) + right[both].argmax(1)
    return float(room.min())


# --- light ---------------------------------------------------------------------------------------


def _slope(rng: Generator, size: tuple[int, int], depth: float) -> Field:
    """Light that falls off from one side to the other by ``depth``."""
    distance = _across(rng, size)
    low, high = distance.min(), distance.max()
    light: Field = 1 - np.float32(depth) * (distance - low) / (high - low)
    return light


def _vignette(rng: Generator, size: tuple[int, int], depth: float) -> Field:
    """A lamp's pool of light."""
    centre = rng.uniform(0.3, 0.7, 2) * size
    rows, columns = np.ogrid[: size[0], : size[1]]
    squares = (rows - centre[0]) ** 2 + (columns - centre[1]) ** 2
    light: Field = (1 - depth * squares / squares.max()).astype(np.float32)
    return light


def _shadow(rng: Generator, size: tuple[int, int], depth: float) -> Field:
    """The shadow of a hand or a telephone: a straight edge or two, a little soft."""
    inside = _edge(_across(rng, size) / rng.uniform(1, 0.02 * max(size) + 1))
    if rng.random() < 0.5:
        inside = inside * _edge(_across(rng, size) / rng.uniform(1, 0.02 * max(size) + 1))
    light: Field = 1 - np.float32(depth) * inside
    return light


def _across(rng: Generator, size: tuple[int, int]) -> Field:
    """Signed pixels from a straight line that runs through the middle part of a picture."""
    angle = rng.uniform(0, 2 * np.pi)
    at = rng.uniform(0.3, 0.7, 2) * size
    rows, columns = np.ogrid[: size[0], : size[1]]
    distance = (rows - at[0]) * np.cos(angle) + (columns - at[1]) * np.sin(angle)
    return np.asarray(distance, np.float32)


# --- fields --------------------------------------------------------------------------------------


def _clouds(rng: Generator, size: tuple[int, ...], cell: float | tuple[float, float]) -> Field:
    """Smooth noise of about unit strength, its lumps ``cell`` pixels large."""
    cells = np.maximum(2, np.ceil(np.divide(size, cell))).astype(int) + 2
    return _resized(rng.standard_normal(cells, np.float32), (size[0], size[1]))


def _resized(field: Field, size: tuple[int, int]) -> Field:
    image = Image.fromarray(field).resize((size[1], size[0]), Image.Resampling.BICUBIC)
    return np.array(image)


def _edge(distance: NDArray[Any]) -> Field:
    """1 inside, where the distance is below 0, and 0 outside; a pixel wide between."""
    return np.clip(0.5 - distance, 0, 1).astype(np.float32)


def _blur(field: Field, sigma: float) -> Field:
    """A Gaussian blur; a wide one is done on a smaller picture."""
    if sigma < 0.2:
        return field
    if sigma > 4:
        width, height = (max(2, round(side * 2 / sigma)) for side in reversed(field.shape))
        small = Image.fromarray(field).resize((width, height), Image.Resampling.BOX)
        return _resized(_blur(np.asarray(small), 1.9), (field.shape[0], field.shape[1]))
    reach = int(np.ceil(3 * sigma))
    kernel = np.exp(-np.square(np.arange(-reach, reach + 1) / sigma) / 2).astype(np.float32)
    kernel /= kernel.sum()
    for axis in (0, 1):
        field = np.moveaxis(field, axis, 0)
        padded = np.pad(field, ((reach, reach), (0, 0)), mode="edge")
        parts = (weight * padded[i : i + len(field)] for i, weight in enumerate(kernel))
        field = np.moveaxis(np.sum(np.stack(list(parts)), 0), 0, axis)
    return np.ascontiguousarray(field)


def _unit(points: Field) -> Field:
    """Moves and scales points so that they start at 0 and their longest side is 1."""
    points = points - points.min(0)
    scaled: Field = points / max(float(points.max()), 1e-6)
    return scaled


def _turn(degrees: float) -> NDArray[np.float64]:
    cosine, sine = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return np.array([(cosine, -sine), (sine, cosine)])


def _longest_side(rng: Generator, smallest: float) -> float:
    """Most pictures are screens' or crops' size; few are thumbnails or whole photographs."""
    low, high = ((28, 64), (100, 300), (300, 1200), (1200, 2000), (3000, 4000))[
        rng.choice(5, p=(0.06, 0.2, 0.66, 0.065, 0.015))
    ]
    return max(smallest, float(rng.uniform(low, high)))


def _jpeg(image: Image.Image, quality: int) -> Image.Image:
    stream = io.BytesIO()
    image.save(stream, "JPEG", quality=quality)
    with Image.open(stream) as saved:
        return saved.convert("RGB")


def _grey(colour: Colour) -> float:
    return float(np.dot(colour, (0.299, 0.587, 0.114)))


def _pick(rng: Generator, items: tuple[_T, ...]) -> _T:
    return items[rng.integers(len(items))]


# --- contact sheets ------------------------------------------------------------------------------


def contact_sheet(
    condition: str, *, count: int = 10, seed: int = 0, side: int = 190
) -> Image.Image:
    """Pictures of one condition side by side, a row each severity, their truth above them."""
    sheet = Image.new("RGB", (count * side, len(SEVERITIES) * (side + 14)), "white")
    draw = ImageDraw.Draw(sheet)
    for row, severity in enumerate(SEVERITIES):
        for column, picture in enumerate(make(condition, severity, count, seed)):
            left, top = column * side, row * (side + 14)
            tile = picture.image.convert("RGB")
            scale = (side - 4) / max(tile.size)
            sizes = (max(1, round(tile.width * scale)), max(1, round(tile.height * scale)))
            resample = Image.Resampling.BICUBIC if scale < 1 else Image.Resampling.NEAREST
            sheet.paste(tile.resize(sizes, resample), (left, top + 14))
            caption = f"{picture.truth} {picture.image.width}x{picture.image.height}"
            draw.text((left + 2, top + 1), caption, fill="black")
    return sheet


def _main() -> None:
    parser = argparse.ArgumentParser(description="Draws a contact sheet of one condition.")
    parser.add_argument("condition", choices=CONDITIONS)
    parser.add_argument("file", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args()
    contact_sheet(chosen.condition, seed=chosen.seed).save(chosen.file)


if __name__ == "__main__":
    _main()
