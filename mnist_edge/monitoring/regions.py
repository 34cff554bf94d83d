"""Cut regions out of a picture, straighten them, and read their digits."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from datetime import datetime

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mnist_edge.errors import InvalidValue
from mnist_edge.inference.classifier import Classifier, Prediction
from mnist_edge.monitoring.alignment import Placement
from mnist_edge.monitoring.readings import UNREAD, RegionReading
from mnist_edge.monitoring.settings import Point, RegionSettings

_MAX_PIXELS = 4_000_000
"""Pixels of a region that is read as it is: each of twelve digits in a row may have 600 a side."""
_BAND_ROWS = 128
"""Rows that are worked on at a time: Pillow takes several copies of what it transforms."""
_KERNEL_PIXELS = 3
"""Pixels around a part that its edges are interpolated from."""

_PixelArray = NDArray[np.uint8]


def require_inside(region: RegionSettings, width: int, height: int) -> None:
    """Check that a region lies within the picture.

    Raises:
        InvalidValue: it does not.
    """
    for x, y in region.outline():
        if not (0 <= x <= width and 0 <= y <= height):
            raise InvalidValue(
                f"region {region.name}: ({x:g}, {y:g}) is outside the picture, which has "
                f"{width}x{height} pixels"
            )


def cut_out(
    picture: _PixelArray, region: RegionSettings, placement: Placement | None = None
) -> _PixelArray:
    """Return the part of a picture that a region shows, straightened.

    Args:
        picture: ``(height, width, 3) uint8``.
        region: in pixels of the reference, or of the picture if there is none.
        placement: of the reference in the picture, if there is one.

    Returns:
        ``(height, width, 3) uint8``; its size is the region's in the picture, or a whole part of it
        where that is larger than is read. What lies beyond the picture is black.
    """
    corners = region.outline()
    if placement is None and region.box:
        left, top, right, bottom = region.box
        pixels = picture[top:bottom, left:right]
    elif corners:
        pixels = straighten(picture, placement.apply(corners) if placement else corners)
    else:
        pixels = picture
    return _reduce(pixels)


def _reduce(pixels: _PixelArray) -> _PixelArray:
    """Return a part of a picture, reduced if it is large, as a copy that keeps nothing else."""
    height, width = pixels.shape[:2]
    factor = math.ceil(math.sqrt(height * width / _MAX_PIXELS))
    if factor <= 1:
        return pixels.copy()
    rows = factor * _BAND_ROWS
    return np.concatenate(
        [
            np.asarray(Image.fromarray(pixels[top : top + rows]).reduce(factor))
            for top in range(0, height, rows)
        ]
    )


def straighten(
    picture: _PixelArray, corners: Sequence[Point], *, size: tuple[int, int] | None = None
) -> _PixelArray:
    """Return a four-sided part of a picture as a rectangle.

    Args:
        picture: ``(height, width, 3) uint8``.
        corners: upper left, upper right, lower right and lower left.
        size: width and height of the rectangle; by default the part's own.
    """
    a, b, c, d = corners
    width, height = size or (
        max(1, round((math.dist(a, b) + math.dist(d, c)) / 2)),
        max(1, round((math.dist(a, d) + math.dist(b, c)) / 2)),
    )
    factors = _perspective([(0, 0), (width, 0), (width, height), (0, height)], corners)
    pixels = np.empty((height, width, 3), np.uint8)
    for top in range(0, height, _BAND_ROWS):
        rows = pixels[top : top + _BAND_ROWS]
        bottom = top + len(rows)
        edges = [(0, top), (width, top), (width, bottom), (0, bottom)]
        rows[:] = _transform(picture, [_map(factors, *edge) for edge in edges], (width, len(rows)))
    return pixels


def _transform(
    picture: _PixelArray, corners: Sequence[Point], size: tuple[int, int]
) -> _PixelArray:
    """Return a four-sided part as a rectangle of a size, with no more than that part copied."""
    (left, top), (right, bottom) = np.min(corners, axis=0), np.max(corners, axis=0)
    left, top = (max(0, math.floor(edge) - _KERNEL_PIXELS) for edge in (left, top))
    right, bottom = (max(0, math.ceil(edge) + _KERNEL_PIXELS) for edge in (right, bottom))
    part = picture[top:bottom, left:right]
    width, height = size
    if not part.size:
        return np.zeros((height, width, 3), np.uint8)
    rectangle = [(0, 0), (width, 0), (width, height), (0, height)]
    turned = Image.fromarray(part).transform(
        size,
        Image.Transform.PERSPECTIVE,
        _perspective(rectangle, [(x - left, y - top) for x, y in corners]),
        Image.Resampling.BICUBIC,
    )
    return np.asarray(turned)


def _map(factors: Sequence[float], x: float, y: float) -> Point:
    """Return where a point is mapped to by the factors of ``_perspective``."""
    a, b, c, d, e, f, g, h = factors
    divisor = g * x + h * y + 1
    return (a * x + b * y + c) / divisor, (d * x + e * y + f) / divisor


def _perspective(source: Sequence[Point], target: Sequence[Point]) -> list[float]:
    """Return the eight coefficients that map four points to four others (Heckbert, 1989)."""
    rows, values = [], []
    for (x, y), (u, v) in zip(source, target, strict=True):
        rows += [[x, y, 1, 0, 0, 0, -u * x, -u * y], [0, 0, 0, x, y, 1, -v * x, -v * y]]
        values += [u, v]
    return [float(one) for one in np.linalg.solve(np.array(rows), np.array(values))]


def read_region(
    pixels: _PixelArray,
    region: RegionSettings,
    classifier: Classifier,
    *,
    time: datetime,
    reading_id: str,
) -> RegionReading:
    """Read the digits of a region.

    It is read as a page. If that has not the digits that there must be, it is divided into that
    many parts of the same width, as the drums of a counter are.

    Args:
        pixels: what ``cut_out`` returns.
        region: says how many digits there are.
        classifier: reads them.
        time: when the picture was taken.
        reading_id: names the picture.
    """
    digits = _read_digits(pixels, region, classifier)
    return RegionReading(
        region=region.name,
        time=time,
        reading_id=reading_id,
        text="".join(UNREAD if one.digit is None else str(one.digit) for one in digits),
        confidences=tuple(one.confidence for one in digits),
    )


def _read_digits(
    pixels: _PixelArray, region: RegionSettings, classifier: Classifier
) -> Sequence[Prediction]:
    count = region.rules.digits
    if count == 1:
        return [classifier.predict(pixels, ink=region.ink)]
    page = classifier.predict_all(pixels, ink=region.ink)
    found = [digit.prediction for digit in page.digits]
    if count is None:
        return found
    is_row = len(found) == count and len(page.lines) == 1
    if is_row and all(one.digit is not None for one in found):
        return found
    parts = list(classifier.predict_many(_divide(pixels, count), ink=region.ink))
    # Digits that do not stand in parts of the same width are cut by dividing, and give no answer.
    return found if is_row and _unread(found) <= _unread(parts) else parts


def _divide(pixels: _PixelArray, count: int) -> list[_PixelArray]:
    edges = [round(place * pixels.shape[1] / count) for place in range(count + 1)]
    return [pixels[:, left : max(right, left + 1)] for left, right in itertools.pairwise(edges)]


def _unread(digits: Sequence[Prediction]) -> int:
    return sum(one.digit is None for one in digits)
