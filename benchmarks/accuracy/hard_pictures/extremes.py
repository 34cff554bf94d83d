"""Digits at a limit: of size, weight, place and color; and the cell that has none."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.random import Generator
from PIL import Image

from benchmarks.accuracy.hard_pictures.fields import Field, blur, pick, soft_edge
from benchmarks.accuracy.hard_pictures.light import gradient
from benchmarks.accuracy.hard_pictures.palettes import Color, luminance
from benchmarks.accuracy.hard_pictures.paper import add_dirt
from benchmarks.accuracy.hard_pictures.pens import (
    BALLPOINT,
    FELT,
    MARKER,
    PENCIL,
    pick_pen,
    sample_pen,
)
from benchmarks.accuracy.hard_pictures.sheet import Drawn, Sheet, compress
from benchmarks.accuracy.hard_pictures.strokes import draw_stroke, pick_digit

_FORM_INKS: tuple[Color, ...] = ((175, 60, 55), (60, 60, 65), (90, 130, 190), (60, 140, 90))
"""Colors that forms are printed in."""


def draw_bold(rng: Generator, severity: int) -> Drawn:
    """Draw a digit in strokes so thick that they fill a small picture."""
    label, ink = _thick_digit(rng, ((0.22, 0.26), (0.26, 0.3), (0.3, 0.36))[severity - 1])
    side = int(rng.integers(28, 49))
    picture = _fill(ink, (side, side), margin=rng.uniform(0.0, 0.06))
    paper, tone = rng.uniform(225, 255), rng.uniform(5, 50)
    if rng.random() < 0.3:
        paper, tone = tone, paper
    gray = paper + (tone - paper) * blur(picture, rng.uniform(0.3, 0.9))
    image = Image.fromarray(np.rint(gray).astype(np.uint8))
    return (image if rng.random() < 0.5 else compress(image, 85)), label


def draw_tiny(rng: Generator, severity: int) -> Drawn:
    """Draw a digit of 16x16 pixels, cut tight and stretched to the square, as postal data are."""
    label, ink = _thick_digit(rng, ((0.1, 0.14), (0.14, 0.18), (0.18, 0.22))[severity - 1])
    narrow = ink.shape[1] / ink.shape[0]
    # A 1 is not stretched to a square.
    across = 16 if narrow > 0.45 else max(4, round(16 * narrow * rng.uniform(1, 1.3)))
    size = (across, 16)
    small = np.asarray(Image.fromarray(ink).resize(size, Image.Resampling.BOX), np.float32)
    picture = np.zeros((16, 16), np.float32)
    left = (16 - across) // 2
    picture[:, left : left + across] = small
    picture = blur(picture, (0.25, 0.35, 0.5)[severity - 1])
    gray = np.clip(picture if rng.random() < 0.5 else 1 - picture, 0, 1)
    return Image.fromarray(np.rint(255 * gray).astype(np.uint8)), label


def _thick_digit(rng: Generator, width: tuple[float, float]) -> tuple[str, Field]:
    """Draw a digit that a thick pen leaves legible: no loop is filled in, and none added.

    Args:
        rng: makes every choice.
        width: least and greatest width of the pen, as shares of the digit's height.

    Returns:
        The digit's label and its coverage, 128 pixels high.
    """
    thin = replace(MARKER, width=(0.05, 0.05), opacity=(1, 1), pressure=0)
    while True:
        label, line = pick_digit(rng)
        share = rng.uniform(*width)
        pen = replace(thin, width=(share, share), pressure=0.05)
        seed = int(rng.integers(2**32))
        # The pen's width lies about the line: the line is that much shorter than the digit.
        drawn, slim = (
            draw_stroke(np.random.default_rng(seed), line, 128 * (1 - share), one, tilt=6)
            for one in (pen, thin)
        )
        if _holes(drawn) == _holes(slim):
            return label, drawn


def _holes(coverage: Field) -> int:
    """Count the loops of a digit: what a flood from outside does not reach.

    Of a digit 128 pixels high, a loop has at least a pixel of 16x16.
    """
    paper = np.pad(coverage < 0.5, 1, constant_values=True)
    count = 0
    while paper.any():
        reached = np.zeros_like(paper)
        start = np.unravel_index(int(paper.argmax()), paper.shape)
        reached[start] = True
        while True:
            wider = reached.copy()
            wider[1:] |= reached[:-1]
            wider[:-1] |= reached[1:]
            wider[:, 1:] |= wider[:, :-1].copy()
            wider[:, :-1] |= wider[:, 1:].copy()
            wider &= paper
            if (wider == reached).all():
                break
            reached = wider
        paper &= ~reached
        count += int(reached.sum()) >= 64
    return count - 1


def _fill(ink: Field, size: tuple[int, int], margin: float) -> Field:
    """Fit a digit into a picture (rows, columns) up to a margin, a share of the longest side."""
    room = round(max(size) * (1 - 2 * margin))
    scale = room / max(ink.shape)
    rows, columns = (max(1, round(scale * side)) for side in ink.shape)
    fitted = np.asarray(Image.fromarray(ink).resize((columns, rows), Image.Resampling.BOX))
    picture = np.zeros(size, np.float32)
    top, left = (size[0] - rows) // 2, (size[1] - columns) // 2
    picture[top : top + rows, left : left + columns] = fitted
    return picture


def draw_webcam(rng: Generator, severity: int) -> Drawn:
    """Draw a camera's frame of 32x32 pixels: gray, noisy, of little contrast."""
    share = rng.uniform(*((0.6, 0.85), (0.45, 0.6), (0.35, 0.5))[severity - 1])
    tone = rng.uniform(110, 190)
    depth = rng.uniform(*((70, 110), (45, 70), (30, 45))[severity - 1])
    sheet = Sheet(rng, share=share, paper=(tone,) * 3, longest=32, aspect=1)
    pen = pick(rng, (BALLPOINT, PENCIL, FELT))
    truth = sheet.digit(
        replace(pen, colors=((tone - depth,) * 3,), width=(0.07, 0.11), opacity=(0.9, 1), grain=0)
    )
    sheet.shade(gradient(rng, sheet.size, (0.05, 0.15, 0.25)[severity - 1]))
    small = np.asarray(sheet.scan().convert("L"), np.float32)
    noise = (1.0, 2.0, 3.0)[severity - 1] * rng.standard_normal(small.shape, np.float32)
    return Image.fromarray(np.clip(np.rint(small + noise), 0, 255).astype(np.uint8)), truth


def draw_at_edge(rng: Generator, severity: int) -> Drawn:
    """Draw a digit close to the picture's edges: near them, touching one, cut by one."""
    sheet = Sheet(rng, share=rng.uniform(0.4, 0.6), longest=rng.uniform(100, 700), aspect=1)
    pen = sample_pen(rng, pick_pen(rng))
    before = sheet.colors.copy()
    truth = sheet.digit(pen, (0.5, 0.5))
    box = ink_box(before, sheet.colors)
    high = sheet.digit_height
    # All sides are close, one of them as close as the severity says.
    margins = rng.uniform(0.02, 0.25, 4) * high
    side = int(rng.integers(4))
    margins[side] = rng.uniform(*((0.02, 0.05), (0, 0.005), (-0.05, -0.02))[severity - 1]) * high
    left, top, right, bottom = np.array(box) + margins * (-1, -1, 1, 1)
    sheet.crop((left, top, right, bottom))
    return sheet.photograph(), truth


def ink_box(before: Field, after: Field) -> tuple[int, int, int, int]:
    """Return the box (left, top, right, bottom) of what was written between two states."""
    written = np.abs(after - before).max(2) > 12
    rows, columns = np.nonzero(written.any(1))[0], np.nonzero(written.any(0))[0]
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def draw_like_brightness(rng: Generator, severity: int) -> Drawn:
    """Draw a digit that its color sets off from the paper, and hardly its brightness."""
    low, high = ((25, 40), (10, 25), (0, 10))[severity - 1]
    while True:
        paper, ink = (_color(rng) for _ in range(2))
        apart = np.abs(np.subtract(paper, ink)).max()
        if apart >= 100 and low <= abs(luminance(paper) - luminance(ink)) <= high:
            break
    sheet = Sheet(rng, share=rng.uniform(0.45, 0.75), paper=paper)
    pen = replace(pick(rng, (FELT, MARKER)), colors=(ink,), opacity=(1, 1))
    truth = sheet.digit(pen)
    return (sheet.scan() if rng.random() < 0.5 else sheet.photograph(quality=90)), truth


def _color(rng: Generator) -> Color:
    red, green, blue = rng.uniform(20, 240, 3)
    return red, green, blue


def draw_empty_cell(rng: Generator, severity: int) -> Drawn:
    """Draw an empty cell of a form, its border bowed from 2 on, with specks at 3."""
    sheet = Sheet(rng, longest=rng.uniform(80, 400), aspect=rng.uniform(0.8, 1.3))
    sheet.shade(np.full(sheet.size, rng.uniform(0.75, 1), np.float32))
    height, width = sheet.size
    thick = rng.uniform(0.015, 0.05) * min(height, width)
    rows, columns = np.ogrid[:height, :width]
    border = np.zeros(sheet.size, np.float32)
    missing = int(rng.integers(8))
    for number, (at, along) in enumerate(((rows, columns), (columns, rows)) * 2):
        reach = along.size
        inset = rng.uniform(0.01, 0.13) * at.size
        run = along / reach - rng.uniform(0.3, 0.7)
        askew = rng.uniform(-1, 1) * (0.01, 0.03, 0.05)[severity - 1] * at.size
        bow = rng.uniform(-1, 1) * (0, 0.06, 0.12)[severity - 1] * at.size
        place = (inset if number < 2 else at.size - inset) + askew * run + bow * run**2
        if number != missing:
            border = np.maximum(border, soft_edge(np.abs(at - place) - thick / 2))
    ink = pick(rng, _FORM_INKS)
    sheet.ink(np.float32(rng.uniform(0.75, 1)) * blur(border, rng.uniform(0.3, 1.2)), ink)
    if severity == 3:
        add_dirt(sheet, 1)
    return sheet.photograph(), None
