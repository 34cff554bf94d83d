"""A digit on one ground within another: notes on tables, tiles, padded crops, bordered drawings."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from PIL import Image

from benchmarks.accuracy.hard_pictures.fields import clouds, pick, rotation
from benchmarks.accuracy.hard_pictures.light import gradient
from benchmarks.accuracy.hard_pictures.palettes import PAPERS, TABLES, WHITES, Color, luminance
from benchmarks.accuracy.hard_pictures.pens import BALLPOINT, CHALK, FELT, MARKER
from benchmarks.accuracy.hard_pictures.sheet import Drawn, Sheet

_DARK_TABLES: tuple[Color, ...] = (*TABLES, (28, 28, 32), (40, 30, 25))
_LCDS: tuple[Color, ...] = ((168, 178, 150), (150, 165, 140), (185, 190, 180))
_BORDERS: tuple[Color, ...] = (
    (230, 20, 230),
    (30, 30, 30),
    (40, 110, 220),
    (220, 40, 40),
    (20, 150, 60),
)
"""Colors of a drawing program's border."""


def draw_note(rng: Generator, severity: int) -> Drawn:
    """Draw a digit on a note, a card or a sheet that lies on a darker table."""
    table = draw_table(rng, severity)
    size = rng.uniform(*((0.7, 0.95), (0.45, 0.65), (0.28, 0.42))[severity - 1])
    card = Sheet(
        rng,
        share=rng.uniform(0.35, 0.65),
        paper=pick_card(rng, table),
        longest=size * min(table.size),
        aspect=rng.uniform(0.7, 1.4),
    )
    truth = card.digit(pick(rng, (BALLPOINT, FELT, MARKER)), (0.5, 0.5))
    lay_card(table, card, severity)
    return table.photograph(light=0.2), truth


def draw_table(rng: Generator, severity: int) -> Sheet:
    """Draw a dark table: plain at 1, with its grain from 2 on."""
    # As large as a phone's picture is seen on a screen: what lies on it stays legible.
    longest = rng.uniform(500, 1400)
    table = Sheet(rng, paper=pick(rng, _DARK_TABLES), longest=longest)
    if severity > 1:
        height, width = table.size
        grain = clouds(rng, table.size, (height / 60, width / 2))
        table.shade(1 + np.float32((0, 0.06, 0.12)[severity - 1]) * grain)
    return table


def pick_card(rng: Generator, table: Sheet) -> Color:
    """Choose a paper that is clearly lighter than the table."""
    while True:
        paper = pick(rng, (*WHITES, *PAPERS))
        if luminance(paper) > float(table.colors.mean()) + 60:
            return paper


def lay_card(table: Sheet, card: Sheet, severity: int) -> None:
    """Lay a card on the table, turned a little, and at 3 seen from one side."""
    rng, (height, width) = table.rng, table.size
    half = np.array((card.size[1], card.size[0])) * card.longest / max(card.size) / 2
    corners: NDArray[np.float64] = np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)]) * half
    corners = corners @ rotation(rng.uniform(-1, 1) * (3, 8, 15)[severity - 1])
    corners += rng.uniform(-1, 1, (4, 2)) * (0.01, 0.03, 0.06)[severity - 1] * half
    room = np.maximum(np.array((width, height)) / 2 - np.abs(corners).max(0), 0)
    corners += np.array((width, height)) / 2 + rng.uniform(-0.9, 0.9, 2) * room
    table.lay(card, corners, shadow=0.3)


def draw_tile(rng: Generator, severity: int) -> Drawn:
    """Draw a light digit on a dark tile, or an LCD's, in a border of 30, 8 or 2 pixels."""
    lcd = rng.random() < 0.3
    tone = rng.uniform(8, 45)
    sheet = Sheet(
        rng,
        share=rng.uniform(0.55, 0.8),
        paper=pick(rng, _LCDS) if lcd else (tone, tone, tone * 1.1),
        longest=rng.uniform(60, 300),
        aspect=rng.uniform(0.6, 1.1),
    )
    pen = replace(FELT, colors=((35, 40, 38),)) if lcd else replace(CHALK, grain=0, opacity=(1, 1))
    truth = sheet.digit(pen, (rng.uniform(0.4, 0.6), rng.uniform(0.4, 0.6)))
    light = rng.uniform(190, 250)
    border = (25.0, 25.0, 28.0) if lcd else (light, light, light * 0.98)
    around = rng.uniform(0.85, 1.15, 4) * (30, 8, 2)[severity - 1]
    sheet.surround((around[0], around[1], around[2], around[3]), border)
    return (sheet.photograph() if rng.random() < 0.5 else sheet.scan()), truth


def draw_padded(rng: Generator, severity: int) -> Drawn:
    """Draw a photo of gray paper, padded to a square with white or, rarely, black."""
    narrow = rng.uniform(*((0.6, 0.8), (0.45, 0.7), (0.4, 0.7))[severity - 1])
    sheet = Sheet(
        rng,
        share=rng.uniform(0.5, 0.8) if narrow > 0.6 else rng.uniform(0.35, 0.6),
        longest=rng.uniform(36, 64) if severity == 3 else rng.uniform(100, 700),
        aspect=narrow if rng.random() < 0.7 else 1 / narrow,
    )
    truth = sheet.digit(None, (0.5, 0.5))
    gray = rng.uniform(*((0.8, 0.95), (0.65, 0.85), (0.55, 0.8))[severity - 1])
    sheet.shade(np.full(sheet.size, gray, np.float32))
    crop = sheet.photograph(light=(0.05, 0.15, 0.25)[severity - 1])
    side = round(max(crop.size) * (1 if rng.random() < 0.6 else rng.uniform(1.05, 1.3)))
    square = Image.new("RGB", (side, side), "black" if rng.random() < 0.15 else "white")
    square.paste(crop, ((side - crop.width) // 2, (side - crop.height) // 2))
    return square, truth


def draw_border(rng: Generator, severity: int) -> Drawn:
    """Draw a clean drawing in a colored border, or at 3 a page with a dark margin."""
    longest = rng.uniform(60, 400)
    paper = pick(rng, ((255.0, 255.0, 255.0), (240.0, 252.0, 252.0), (250.0, 248.0, 235.0)))
    sheet = Sheet(rng, share=rng.uniform(0.45, 0.75), paper=paper, longest=longest)
    truth = sheet.digit(pick(rng, (FELT, MARKER)))
    if severity < 3:
        width = rng.uniform(*((1, 2), (2, 4))[severity - 1])
        sheet.surround((width,) * 4, pick(rng, _BORDERS))
        return sheet.scan(), truth
    # What a scanner shows beyond the page, on one or two of its sides.
    sides = np.zeros(4)
    sides[rng.permutation(4)[: rng.integers(1, 3)]] = rng.uniform(0.02, 0.07) * longest
    dark = rng.uniform(10, 60)
    sheet.surround((sides[0], sides[1], sides[2], sides[3]), (dark, dark, dark))
    sheet.shade(gradient(rng, sheet.size, 0.1))
    return sheet.photograph(), truth
