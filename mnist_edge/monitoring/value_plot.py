"""Draw the values of each region over time, and where there was none."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Literal

from PIL import Image, ImageDraw

from mnist_edge.inference.drawn_text import draw_text
from mnist_edge.monitoring.readings import ValueReading

_WIDTH = 960
"""Pixels of the drawing."""
_HEIGHT = 240
"""Pixels of each region."""
_LEFT, _TOP, _RIGHT, _BOTTOM = 130, 44, 20, 44
"""Pixels around a region's curve: values, its name, and times."""
_TICK = 8
"""Pixels of the mark of a reading without a value."""
_PAPER, _GRID, _GRAY = (255, 255, 255), (222, 222, 222), (110, 110, 110)
_CURVE, _MARK = (30, 90, 180), (200, 60, 40)
_RAISED = str.maketrans("²³", "23")
"""Pillow's own font lacks raised digits."""
_TIMES = 5
"""Times below a curve."""


def plot_values(readings: Iterable[ValueReading]) -> Image.Image:
    """Draw the readings, one region below the other.

    A value holds until the next one: the curve has steps. A reading without one is a mark on the
    axis.

    Args:
        readings: the oldest first.

    Returns:
        An RGB picture, 960 pixels wide and 240 high for each region.
    """
    regions: dict[str, list[ValueReading]] = {}
    for one in readings:
        regions.setdefault(one.region, []).append(one)
    canvas = Image.new("RGB", (_WIDTH, _HEIGHT * max(1, len(regions))), _PAPER)
    if not regions:
        draw_text(canvas, "no readings", at=(_LEFT, _TOP), size=16)
    for place, name in enumerate(sorted(regions)):
        _draw_region(canvas, regions[name], top=place * _HEIGHT)
    return canvas


def _draw_region(canvas: Image.Image, readings: Sequence[ValueReading], *, top: int) -> None:
    low, high = top + _HEIGHT - _BOTTOM, top + _TOP
    first, last = readings[0].time, readings[-1].time
    seconds = (last - first).total_seconds()
    latest = next((one for one in reversed(readings) if one.value is not None), None)
    title = readings[0].region
    if latest is not None:
        title = f"{title}: {latest.value:f} {latest.unit}".strip()
    title = title.translate(_RAISED).encode("latin-1", "replace").decode("latin-1")
    draw_text(canvas, title, at=(_LEFT, top + 14), size=16)
    _draw_times(canvas, first, last, row=low)

    def column(time: datetime) -> float:
        share = (time - first).total_seconds() / seconds if seconds else 0.5
        return _LEFT + share * (_WIDTH - _LEFT - _RIGHT)

    draw = ImageDraw.Draw(canvas)
    without = [column(one.time) for one in readings if one.value is None]
    for x in without:
        draw.line((x, low, x, low - _TICK), fill=_MARK, width=2)
    if without:
        said = f"{len(without):,} of {len(readings):,} without a value"
        at = (_WIDTH - _RIGHT, top + 14)
        draw_text(canvas, said, at=at, size=14, align="right", color=_MARK)
    values = [(column(one.time), one.value) for one in readings if one.value is not None]
    if not values:
        return
    smallest, largest = min(v for _, v in values), max(v for _, v in values)
    span = float(largest - smallest)

    def row(value: Decimal) -> int:
        share = float(value - smallest) / span if span else 0.5
        return round(low + share * (high - low))

    for value in {smallest, largest}:
        y = row(value)
        draw.line((_LEFT, y, _WIDTH - _RIGHT, y), fill=_GRID)
        draw_text(canvas, f"{value:f}", at=(_LEFT - 10, y - 5), size=14, align="right", color=_GRAY)
    points: list[tuple[float, int]] = []
    for x, value in values:
        y = row(value)
        points += [(x, points[-1][1]), (x, y)] if points else [(x, y)]
    if len(points) > 1:
        draw.line(points, fill=_CURVE, width=2)
    else:
        ((x, y),) = points
        draw.ellipse((x - 3, y - 3, x + 3, y + 3), fill=_CURVE)


def _draw_times(canvas: Image.Image, first: datetime, last: datetime, *, row: int) -> None:
    """Draw local times below a curve, the dates at its ends."""
    between = "%H:%M:%S" if last - first < timedelta(hours=1) else "%d. %H:%M"
    for place in range(_TIMES) if last > first else (0,):
        share = place / (_TIMES - 1)
        time = (first + share * (last - first)).astimezone()
        is_end = place in (0, _TIMES - 1)
        text = f"{time:%Y-%m-%d %H:%M}" if is_end else f"{time:{between}}"
        x = round(_LEFT + share * (_WIDTH - _LEFT - _RIGHT))
        align: Literal["left", "right"] = "right" if place == _TIMES - 1 else "left"
        draw_text(canvas, text, at=(x, row + 12), size=12, align=align, color=_GRAY)
