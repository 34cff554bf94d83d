"""Find how a picture is moved, turned and scaled against a reference picture, by its marks.

Each mark is looked for by normalized cross-correlation near its place (Lewis, "Fast Normalized
Cross-Correlation", 1995); the similarity transform that fits all of them best is Umeyama's (IEEE
PAMI 13(4), 1991), in its closed form for the plane.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mnist_edge.errors import InvalidValue
from mnist_edge.monitoring.settings import AlignmentSettings, Point, RegionBox

_STEP_DEGREES = 3.0
"""Degrees between two rotations that are tried: a mark is still found between them."""
_MAX_RESIDUAL = 0.02
"""How far a mark may be from where the others say, relative to the distance between the marks."""

_Gray = NDArray[np.float32]


class NotAligned(Exception):
    """The marks were not found, or too far away; the message says which, and how far."""


@dataclass(frozen=True, kw_only=True)
class Placement:
    """Where a point of the reference is in a picture: a rotation, a scale and a shift."""

    rotation: float = 0.0
    """Degrees, clockwise."""
    scale: float = 1.0
    """Size in the picture, relative to the reference."""
    shift: Point = (0.0, 0.0)
    """Where the reference's upper left corner is, in pixels."""
    similarity: float = 1.0
    """How alike the worst mark is, 0..1."""

    def apply(self, points: Sequence[Point]) -> list[Point]:
        """Return where points of the reference are in the picture."""
        angle = math.radians(self.rotation)
        cos, sin = self.scale * math.cos(angle), self.scale * math.sin(angle)
        return [
            (cos * x - sin * y + self.shift[0], sin * x + cos * y + self.shift[1])
            for x, y in points
        ]


class Aligner:
    """Aligns pictures to a reference.

    Args:
        reference: ``(height, width, 3) uint8``; the marks must lie within it.
        settings: the marks, and how far off a picture may be.

    Raises:
        InvalidValue: a mark is outside the reference.
    """

    def __init__(self, reference: NDArray[np.uint8], settings: AlignmentSettings) -> None:
        height, width = reference.shape[:2]
        for number, (*_, right, bottom) in enumerate(settings.marks, 1):
            if right > width or bottom > height:
                raise InvalidValue(
                    f"marks.{number}: ({right}, {bottom}) is outside the reference picture, which "
                    f"has {width}x{height} pixels"
                )
        self._settings = settings
        self._patches = [
            _to_gray(reference[top:bottom, left:right])
            for left, top, right, bottom in settings.marks
        ]
        self._last = Placement()

    def align(self, picture: NDArray[np.uint8]) -> Placement:
        """Return where the reference is in a picture.

        Args:
            picture: ``(height, width, 3) uint8``.

        Raises:
            NotAligned: a mark is not found, or they are too far away.
        """
        # A camera seldom moves: the last placement fits nearly always, and the search ends there.
        found = self._search(picture, self._last)
        if found.similarity < self._settings.min_similarity:
            found = max(
                (self._search(picture, start) for start in self._starts()),
                key=lambda one: one.similarity,
            )
        # The marks are cut out as they are turned and scaled, so a second look is exact.
        found = self._search(picture, found)
        self._require(found)
        self._last = found
        return found

    def _starts(self) -> list[Placement]:
        """Return the rotations to try, about the middle of the marks."""
        middle = np.mean([_center(box) for box in self._settings.marks], axis=0)
        steps = math.ceil(self._settings.max_rotation / _STEP_DEGREES)
        starts = []
        for step in sorted(range(-steps, steps + 1), key=abs):
            turned = Placement(rotation=step * _STEP_DEGREES)
            ((x, y),) = turned.apply([(middle[0], middle[1])])
            starts.append(Placement(rotation=turned.rotation, shift=(middle[0] - x, middle[1] - y)))
        return starts

    def _search(self, picture: NDArray[np.uint8], start: Placement) -> Placement:
        """Find the marks near where a placement has them, and fit a placement to all of them."""
        reach = math.ceil(self._settings.max_shift)
        found, scores = [], []
        for box, patch in zip(self._settings.marks, self._patches, strict=True):
            template = _turned(patch, start)
            ((x, y),) = start.apply([_center(box)])
            point, score = _find(picture, template, (x, y), reach)
            found.append(point)
            scores.append(score)
        centers = [_center(box) for box in self._settings.marks]
        fitted = _fit(centers, found)
        apart = max(math.dist(centers[0], one) for one in centers[1:])
        residual = max(map(math.dist, fitted.apply(centers), found))
        similarity = min(scores) if residual <= _MAX_RESIDUAL * apart else 0.0
        return Placement(
            rotation=fitted.rotation,
            scale=fitted.scale,
            shift=fitted.shift,
            similarity=max(0.0, similarity),
        )

    def _require(self, found: Placement) -> None:
        settings = self._settings
        if found.similarity < settings.min_similarity:
            raise NotAligned(
                f"the marks are not found: the worst is {found.similarity:.2f} alike, expected "
                f"{settings.min_similarity:.2f} or more"
            )
        centers = [_center(box) for box in settings.marks]
        shift = max(map(math.dist, found.apply(centers), centers))
        if shift > settings.max_shift:
            raise NotAligned(
                f"a mark is {shift:.0f} pixels from its place, expected at most "
                f"{settings.max_shift:g}"
            )
        if abs(found.rotation) > settings.max_rotation:
            raise NotAligned(
                f"the picture is turned by {found.rotation:.1f} degrees, expected at most "
                f"{settings.max_rotation:g}"
            )
        if abs(found.scale - 1) > settings.max_scale:
            raise NotAligned(
                f"the picture is scaled by {found.scale:.2f}, expected at most "
                f"{settings.max_scale:g} off 1"
            )


def _to_gray(picture: NDArray[np.uint8]) -> _Gray:
    return np.asarray(Image.fromarray(picture).convert("L"), np.float32)


def _center(box: RegionBox) -> Point:
    """Return the middle of a box, where pixel 0 has its middle at 0."""
    left, top, right, bottom = box
    return (left + right - 1) / 2, (top + bottom - 1) / 2


def _turned(patch: _Gray, placement: Placement) -> _Gray:
    """Return a mark as it looks at a rotation and a scale; without what turns in from outside."""
    if not placement.rotation and placement.scale == 1:
        return patch
    height, width = patch.shape
    image = Image.fromarray(patch)
    size = (max(5, round(width * placement.scale)), max(5, round(height * placement.scale)))
    image = image.resize(size, Image.Resampling.BICUBIC)
    turned = image.rotate(
        -placement.rotation, Image.Resampling.BICUBIC, fillcolor=float(patch.mean())
    )
    return np.asarray(turned, np.float32)


def _find(
    picture: NDArray[np.uint8], template: _Gray, center: Point, reach: int
) -> tuple[Point, float]:
    """Return where a mark is near a point, and its normalized correlation there, -1..1."""
    height, width = template.shape
    left = round(center[0] - (width - 1) / 2) - reach
    top = round(center[1] - (height - 1) / 2) - reach
    window = _window(picture, left, top, width + 2 * reach, height + 2 * reach)
    scores = _correlate(window, template)
    row, column = np.unravel_index(int(scores.argmax()), scores.shape)
    y = row + _peak(scores[:, column], int(row))
    x = column + _peak(scores[row], int(column))
    point = (float(left + x + (width - 1) / 2), float(top + y + (height - 1) / 2))
    return point, float(scores[row, column])


def _window(picture: NDArray[np.uint8], left: int, top: int, width: int, height: int) -> _Gray:
    """Return the gray levels of a part of a picture; beyond its edge, the edge is repeated."""
    rows = np.clip(np.arange(top, top + height), 0, picture.shape[0] - 1)
    columns = np.clip(np.arange(left, left + width), 0, picture.shape[1] - 1)
    return _to_gray(picture[np.ix_(rows, columns)])


def _correlate(window: _Gray, template: _Gray) -> NDArray[np.float64]:
    """Return the normalized correlation of a template with each place in a window."""
    height, width = template.shape
    rows, columns = (a - b + 1 for a, b in zip(window.shape, template.shape, strict=True))
    pattern = template.astype(np.float64) - template.mean()
    norm = math.sqrt(float((pattern**2).sum()))
    if not norm:
        return np.zeros((rows, columns))
    data = window.astype(np.float64) - window.mean()
    shape = window.shape
    spectrum = np.fft.rfft2(data) * np.conj(np.fft.rfft2(pattern, shape))
    products = np.fft.irfft2(spectrum, shape)[:rows, :columns]
    sums, squares = (_box_sums(one, height, width) for one in (data, data**2))
    variance = np.maximum(squares - sums**2 / (height * width), 0.0)
    # Where nothing is to be seen, nothing is alike.
    spread = np.sqrt(variance) * norm
    flat = variance <= 1e-3 * height * width
    return np.where(flat, 0.0, products / np.where(flat, 1.0, spread))


def _box_sums(data: NDArray[np.float64], height: int, width: int) -> NDArray[np.float64]:
    total = np.pad(data, ((1, 0), (1, 0))).cumsum(0).cumsum(1)
    below = total[height:] - total[:-height]
    sums: NDArray[np.float64] = below[:, width:] - below[:, :-width]
    return sums


def _peak(scores: NDArray[np.float64], index: int) -> float:
    """Return how far the top of a parabola through a maximum and its neighbors is from it."""
    if not 0 < index < len(scores) - 1:
        return 0.0
    before, at, after = scores[index - 1 : index + 2]
    bend = before - 2 * at + after
    return float(0.5 * (before - after) / bend) if bend < 0 else 0.0


def _fit(reference: Sequence[Point], found: Sequence[Point]) -> Placement:
    """Fit a rotation, a scale and a shift to points, with the least squares of their distances."""
    source, target = (np.array([complex(*one) for one in points]) for points in (reference, found))
    middle, moved = source.mean(), target.mean()
    centered = source - middle
    factor = complex(np.vdot(centered, target - moved) / np.vdot(centered, centered))
    shift = moved - factor * middle
    return Placement(
        rotation=math.degrees(math.atan2(factor.imag, factor.real)),
        scale=abs(factor),
        shift=(float(shift.real), float(shift.imag)),
    )
