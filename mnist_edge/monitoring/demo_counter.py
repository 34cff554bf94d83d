"""Draw the face of a counter: eight drums that turn over, with the faults that real pictures have.

The pictures of ``demo:``, for a try without a camera and for the tests. They are drawn anew each
time, with noise, because a sensor never gives the same picture twice.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

Fault: TypeAlias = Literal["glare", "misread", "stuck", "between"]
"""What is wrong with a picture: light reflected on a digit, a scratch that makes one digit look
like another, the same picture as before byte for byte, or a drum that stands between two digits."""

WIDTH, HEIGHT = 640, 280
"""Size of a picture in pixels."""
DIGITS = 8
"""Number of drums."""
COUNTER_BOX = (48, 96, 592, 180)
"""Left, top, right and bottom of the drums in the picture."""
MARKS = ((16, 16, 64, 64), (576, 216, 624, 264))
"""The boxes of two screws, by which pictures are aligned."""

CYCLE = 40
"""Number of pictures after which the faults come again."""
_FAULTS: dict[int, Fault] = {5: "glare", 9: "between", 13: "misread"}
_STUCK = (20, 26)
"""The picture that is repeated, and the last that repeats it."""
_FINE = 3
"""Scale at which a picture is drawn before it is reduced: lines are smooth then."""
_PITCH = (COUNTER_BOX[2] - COUNTER_BOX[0]) / DIGITS
_PLATE, _DRUM, _INK, _SLIT = (196, 200, 198), (24, 25, 28), (238, 238, 232), (90, 92, 94)
_NOISE = 2.0
"""Standard deviation of the noise, of 255."""

_Stroke: TypeAlias = Sequence[tuple[float, float]]


def _arc(x: float, y: float, rx: float, ry: float, first: int, last: int) -> _Stroke:
    """Return a part of an ellipse; degrees go clockwise from three o'clock."""
    angles = np.radians(np.linspace(first, last, 25))
    return [(x + rx * math.cos(angle), y + ry * math.sin(angle)) for angle in angles]


_GLYPHS: tuple[Sequence[_Stroke], ...] = (
    [_arc(0.5, 0.5, 0.42, 0.48, 0, 360)],
    [[(0.28, 0.2), (0.54, 0.02), (0.54, 0.98)]],
    [[*_arc(0.5, 0.28, 0.4, 0.27, 190, 380), (0.08, 0.98), (0.94, 0.98)]],
    [_arc(0.46, 0.26, 0.38, 0.25, 200, 450), _arc(0.46, 0.74, 0.42, 0.25, 270, 520)],
    [[(0.72, 0.98), (0.72, 0.02), (0.06, 0.68), (0.96, 0.68)]],
    [[(0.86, 0.02), (0.2, 0.02), (0.14, 0.45)], _arc(0.44, 0.67, 0.42, 0.31, 225, 510)],
    [[(0.74, 0.02), (0.16, 0.55)], _arc(0.5, 0.69, 0.4, 0.29, 0, 360)],
    [[(0.08, 0.02), (0.92, 0.02), (0.38, 0.98)]],
    [_arc(0.5, 0.25, 0.34, 0.23, 0, 360), _arc(0.5, 0.73, 0.42, 0.25, 0, 360)],
    [_arc(0.5, 0.31, 0.4, 0.29, 0, 360), [(0.88, 0.38), (0.56, 0.98)]],
)
"""The strokes of each digit in a square of side 1, from its upper left corner."""


@dataclass(frozen=True, kw_only=True)
class CounterPicture:
    """What one picture of the counter shows."""

    value: int
    """The number on its drums; of more than eight digits, the last eight."""
    fault: Fault | None = None
    """What is wrong with the picture."""
    drawn: int = 0
    """Number of the picture that it was drawn as, which is its noise."""


def picture_at(number: int, *, start: int = 1_234_560) -> CounterPicture:
    """Return what the picture of a number shows: the counter grows by one from picture to picture.

    In each ``CYCLE``, the counter has every fault once, and repeats one picture six times.

    Args:
        number: of the picture, from 0.
        start: the number on the drums of the first picture.
    """
    drawn = number
    if _STUCK[0] < number % CYCLE <= _STUCK[1]:
        drawn = number - number % CYCLE + _STUCK[0]
    fault: Fault | None = "stuck" if drawn != number else _FAULTS.get(number % CYCLE)
    return CounterPicture(value=start + drawn, fault=fault, drawn=drawn)


def draw_counter(picture: CounterPicture, *, seed: int = 0) -> NDArray[np.uint8]:
    """Draw a picture of the counter.

    Args:
        picture: what it shows.
        seed: of the noise.

    Returns:
        ``(280, 640, 3) uint8``, RGB.
    """
    image = Image.new("RGB", (WIDTH * _FINE, HEIGHT * _FINE), _PLATE)
    draw = ImageDraw.Draw(image)
    for mark in MARKS:
        _draw_screw(draw, mark)
    _box(draw, [edge + grow for edge, grow in zip(COUNTER_BOX, (-8, -8, 8, 8), strict=True)], _SLIT)
    turned = 0.5 if picture.fault == "between" else 0.0
    for place in range(DIGITS):
        digit = picture.value // 10 ** (DIGITS - 1 - place) % 10
        if picture.fault == "misread" and place == 0:
            digit = 9
        _draw_drum(image, place, digit, turned if place == DIGITS - 1 else 0.0)
    if picture.fault == "glare":
        _add_glare(image)
    pixels = np.asarray(image.reduce(_FINE), np.float32)
    noise = np.random.default_rng(seed).normal(0, _NOISE, pixels.shape)
    return np.clip(pixels + noise, 0, 255).astype(np.uint8)


def _draw_drum(image: Image.Image, place: int, digit: int, turned: float) -> None:
    """Draw the window of a drum; one that has turned by a half shows halves of two digits."""
    left, top = round(_FINE * (COUNTER_BOX[0] + place * _PITCH)), _FINE * COUNTER_BOX[1]
    width, height = round(_FINE * _PITCH), _FINE * (COUNTER_BOX[3] - COUNTER_BOX[1])
    window = Image.new("RGB", (width, height), _DRUM)
    draw = ImageDraw.Draw(window)
    for offset, shown in ((0, digit), (1, (digit + 1) % 10)):
        _draw_glyph(draw, shown, top=height * (offset - turned), size=(width, height))
    draw.line([(0, 0), (0, height)], fill=_SLIT, width=_FINE)
    image.paste(window, (left, top))


def _draw_glyph(
    draw: ImageDraw.ImageDraw, digit: int, *, top: float, size: tuple[int, int]
) -> None:
    width, height = size
    tall = 0.62 * height
    wide = min(0.62 * width, 0.66 * tall)
    pen = round(0.13 * tall)
    for stroke in _GLYPHS[digit]:
        points = [
            (width / 2 + (x - 0.5) * wide, top + height / 2 + (y - 0.5) * tall) for x, y in stroke
        ]
        draw.line(points, fill=_INK, width=pen, joint="curve")
        for x, y in (points[0], points[-1]):
            draw.ellipse([x - pen / 2, y - pen / 2, x + pen / 2, y + pen / 2], fill=_INK)


def _draw_screw(draw: ImageDraw.ImageDraw, box: Sequence[float]) -> None:
    left, top, right, bottom = (_FINE * edge for edge in box)
    draw.ellipse([left + 12, top + 12, right - 12, bottom - 12], fill=(120, 122, 124))
    draw.line([left + 40, bottom - 40, right - 40, top + 40], fill=(30, 30, 30), width=6 * _FINE)
    draw.arc([left + 12, top + 12, right - 12, bottom - 12], 0, 360, fill=(40, 40, 40), width=9)


def _box(draw: ImageDraw.ImageDraw, box: Sequence[float], fill: tuple[int, int, int]) -> None:
    draw.rectangle([_FINE * edge for edge in box], fill=fill)


def _add_glare(image: Image.Image) -> None:
    """Put a bright spot on the fourth drum, which hides it."""
    x = _FINE * (COUNTER_BOX[0] + 3.5 * _PITCH)
    y = _FINE * (COUNTER_BOX[1] + COUNTER_BOX[3]) / 2
    radius = _FINE * 0.5 * _PITCH
    draw = ImageDraw.Draw(image)
    draw.ellipse([x - radius, y - radius, x + radius, y + radius], fill=(255, 255, 255))
