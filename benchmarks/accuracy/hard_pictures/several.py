"""Several digits in one picture: tight rows, tables, rows of two sizes, notes on a table."""

from __future__ import annotations

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from PIL import Image

from benchmarks.accuracy.hard_pictures.extremes import ink_box
from benchmarks.accuracy.hard_pictures.fields import pick
from benchmarks.accuracy.hard_pictures.pens import BALLPOINT, FELT, PENCIL, Pen, sample_pen
from benchmarks.accuracy.hard_pictures.scenes import draw_table, lay_card, pick_card
from benchmarks.accuracy.hard_pictures.sheet import Drawn, Sheet

_WHITE = (255.0, 255.0, 255.0)


def draw_tight_row(rng: Generator, severity: int) -> Drawn:
    """Draw two to twelve digits of one height, cut close about."""
    count = int(rng.integers(*((2, 6), (4, 10), (6, 13))[severity - 1]))
    sheet, truth, box = _row(rng, count, gap=(0.12, 0.4), unevenness=rng.uniform(0, 0.6))
    margins = rng.uniform(*((0.4, 0.8), (0.12, 0.35), (0.04, 0.12))[severity - 1], 4)
    sheet.crop(_widened(box, margins * sheet.digit_height))
    return _taken(rng, sheet), truth


def draw_edge_row(rng: Generator, severity: int) -> Drawn:
    """Draw a row whose last or first digit is near, at or slightly over the picture's edge."""
    sheet, truth, box = _row(rng, int(rng.integers(3, 7)), gap=(0.4, 1.2), unevenness=1)
    margins = rng.uniform(0.5, 1.2, 4)
    end = 2 * int(rng.integers(2))
    margins[end] = rng.uniform(*((0.02, 0.06), (0, 0.005), (-0.04, -0.02))[severity - 1])
    sheet.crop(_widened(box, margins * sheet.digit_height))
    return _taken(rng, sheet), truth


def _row(
    rng: Generator, count: int, *, gap: tuple[float, float], unevenness: float
) -> tuple[Sheet, str, tuple[int, int, int, int]]:
    """Write a row on a sheet of its length; return the sheet, the digits and their box."""
    # A digit may be wider than it is high.
    aspect = (count * (1.2 + gap[1]) + 2) / 3
    high = rng.uniform(26, 60)
    sheet = Sheet(
        rng,
        share=1 / 3,
        paper=_WHITE if rng.random() < 0.5 else None,
        longest=3 * high * max(1, aspect),
        aspect=aspect,
    )
    pen = _writing_pen(rng)
    wide = rng.uniform(*gap)
    gaps = (wide * rng.uniform(0.8, 1.2, count)).tolist()
    before = sheet.colors.copy()
    height = sheet.digit_height
    truth = sheet.row(count, pen, height, height, gaps, unevenness=unevenness)
    return sheet, truth, ink_box(before, sheet.colors)


def _writing_pen(rng: Generator) -> Pen:
    return sample_pen(rng, pick(rng, (BALLPOINT, FELT, PENCIL)))


def _widened(
    box: tuple[int, int, int, int], margins: NDArray[np.float64]
) -> tuple[float, float, float, float]:
    left, top, right, bottom = np.array(box) + margins * (-1, -1, 1, 1)
    return float(left), float(top), float(right), float(bottom)


def _taken(rng: Generator, sheet: Sheet) -> Image.Image:
    """Scan or photograph a sheet, either as often."""
    return sheet.scan() if rng.random() < 0.5 else sheet.photograph()


def draw_table_of_digits(rng: Generator, severity: int) -> Drawn:
    """Draw a table without lines: 25, 64 or 100 digits, half of the time a digit to a row."""
    side = (5, 8, 10)[severity - 1]
    spacing = rng.uniform(*((1.9, 2.2), (1.6, 1.9), (1.35, 1.65))[severity - 1])
    return _grid(rng, [1.0] * side, side, spacing=spacing, drills=rng.random() < 0.5)


def draw_two_sizes(rng: Generator, severity: int) -> Drawn:
    """Draw rows in columns, one of them 1.35, 1.65 or 2 times as high as the others."""
    rows = [1.0] * int(rng.integers(3, 6))
    rows[rng.integers(len(rows))] = (1.35, 1.65, 2.0)[severity - 1]
    return _grid(rng, rows, int(rng.integers(5, 9)), spacing=rng.uniform(1.7, 2.4), drills=False)


def _grid(
    rng: Generator, heights: list[float], columns: int, *, spacing: float, drills: bool
) -> Drawn:
    """Write digits in rows and columns.

    Args:
        rng: makes every choice.
        heights: of each row, as multiples of the ordinary digit's.
        columns: how many digits a row has.
        spacing: from one ordinary row to the next and from one column to the next, in heights;
            larger digits have columns farther apart.
        drills: write the same digit all along a row.
    """
    # Each row has its height and what ordinary rows have between them.
    pitches = [height - 1 + spacing for height in heights]
    wide = spacing * float(np.sqrt(max(heights)))
    down, across = sum(pitches) + 1, columns * wide + 1
    high = rng.uniform(24, 40)
    sheet = Sheet(
        rng,
        share=1 / down,
        paper=_WHITE if rng.random() < 0.5 else None,
        longest=high * max(down, across),
        aspect=across / down,
    )
    unit, pen = sheet.size[0] / down, _writing_pen(rng)
    truth, top = "", 0.5 * unit
    for height, pitch in zip(heights, pitches, strict=True):
        label = str(rng.integers(10)) if drills else None
        for column in range(columns):
            x = (0.5 + (column + 0.5) * wide) * unit
            y = top + pitch * unit / 2
            shift_x, shift_y = rng.uniform(-0.08, 0.08, 2) * unit
            tall = height * unit * rng.uniform(0.92, 1.05)
            truth += sheet.write(pen, (x + shift_x, y + shift_y), tall, label)
        top += pitch * unit
    return _taken(rng, sheet), truth


def draw_note_of_rows(rng: Generator, severity: int) -> Drawn:
    """Draw a note with two to four rows of digits, on a table."""
    table = draw_table(rng, severity)
    size = rng.uniform(*((0.8, 0.95), (0.6, 0.75), (0.45, 0.6))[severity - 1])
    rows = int(rng.integers(2, 5))
    card = Sheet(
        rng,
        share=0.5 / (rows + 0.5),
        paper=pick_card(rng, table),
        longest=size * min(table.size),
        aspect=rng.uniform(0.8, 1.2),
    )
    pen = sample_pen(rng, pick(rng, (BALLPOINT, FELT)))
    pitch = card.size[0] / (rows + 0.5)
    truth = ""
    for row in range(rows):
        count = int(rng.integers(2, 5))
        left = rng.uniform(0.08, 0.15) * card.size[1]
        gaps = rng.uniform(0.3, 0.5, count).tolist()
        truth += card.row(count, pen, (row + 0.5) * pitch, left, gaps)
    lay_card(table, card, severity)
    return table.photograph(light=0.2), truth
