"""Conditions under which digits are drawn, and the generator of their pictures."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.random import Generator
from PIL import Image

from benchmarks.accuracy.hard_pictures.distractors import (
    draw_letters,
    draw_scenery,
    draw_shapes,
    leave_blank,
    scribble,
)
from benchmarks.accuracy.hard_pictures.extremes import (
    draw_at_edge,
    draw_bold,
    draw_empty_cell,
    draw_like_brightness,
    draw_tiny,
    draw_webcam,
)
from benchmarks.accuracy.hard_pictures.fields import blur, pick, rotation
from benchmarks.accuracy.hard_pictures.light import gradient, shadow, vignette
from benchmarks.accuracy.hard_pictures.palettes import (
    BOARDS,
    PAPERS,
    TINTED_INKS,
    WHITES,
    luminance,
)
from benchmarks.accuracy.hard_pictures.paper import (
    add_dirt,
    add_fibers,
    add_fibers_and_dirt,
    draw_cell,
    draw_neighbor,
    rule,
    square,
    tilt_camera,
    wipe,
)
from benchmarks.accuracy.hard_pictures.pens import (
    BALLPOINT,
    CHALK,
    FELT,
    MARKER,
    PENCIL,
    pick_pen,
    sample_pen,
)
from benchmarks.accuracy.hard_pictures.scenes import (
    draw_border,
    draw_note,
    draw_padded,
    draw_tile,
)
from benchmarks.accuracy.hard_pictures.several import (
    draw_edge_row,
    draw_note_of_rows,
    draw_table_of_digits,
    draw_tight_row,
    draw_two_sizes,
)
from benchmarks.accuracy.hard_pictures.sheet import Drawn, Sheet
from benchmarks.accuracy.hard_pictures.strokes import draw_stroke, pick_digit

SEVERITIES = (1, 2, 3)


@dataclass(frozen=True, kw_only=True)
class HardPicture:
    """A picture and what a person reads in it."""

    image: Image.Image
    truth: str | None
    """Its digits in reading order; None where there are none."""
    condition: str
    severity: int


def make(condition: str, severity: int, count: int, seed: int) -> Iterator[HardPicture]:
    """Draw pictures under one condition.

    Args:
        condition: one of ``CONDITIONS``.
        severity: 1 mild, 2 usual, 3 hard.
        count: how many; a picture stays the same whatever the count.
        seed: another gives other pictures.
    """
    draw = CONDITIONS[condition]
    for index in range(count):
        rng = np.random.default_rng((seed, zlib.crc32(condition.encode()), severity, index))
        image, truth = draw(rng, severity)
        yield HardPicture(image=image, truth=truth, condition=condition, severity=severity)


def _clean(rng: Generator, severity: int) -> Drawn:
    pens = ((FELT, MARKER), (BALLPOINT, FELT), (BALLPOINT, PENCIL))[severity - 1]
    sheet = Sheet(rng, paper=(250, 250, 250))
    truth = sheet.digit(pens[rng.integers(len(pens))])
    return sheet.scan(), truth


def _light(rng: Generator, severity: int) -> Drawn:
    sheet = Sheet(rng)
    truth = sheet.digit()
    depth = (0.3, 0.5, 0.65)[severity - 1]
    kinds = rng.permutation(3)[: 1 + (severity == 3)]
    if 0 in kinds:
        sheet.shade(gradient(rng, sheet.size, depth))
    if 1 in kinds:
        sheet.shade(vignette(rng, sheet.size, depth))
    if 2 in kinds:
        sheet.shade(shadow(rng, sheet.size, 0.8 * depth))
    return sheet.photograph(), truth


def _tint(rng: Generator, severity: int) -> Drawn:
    least = (90, 65, 42)[severity - 1]
    while True:
        paper, ink = pick(rng, PAPERS), pick(rng, TINTED_INKS)
        if least <= luminance(paper) - luminance(ink) <= least + 60:
            break
    sheet = Sheet(rng, paper=paper)
    pen = replace(pick_pen(rng), colors=(ink,), opacity=(0.9, 1.0))
    truth = sheet.digit(pen)
    return sheet.photograph(), truth


def _low_contrast(rng: Generator, severity: int) -> Drawn:
    paper = pick(rng, WHITES)
    if rng.random() < 0.3:
        paper = tuple(0.7 * value for value in paper)  # type: ignore[assignment]
    contrast = rng.uniform(*((60, 80), (40, 55), (26, 38))[severity - 1])
    ink = (paper[0] - contrast, paper[1] - contrast, paper[2] - contrast)
    sheet = Sheet(rng, paper=paper)
    truth = sheet.digit(replace(FELT, colors=(ink,), opacity=(1, 1), width=(0.07, 0.13)))
    return sheet.photograph(noise=0.8), truth


def _ruled(rng: Generator, severity: int) -> Drawn:
    sheet = Sheet(rng, share=rng.uniform(0.3, 0.6), smallest=120)
    rule(sheet, severity)
    truth = sheet.digit()
    return sheet.photograph(), truth


def _squared(rng: Generator, severity: int) -> Drawn:
    sheet = Sheet(rng, share=rng.uniform(0.3, 0.6), smallest=120)
    square(sheet, severity)
    truth = sheet.digit()
    return sheet.photograph(), truth


def _cell(rng: Generator, severity: int) -> Drawn:
    """Draw a cell of a printed table, cropped by a program that found it only roughly."""
    sheet = Sheet(rng, share=rng.uniform(0.28, 0.4), smallest=90)
    height, width = sheet.size
    pitch = np.array((0.72 * height, 0.72 * width))
    origin = (np.array(sheet.size) - pitch) / 2
    draw_cell(sheet, origin, pitch, severity)
    pen = sample_pen(rng, pick_pen(rng))
    truth = sheet.digit(pen, (rng.uniform(0.4, 0.6), rng.uniform(0.4, 0.6)))
    for side in rng.permutation(4)[: severity - 1]:
        draw_neighbor(sheet, pen, int(side), pitch)
    # How much of the border is left in the picture, and how askew it is.
    inset = np.array((width, height)) * rng.uniform((0.08, 0.05, 0.02)[severity - 1], 0.14)
    frame = np.array([(0, 0), (width, 0), (width, height), (0, height)], float)
    inward = np.sign(np.array((width, height)) / 2 - frame)
    askew = rng.uniform(-1, 1, (4, 2)) * (0.01, 0.025, 0.045)[severity - 1] * height
    if rng.random() < 0.3:
        sheet.shade(gradient(rng, sheet.size, 0.15 * severity))
    turn = rotation(rng.uniform(-1, 1) * (1, 3, 6)[severity - 1])
    middle = np.array((width, height)) / 2
    sheet.warp((frame + inward * inset + askew - middle) @ turn + middle)
    return sheet.photograph(), truth


def _off_center(rng: Generator, severity: int) -> Drawn:
    share = rng.uniform(*((0.25, 0.4), (0.12, 0.2), (1 / 12, 1 / 9))[severity - 1])
    touching = severity == 3 and rng.random() < 0.4
    sheet = Sheet(rng, share=rng.uniform(0.3, 0.7) if touching else share)
    place = rng.uniform(0.02, 0.98, 2)
    if touching:
        place[rng.integers(2)] = rng.integers(2)
    pen = pick(rng, (FELT, MARKER, BALLPOINT))
    truth = sheet.digit(pen, (place[0], place[1]))
    return sheet.photograph(), truth


def _blurred(rng: Generator, severity: int) -> Drawn:
    sheet = Sheet(rng, smallest=100)
    truth = sheet.digit()
    if rng.random() < 0.5:
        sheet.blur((0.02, 0.035, 0.05)[severity - 1] * sheet.digit_height)
    else:
        sheet.smear((0.06, 0.11, 0.16)[severity - 1] * sheet.digit_height)
    return sheet.photograph(), truth


def _noise(rng: Generator, severity: int) -> Drawn:
    sheet = Sheet(rng, smallest=100)
    truth = sheet.digit()
    sheet.shade(np.full(sheet.size, rng.uniform(0.5, 0.9), np.float32))
    quality = (50, 35, 20)[severity - 1]
    return sheet.photograph(noise=(7, 14, 22)[severity - 1], quality=quality), truth


def _texture(rng: Generator, severity: int) -> Drawn:
    sheet = Sheet(rng, smallest=150)
    add_fibers(sheet, severity)
    truth = sheet.digit()
    add_dirt(sheet, severity)
    return sheet.photograph(), truth


def _perspective(rng: Generator, severity: int) -> Drawn:
    sheet = Sheet(rng, share=rng.uniform(0.3, 0.5), smallest=150)
    truth = sheet.digit()
    tilt_camera(sheet, severity)
    return sheet.photograph(light=0.25), truth


def _thin(rng: Generator, severity: int) -> Drawn:
    width = ((0.04, 0.05), (0.028, 0.038), (0.018, 0.026))[severity - 1]
    sheet = Sheet(rng, smallest=200)
    truth = sheet.digit(replace(pick(rng, (BALLPOINT, FELT)), width=width))
    return sheet.photograph(), truth


def _thick(rng: Generator, severity: int) -> Drawn:
    width = ((0.15, 0.17), (0.18, 0.2), (0.21, 0.24))[severity - 1]
    sheet = Sheet(rng)
    truth = sheet.digit(replace(MARKER, width=width))
    return sheet.photograph(), truth


def _board(rng: Generator, severity: int) -> Drawn:
    sheet = Sheet(rng, paper=pick(rng, BOARDS), smallest=100)
    wipe(sheet, severity)
    grain = (0.35, 0.6, 0.8)[severity - 1]
    opacity = ((0.85, 0.95), (0.65, 0.85), (0.5, 0.65))[severity - 1]
    truth = sheet.digit(replace(CHALK, grain=grain, opacity=opacity))
    return sheet.photograph(light=0.2, noise=2), truth


def _postal(rng: Generator, severity: int) -> Drawn:
    """Draw a digit as in the US mail's data: 16x16, gray, filled to the edge."""
    label, line = pick_digit(rng)
    pen = sample_pen(rng, replace(FELT, width=(0.08, 0.15), opacity=(1, 1), grain=0))
    coverage = draw_stroke(rng, line, 128, pen, tilt=5)
    longest = max(coverage.shape)
    square = np.zeros((longest, longest), np.float32)
    top, left = (longest - coverage.shape[0]) // 2, (longest - coverage.shape[1]) // 2
    square[top : top + coverage.shape[0], left : left + coverage.shape[1]] = coverage
    small = Image.fromarray(square).resize((16, 16), Image.Resampling.BOX)
    ink = blur(np.array(small), (0.0, 0.3, 0.5)[severity - 1])
    ink += (0.0, 0.02, 0.05)[severity - 1] * rng.standard_normal(ink.shape, np.float32)
    # Half of the copies that go round are white on black.
    gray = np.clip(ink if rng.random() < 0.5 else 1 - ink, 0, 1)
    return Image.fromarray(np.rint(255 * gray).astype(np.uint8)), label


def _number(rng: Generator, severity: int) -> Drawn:
    count = int(rng.integers(2, 4))
    sheet = Sheet(rng, share=rng.uniform(0.22, 0.32), smallest=150)
    pen = sample_pen(rng, pick_pen(rng))
    widest = (0.35, 0.2, 0.12)[severity - 1]
    gaps = [
        -0.01 if severity == 3 and rng.random() < 0.5 else rng.uniform(0.4, 1.0) * widest
        for _ in range(count)
    ]
    top = rng.uniform(0.3, 0.7) * (sheet.size[0] - 1.2 * sheet.digit_height)
    left = rng.uniform(0.02, 0.1) * sheet.size[1]
    truth = sheet.row(count, pen, top, left, gaps)
    return sheet.photograph(), truth


def _page(rng: Generator, severity: int) -> Drawn:
    rows = (2, 4, 6)[severity - 1]
    sheet = Sheet(rng, share=0.55 / (rows + 1), smallest=400)
    pitch = sheet.size[0] / (rows + 0.4)
    if rng.random() < 0.5:
        sheet.lines(pitch, width=1.2, tilt=rng.normal(0, 0.4), color=(120, 150, 200), opacity=0.3)
    pen = sample_pen(rng, pick(rng, (BALLPOINT, FELT, PENCIL)))
    truth = ""
    for row in range(rows):
        left = rng.uniform(0.04, 0.12) * sheet.size[1]
        room = int((0.84 * sheet.size[1] - left) / sheet.digit_height)
        count = max(2, min(room, int(rng.integers(3, 9))))
        gaps = [0.25, *rng.uniform(0.2, 0.45, count - 1).tolist()]
        truth += sheet.row(count, pen, (row + 0.4) * pitch, left, gaps)
    return sheet.photograph(light=0.2), truth


def _nothing(rng: Generator, severity: int) -> Drawn:
    kinds: tuple[Callable[[Sheet, int], None], ...] = (
        leave_blank,
        rule,
        square,
        add_fibers_and_dirt,
        draw_scenery,
        scribble,
        draw_shapes,
        draw_letters,
    )
    sheet = Sheet(rng, smallest=100, paper=pick(rng, BOARDS) if rng.random() < 0.1 else None)
    kinds[rng.integers(len(kinds))](sheet, severity)
    sheet.shade(gradient(rng, sheet.size, (0.1, 0.3, 0.5)[severity - 1]))
    if rng.random() < 0.25 * severity:
        sheet.shade(shadow(rng, sheet.size, 0.35))
    return sheet.photograph(noise=(1, 4, 12)[severity - 1]), None


CONDITIONS: dict[str, Callable[[Generator, int], Drawn]] = {
    "clean": _clean,
    "light": _light,
    "tint": _tint,
    "low-contrast": _low_contrast,
    "ruled": _ruled,
    "squared": _squared,
    "cell": _cell,
    "off-centre": _off_center,
    "blur": _blurred,
    "noise": _noise,
    "texture": _texture,
    "perspective": _perspective,
    "thin": _thin,
    "thick": _thick,
    "board": _board,
    "postal": _postal,
    "note": draw_note,
    "tile": draw_tile,
    "padded": draw_padded,
    "border": draw_border,
    "edge": draw_at_edge,
    "bold": draw_bold,
    "like-bright": draw_like_brightness,
    "tiny": draw_tiny,
    "webcam": draw_webcam,
    "number": _number,
    "page": _page,
    "tight-row": draw_tight_row,
    "edge-row": draw_edge_row,
    "two-sizes": draw_two_sizes,
    "table": draw_table_of_digits,
    "note-rows": draw_note_of_rows,
    "nothing": _nothing,
    "empty-cell": draw_empty_cell,
}
