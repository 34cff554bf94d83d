"""A sheet of paper in front of a camera: write on it, light it, photograph it."""

from __future__ import annotations

import io
from typing import TypeAlias

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from PIL import Image

from benchmarks.accuracy.hard_pictures.fields import Field, blur, clouds, pick, resize, soft_edge
from benchmarks.accuracy.hard_pictures.light import gradient
from benchmarks.accuracy.hard_pictures.palettes import TABLES, WHITES, Color
from benchmarks.accuracy.hard_pictures.pens import Pen, pick_pen, sample_pen
from benchmarks.accuracy.hard_pictures.strokes import draw_stroke, kerning_room, pick_digit

Drawn: TypeAlias = tuple[Image.Image, str | None]
"""A picture, and its digits in reading order or None."""

_DRAWING_SIDES = (240, 1100)
"""Longest side, in pixels, at which a picture is drawn before it is scaled to its own size."""
_MIN_DIGIT_HEIGHT = 19
"""Pixels of a digit's height below which a person no longer reads it with ease."""


class Sheet:
    """A sheet of paper in front of a camera.

    Args:
        rng: makes every choice.
        share: height of the digits to be written, as a share of the sheet's.
        paper: the color of the sheet; without it one of several whites.
        smallest: longest side, in pixels, that the picture has at least.
        longest: longest side of the picture, in pixels; without it mostly that of a screen.
        aspect: width of the sheet, as a share of its height; without it one of several.
    """

    def __init__(
        self,
        rng: Generator,
        *,
        share: float | None = None,
        paper: Color | None = None,
        smallest: float = 28,
        longest: float | None = None,
        aspect: float | None = None,
    ) -> None:
        self.rng = rng
        share = share or rng.uniform(0.3, 0.75)
        least = max(smallest, _MIN_DIGIT_HEIGHT / share * 1.34)
        self.longest = longest or _longest_side(rng, least)
        work = float(np.clip(self.longest, *_DRAWING_SIDES))
        aspect = aspect or rng.choice((4 / 3, 3 / 4, 1.0, rng.uniform(0.75, 1.33)))
        self.size = (round(work / max(1, aspect)), round(work * min(1, aspect)))
        # A digit may be as wide as it is high.
        self.digit_height = min(share * self.size[0], 0.8 * self.size[1])
        color = pick(rng, WHITES) if paper is None else paper
        tone = 1 + 0.006 * rng.standard_normal(self.size, np.float32)
        tone += np.float32(0.008) * clouds(rng, self.size, min(self.size) / 3)
        self.colors: Field = np.array(color, np.float32) * tone[..., np.newaxis]

    def ink(self, coverage: Field, color: Color, top: int = 0, left: int = 0) -> None:
        """Lay color on where ``coverage`` is 1, from (top, left); what is off the sheet is lost."""
        height, width = coverage.shape
        rows = slice(max(0, top), max(0, top + height))
        columns = slice(max(0, left), max(0, left + width))
        spot = self.colors[rows, columns]
        first_row, first_column = max(0, -top), max(0, -left)
        seen = coverage[first_row:, first_column:][: spot.shape[0], : spot.shape[1], np.newaxis]
        spot += seen * (np.array(color, np.float32) - spot)

    def lines(
        self, spacing: float, *, width: float, tilt: float, color: Color, opacity: float
    ) -> None:
        """Rule the sheet; a tilt of 0 degrees is horizontal, one of 90 vertical."""
        angle = np.radians(tilt)
        rows, columns = np.ogrid[: self.size[0], : self.size[1]]
        across = rows * np.cos(angle) + columns * np.sin(angle) + self.rng.uniform(0, spacing)
        distance = np.abs(across % spacing - spacing / 2)
        self.ink(np.float32(opacity) * soft_edge(distance - width / 2), color)

    def digit(self, pen: Pen | None = None, place: tuple[float, float] | None = None) -> str:
        """Write one digit and return its label; ``place`` is 0..1 of the free space."""
        label, line = pick_digit(self.rng)
        pen = sample_pen(self.rng, pen or pick_pen(self.rng))
        coverage = draw_stroke(self.rng, line, self.digit_height, pen)
        room = np.subtract(self.size, coverage.shape)
        spot = self.rng.uniform(0.25, 0.75, 2) if place is None else np.array(place)
        top, left = np.rint(np.maximum(room, 0) * spot + np.minimum(room, 0) / 2).astype(int)
        self.ink(coverage, pen.colors[0], int(top), int(left))
        return label

    def write(
        self, pen: Pen, center: tuple[float, float], height: float, label: str | None = None
    ) -> str:
        """Write one digit about a point (x, y); return its label, which may be asked for."""
        written, line = pick_digit(self.rng)
        while label not in (None, written):
            written, line = pick_digit(self.rng)
        coverage = draw_stroke(self.rng, line, height, pen, tilt=6)
        rows, columns = coverage.shape
        top, left = round(center[1] - rows / 2), round(center[0] - columns / 2)
        self.ink(coverage, pen.colors[0], top, left)
        return written

    def row(
        self,
        count: int,
        pen: Pen,
        top: float,
        left: float,
        gaps: list[float],
        *,
        unevenness: float = 1.0,
    ) -> str:
        """Write digits on a line, up to the edge of the sheet; return their labels.

        A gap is a share of the height, and below 0 the digits touch. At an unevenness of 0 they
        are of one height and stand on the line.
        """
        truth, baseline, right = "", top + self.digit_height, left
        previous: Field | None = None
        for gap in gaps[:count]:
            label, line = pick_digit(self.rng)
            height = self.digit_height * self.rng.uniform(
                1 - 0.1 * unevenness, 1 + 0.08 * unevenness
            )
            coverage = draw_stroke(self.rng, line, height, pen, tilt=6)
            if previous is not None:
                right += gap * self.digit_height
                if gap < 0:
                    right -= kerning_room(previous, coverage) - gap * self.digit_height
            if right + coverage.shape[1] > 0.98 * self.size[1]:
                break
            drop = unevenness * self.rng.uniform(-0.05, 0.05) * self.digit_height
            self.ink(
                coverage, pen.colors[0], round(baseline + drop) - coverage.shape[0], round(right)
            )
            right += coverage.shape[1]
            previous = coverage
            truth += label
        return truth

    def crop(self, box: tuple[float, float, float, float]) -> None:
        """Keep what is inside a box (left, top, right, bottom), in pixels of the drawing."""
        left, top, right, bottom = (max(0, round(edge)) for edge in box)
        longest = max(self.size)
        self.colors = self.colors[top:bottom, left:right].copy()
        self.size = (self.colors.shape[0], self.colors.shape[1])
        self.longest *= max(self.size) / longest

    def surround(self, pixels: tuple[float, float, float, float], color: Color) -> None:
        """Lay a border about the sheet (left, top, right, bottom), in pixels of the picture."""
        scale = max(self.size) / self.longest
        left, top, right, bottom = (round(scale * side) for side in pixels)
        longest, inner = max(self.size), self.colors
        self.size = (self.size[0] + top + bottom, self.size[1] + left + right)
        self.colors = np.empty((*self.size, 3), np.float32)
        self.colors[:] = color
        self.colors[top : top + inner.shape[0], left : left + inner.shape[1]] = inner
        self.longest *= max(self.size) / longest

    def lay(self, card: Sheet, corners: NDArray[np.float64], *, shadow: float) -> None:
        """Lay another sheet on this one.

        Args:
            card: the sheet; its ``longest`` is in pixels of this drawing.
            corners: (4, 2), where its corners come to lie as (x, y), clockwise from its top left.
            shadow: how dark its shadow is, 0..1.
        """
        image = card.scan()
        solution = _perspective(corners, _frame(image.width, image.height))
        height, width = self.size
        seen, cover = (
            layer.transform(
                (width, height), Image.Transform.PERSPECTIVE, solution, Image.Resampling.BICUBIC
            )
            for layer in (image, Image.new("L", image.size, 255))
        )
        covered = np.asarray(cover, np.float32) / 255
        thickness = 0.012 * max(self.size)
        down, right = np.rint(self.rng.uniform(0.3, 1, 2) * thickness).astype(int)
        fallen = np.roll(blur(covered, thickness / 2), (int(down), int(right)), (0, 1))
        self.shade(1 - np.float32(shadow) * fallen)
        self.colors += covered[..., np.newaxis] * (np.asarray(seen, np.float32) - self.colors)

    def warp(self, corners: NDArray[np.float64]) -> None:
        """View the sheet askew: move the points ``corners`` (x, y) to the corners of the frame."""
        height, width = self.size
        solution = _perspective(_frame(width, height), corners)
        # Beyond the sheet lies a table.
        table = tuple(int(value) for value in pick(self.rng, TABLES))
        seen = self._image().transform(
            (width, height),
            Image.Transform.PERSPECTIVE,
            solution,
            Image.Resampling.BICUBIC,
            fillcolor=table,
        )
        self.colors = np.array(seen, np.float32)

    def shade(self, light: Field) -> None:
        """Light the sheet; 1 is the light that it was drawn under."""
        self.colors *= light[..., np.newaxis]

    def blur(self, sigma: float) -> None:
        """Defocus the camera."""
        for channel in range(3):
            self.colors[..., channel] = blur(self.colors[..., channel], sigma)

    def smear(self, length: float) -> None:
        """Move the camera while the shutter is open."""
        angle, steps = self.rng.uniform(0, np.pi), max(2, round(length))
        offsets = np.linspace(-length / 2, length / 2, steps)
        padding = int(length)
        padded = np.pad(self.colors, ((padding,) * 2, (padding,) * 2, (0, 0)), mode="edge")
        height, width = self.size
        total = np.zeros_like(self.colors)
        for offset in offsets:
            top = padding + round(offset * np.sin(angle))
            left = padding + round(offset * np.cos(angle))
            total += padded[top : top + height, left : left + width]
        self.colors = total / np.float32(steps)

    def scan(self) -> Image.Image:
        """Scan the sheet on a flatbed scanner."""
        return self._sized(self._image())

    def photograph(
        self, *, light: float = 0.12, noise: float = 1.5, quality: int | None = None
    ) -> Image.Image:
        """Photograph the sheet with a phone: a gradient, noise, JPEG."""
        self.shade(gradient(self.rng, self.size, light * self.rng.uniform(0.3, 1)))
        # Cameras leave the paper between gray and white, and rarely neutral.
        exposure = self.rng.uniform(0.72, 1.0) * self.rng.uniform(0.98, 1.02, 3)
        self.colors *= exposure.astype(np.float32)
        self.colors += noise * self.rng.standard_normal((*self.size, 1), np.float32)
        coarse = (max(2, self.size[0] // 2), max(2, self.size[1] // 2))
        for channel in range(3):
            chroma = self.rng.standard_normal(coarse, np.float32)
            self.colors[..., channel] += np.float32(0.6 * noise) * resize(chroma, self.size)
        image = self._sized(self._image())
        return compress(image, quality or int(self.rng.integers(70, 95)))

    def _image(self) -> Image.Image:
        return Image.fromarray(np.clip(np.rint(self.colors), 0, 255).astype(np.uint8))

    def _sized(self, image: Image.Image) -> Image.Image:
        scale = self.longest / max(self.size)
        size = (round(image.width * scale), round(image.height * scale))
        return image if size == image.size else image.resize(size, Image.Resampling.BICUBIC)


def _frame(width: float, height: float) -> NDArray[np.float64]:
    """Return the corners (x, y) of a frame, clockwise from its top left."""
    return np.array([(0, 0), (width, 0), (width, height), (0, height)], float)


def _perspective(to: NDArray[np.float64], source: NDArray[np.float64]) -> list[float]:
    """Return Pillow's eight coefficients of the view that moves points ``source`` to ``to``."""
    equations = [
        row
        for (x, y), (u, v) in zip(to, source, strict=True)
        for row in (
            (x, y, 1, 0, 0, 0, -u * x, -u * y),
            (0, 0, 0, x, y, 1, -v * x, -v * y),
        )
    ]
    solution: list[float] = np.linalg.solve(np.array(equations), source.ravel()).tolist()
    return solution


def _longest_side(rng: Generator, smallest: float) -> float:
    """Choose a longest side: mostly that of screens or crops, rarely thumbnails or photos."""
    low, high = ((28, 64), (100, 300), (300, 1200), (1200, 2000), (3000, 4000))[
        rng.choice(5, p=(0.06, 0.2, 0.66, 0.065, 0.015))
    ]
    return max(smallest, float(rng.uniform(low, high)))


def compress(image: Image.Image, quality: int) -> Image.Image:
    """Return a picture as JPEG of a quality, 1..95, leaves it."""
    stream = io.BytesIO()
    image.save(stream, "JPEG", quality=quality)
    with Image.open(stream) as saved:
        return saved.convert("RGB")
