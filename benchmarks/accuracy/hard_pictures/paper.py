"""What a sheet shows besides a digit: rules, squares, tables, fibers, dirt, folds."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from benchmarks.accuracy.hard_pictures.fields import blur, clouds, pick, rotation, soft_edge
from benchmarks.accuracy.hard_pictures.light import distance_from_line
from benchmarks.accuracy.hard_pictures.pens import Pen
from benchmarks.accuracy.hard_pictures.sheet import Sheet
from benchmarks.accuracy.hard_pictures.strokes import draw_stroke, pick_digit


def rule(sheet: Sheet, severity: int) -> None:
    """Rule lines, sometimes with a red margin."""
    rng = sheet.rng
    sheet.lines(
        sheet.digit_height / rng.uniform(*((0.6, 0.9), (0.9, 1.4), (1.4, 2.5))[severity - 1]),
        width=max(1.0, rng.uniform(0.008, 0.018) * sheet.digit_height),
        tilt=rng.uniform(-1, 1) * (1, 2, 4)[severity - 1],
        color=pick(rng, ((90, 130, 190), (120, 120, 130), (80, 150, 170))),
        opacity=rng.uniform(*((0.25, 0.4), (0.4, 0.6), (0.6, 0.85))[severity - 1]),
    )
    if rng.random() < 0.3:
        margin = rng.uniform(0.05, 0.2) * sheet.size[1]
        columns = np.arange(sheet.size[1], dtype=np.float32)[np.newaxis]
        line = np.broadcast_to(soft_edge(np.abs(columns - margin) - 1), sheet.size)
        sheet.ink(np.float32(0.5) * line, (205, 80, 80))


def square(sheet: Sheet, severity: int) -> None:
    """Rule squares."""
    rng = sheet.rng
    tilt = rng.uniform(-1, 1) * (1, 2, 4)[severity - 1]
    squares = rng.uniform(*((0.8, 1.3), (1.3, 2.2), (2.2, 3.5))[severity - 1])
    width = max(1.0, rng.uniform(0.008, 0.018) * sheet.digit_height)
    color = pick(rng, ((100, 140, 195), (130, 130, 140), (110, 170, 140)))
    opacity = rng.uniform(*((0.25, 0.4), (0.35, 0.5), (0.45, 0.65))[severity - 1])
    for angle in (tilt, tilt + 90):
        sheet.lines(
            sheet.digit_height / squares, width=width, tilt=angle, color=color, opacity=opacity
        )


def draw_cell(
    sheet: Sheet, origin: NDArray[np.float64], pitch: NDArray[np.float64], severity: int
) -> None:
    """Draw the border of a cell: solid, dashed or dotted, some lines double, some missing."""
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
            line = soft_edge(distance - heavy / 2)
            if double:
                line = soft_edge(np.abs(distance - heavy) - heavy / 3)
            if dash:
                line = line * soft_edge(np.abs(along % dash - dash / 2) - filled * dash / 2)
            if 2 * edge + step != missing:
                border = np.maximum(border, np.broadcast_to(line, sheet.size))
    color = pick(rng, ((25, 25, 28), (25, 25, 28), (150, 150, 152), (70, 120, 200)))
    sheet.ink(np.float32(rng.uniform(0.7, 0.95)) * border, color)


def draw_neighbor(sheet: Sheet, pen: Pen, side: int, pitch: NDArray[np.float64]) -> None:
    """Draw the digit of the next cell, which reaches the border between them."""
    coverage = draw_stroke(sheet.rng, pick_digit(sheet.rng)[1], sheet.digit_height * 1.3, pen)
    along, sign = side % 2, 1 if side < 2 else -1
    at = np.array(sheet.size) / 2
    at[along] += sign * (
        (0.5 + sheet.rng.uniform(-0.04, 0.01)) * pitch[along] + coverage.shape[along] / 2
    )
    top, left = np.rint(at - np.array(coverage.shape) / 2).astype(int)
    sheet.ink(coverage, pen.colors[0], int(top), int(left))


def add_fibers(sheet: Sheet, severity: int) -> None:
    """Make the paper recycled: short hairs, some dark, and a coarse tooth."""
    rng, (height, width) = sheet.rng, sheet.size
    layer = Image.new("L", (width, height))
    draw = ImageDraw.Draw(layer)
    reach = max(6.0, 0.03 * height)
    for _ in range((60, 150, 300)[severity - 1]):
        steps = np.cumsum(rng.normal(0, 0.35, 6)) + rng.uniform(0, 2 * np.pi)
        path = np.cumsum(np.stack((np.cos(steps), np.sin(steps)), 1), 0) * reach / 6
        path += rng.uniform(0, 1, 2) * (width, height)
        draw.line([(x, y) for x, y in path.tolist()], fill=int(rng.integers(40, 130)))
    hairs = blur(np.asarray(layer, np.float32) / 255, 0.5)
    sheet.ink(hairs * np.float32((0.4, 0.55, 0.7)[severity - 1]), (110, 95, 75))
    tooth = blur(rng.standard_normal(sheet.size, np.float32), max(0.8, 0.003 * height))
    tooth *= np.float32((0.015, 0.03, 0.05)[severity - 1]) / tooth.std()
    sheet.shade(1 + tooth)


def add_dirt(sheet: Sheet, severity: int) -> None:
    """Add specks, and the smudges of a hand."""
    rng, (height, width) = sheet.rng, sheet.size
    layer = Image.new("L", (width, height))
    draw = ImageDraw.Draw(layer)
    for _ in range((8, 20, 40)[severity - 1]):
        radius = max(0.6, 0.012 * sheet.digit_height * rng.lognormal(0, 0.5))
        x, y = rng.uniform(0, width), rng.uniform(0, height)
        box = (x - radius, y - radius, x + radius, y + radius)
        draw.ellipse(box, fill=int(rng.integers(80, 230)))
    sheet.ink(blur(np.asarray(layer, np.float32) / 255, 0.6), (60, 50, 45))
    patches = clouds(rng, sheet.size, height / 3) + 0.5 * clouds(rng, sheet.size, height / 8)
    patches = np.clip(patches - 1, 0, 1)
    streaks = 0.7 + 0.3 * clouds(rng, sheet.size, (height / 90, width / 12))
    sheet.shade(1 - np.float32((0.12, 0.2, 0.3)[severity - 1]) * patches * np.clip(streaks, 0, 1))
    if severity > 1:
        _fold(sheet, severity)


def _fold(sheet: Sheet, severity: int) -> None:
    """Add a crease: one side slightly darker, its edge a thin light and shadow."""
    rng = sheet.rng
    distance = distance_from_line(rng, sheet.size)
    width = 0.006 * sheet.size[0]
    edge = np.exp(-((distance / width) ** 2)) * np.sign(distance)
    step = 0.5 * (1 + np.tanh(distance / (2 * width)))
    sheet.shade((1 - 0.03 * severity * step + 0.04 * severity * edge).astype(np.float32))


def add_fibers_and_dirt(sheet: Sheet, severity: int) -> None:
    """Make the paper recycled and dirty."""
    add_fibers(sheet, severity)
    add_dirt(sheet, severity)


def wipe(sheet: Sheet, severity: int) -> None:
    """Leave the clouds of chalk that a dry sponge leaves on a board."""
    rng, (height, width) = sheet.rng, sheet.size
    narrow = clouds(rng, (height, width), (height / 25, width / 2))
    wide = clouds(rng, (height, width), min(height, width) / 3)
    haze = np.clip(0.5 + 0.35 * wide + 0.25 * narrow, 0, 1)
    sheet.ink(np.float32((0.06, 0.13, 0.2)[severity - 1]) * haze, (225, 228, 222))


def tilt_camera(sheet: Sheet, severity: int) -> None:
    """View the page from one side, slightly turned; at 3 the table shows at the corners."""
    rng, (height, width) = sheet.rng, sheet.size
    squeeze = rng.uniform(0.6, 1) * (0.06, 0.11, 0.16)[severity - 1]
    corners = np.array([(squeeze, 0), (1 - squeeze, 0), (1, 1), (0, 1)])
    corners = (corners - 0.5) @ rotation(int(rng.integers(4)) * 90)
    corners = corners @ rotation(rng.uniform(-1, 1) * (3, 6, 9)[severity - 1])
    corners *= (0.9, 1.0, 1.1)[severity - 1]
    order = np.argsort(np.arctan2(corners[:, 1], corners[:, 0]))
    sheet.warp((corners[order] + 0.5) * (width, height))
