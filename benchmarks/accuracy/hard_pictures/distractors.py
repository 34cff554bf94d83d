"""What a picture without a digit shows instead."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from benchmarks.accuracy.hard_pictures.fields import blur, clouds, pick, rotation, soft_edge
from benchmarks.accuracy.hard_pictures.palettes import INKS
from benchmarks.accuracy.hard_pictures.pens import pick_pen, sample_pen
from benchmarks.accuracy.hard_pictures.sheet import Sheet
from benchmarks.accuracy.hard_pictures.strokes import center_line, draw_stroke

_LETTERS = "AEFHKMNRWXahkmnwx"
"""Letters that do not resemble a digit."""


def leave_blank(sheet: Sheet, severity: int) -> None:
    """Draw nothing."""


def draw_scenery(sheet: Sheet, severity: int) -> None:
    """Draw what else a camera sees: soft shapes over one another, each with its own texture."""
    rng = sheet.rng
    for _ in range(3 + 2 * severity):
        shape = clouds(rng, sheet.size, rng.uniform(0.15, 0.6) * min(sheet.size))
        cover = soft_edge((shape - rng.uniform(-0.5, 0.8)) * rng.uniform(3, 60))
        red, green, blue = rng.uniform(30, 220) + rng.normal(0, 18, 3)
        sheet.ink(cover, (red, green, blue))
    detail = np.zeros(sheet.size, np.float32)
    for part in (4, 8, 16, 32, 64):
        detail += clouds(rng, sheet.size, max(2.0, min(sheet.size) / part)) / np.float32(part)
    sheet.shade(np.clip(1 + np.float32(0.8) * detail, 0.2, 1.8))


def scribble(sheet: Sheet, severity: int) -> None:
    """Write what nobody can read: rows of joined-up zigzags."""
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
    sheet.ink(blur(np.asarray(layer, np.float32) / 255, 0.7), pick(rng, INKS))


def draw_shapes(sheet: Sheet, severity: int) -> None:
    """Draw triangles, squares, stars and arrows; a ring or a lone stroke may be a digit."""
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
        outline = np.array(outlines[rng.integers(len(outlines))]) @ rotation(rng.uniform(-20, 20))
        points = outline * size + rng.uniform(0.25, 0.75, 2) * (width, height)
        corners = [(x, y) for x, y in points.tolist()]
        if rng.random() < 0.5:
            draw.polygon(corners, fill=255)
        else:
            draw.line([*corners, *corners[:2]], fill=255, width=max(2, round(0.08 * size)))
    sheet.ink(blur(np.asarray(layer, np.float32) / 255, 0.7), pick(rng, INKS))


def draw_letters(sheet: Sheet, severity: int) -> None:
    """Print or write one letter or a word."""
    rng = sheet.rng
    letters = "".join(rng.choice(list(_LETTERS), int(rng.choice((1, 1, 3)))))
    font = ImageFont.load_default(96)
    left, top, right, bottom = (int(edge) for edge in font.getbbox(letters))
    printed = Image.new("L", (right - left + 8, bottom - top + 8))
    ImageDraw.Draw(printed).text((4 - left, 4 - top), letters, fill=255, font=font)
    height = min(sheet.digit_height, 0.8 * sheet.size[1] * printed.height / printed.width)
    pen = sample_pen(rng, pick_pen(rng))
    if len(letters) == 1 and rng.random() < 0.5:
        coverage = draw_stroke(rng, center_line(np.asarray(printed) > 127), height, pen)
    else:
        size = (round(height * printed.width / printed.height), round(height))
        coverage = np.asarray(printed.resize(size, Image.Resampling.BICUBIC), np.float32) / 255
    top, left = (
        int(rng.uniform(0.2, 0.8) * (room - need))
        for room, need in zip(sheet.size, coverage.shape, strict=True)
    )
    sheet.ink(coverage, pen.colors[0], top, left)
