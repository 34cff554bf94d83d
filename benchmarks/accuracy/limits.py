"""Measure how small, faint, blurred, noisy, thin, thick or turned a digit may be.

    python -m benchmarks.accuracy.limits
    python -m benchmarks.accuracy.limits --only height contrast --count 200
    python -m benchmarks.accuracy.limits --figure docs/images/limits.png

One property of a photo is varied at a time, from easy to hopeless, and everything else is easy: a
felt pen on white paper in even light. The digits are MNIST's validation digits, redrawn by the
generator of hard pictures. Right, wrong and withheld are shares of the pictures; the last table has
the hardest level up to which at least 97 % and 90 % are read right.
"""

from __future__ import annotations

import argparse
import zlib
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
from numpy.random import Generator
from PIL import Image, ImageDraw, ImageFont, ImageOps

from benchmarks.accuracy.hard_pictures.fields import rotation
from benchmarks.accuracy.hard_pictures.light import shadow
from benchmarks.accuracy.hard_pictures.pens import FELT, Pen, sample_pen
from benchmarks.accuracy.hard_pictures.sheet import Sheet
from benchmarks.accuracy.hard_pictures.strokes import draw_stroke, pick_digit
from mnist_edge import Classifier
from mnist_edge.system.files import write_json

PAPER = (235.0, 234.0, 230.0)
"""Color of the sheet."""
SIDE = 240
"""Side of a picture in pixels, where nothing else is said."""


@dataclass(frozen=True, kw_only=True)
class Limit:
    """One property of a photo, and how it is varied."""

    draw: Callable[[Generator, float], tuple[Image.Image, str]]
    """Draws a picture at a level; returns it with its digit."""
    levels: tuple[float, ...]
    """From easy to hopeless."""
    unit: str
    """What a level counts."""


@dataclass(frozen=True, kw_only=True)
class Level:
    """Pictures at one level of one property; shares are 0..1."""

    limit: str
    level: float
    pictures: int
    right: float
    wrong: float
    withheld: float


def _sheet(rng: Generator, *, share: float = 0.5, longest: float = SIDE) -> Sheet:
    return Sheet(rng, share=share, longest=longest, aspect=1, paper=PAPER)


def _height(rng: Generator, level: float) -> tuple[Image.Image, str]:
    sheet = _sheet(rng, longest=2 * level)
    label = sheet.digit(FELT)
    return sheet.photograph(), label


def _share(rng: Generator, level: float) -> tuple[Image.Image, str]:
    sheet = _sheet(rng, share=level, longest=800)
    label = sheet.digit(FELT)
    return sheet.photograph(), label


def _contrast(rng: Generator, level: float) -> tuple[Image.Image, str]:
    sheet = _sheet(rng)
    ink = (PAPER[0] - level, PAPER[1] - level, PAPER[2] - level)
    label = sheet.digit(replace(FELT, colors=(ink,), opacity=(1, 1)))
    return sheet.photograph(), label


def _shadow(rng: Generator, level: float) -> tuple[Image.Image, str]:
    sheet = _sheet(rng)
    label = sheet.digit(FELT)
    sheet.shade(shadow(rng, sheet.size, level))
    return sheet.photograph(), label


def _blur(rng: Generator, level: float) -> tuple[Image.Image, str]:
    sheet = _sheet(rng)
    label = sheet.digit(FELT)
    sheet.blur(level * sheet.digit_height)
    return sheet.photograph(), label


def _noise(rng: Generator, level: float) -> tuple[Image.Image, str]:
    sheet = _sheet(rng)
    label = sheet.digit(FELT)
    return sheet.photograph(noise=level), label


def _pen(rng: Generator, level: float) -> tuple[Image.Image, str]:
    sheet = _sheet(rng)
    label = sheet.digit(replace(FELT, width=(level, level)))
    return sheet.photograph(), label


def _turn(rng: Generator, level: float) -> tuple[Image.Image, str]:
    sheet = _sheet(rng)
    label, line = pick_digit(rng)
    pen: Pen = sample_pen(rng, FELT)
    angle = level * rng.choice((-1, 1))
    turned = (line @ rotation(angle)).astype(np.float32)
    coverage = draw_stroke(rng, turned, sheet.digit_height, pen, tilt=0, slant=0)
    top, left = (np.array(sheet.size) - coverage.shape) // 2
    sheet.ink(coverage, pen.colors[0], int(top), int(left))
    return sheet.photograph(), label


LIMITS: dict[str, Limit] = {
    "height": Limit(
        draw=_height, levels=(28, 20, 14, 10, 8, 6, 5), unit="pixels, of the digit's height"
    ),
    "share": Limit(
        draw=_share, levels=(0.25, 0.1, 0.08, 0.06, 0.04, 0.03), unit="of the picture's height"
    ),
    "contrast": Limit(
        draw=_contrast, levels=(60, 30, 20, 15, 10, 7), unit="of 255, ink below paper"
    ),
    "shadow": Limit(
        draw=_shadow, levels=(0.15, 0.3, 0.45, 0.6, 0.8), unit="of the light, taken away"
    ),
    "blur": Limit(
        draw=_blur, levels=(0.04, 0.06, 0.08, 0.1, 0.13, 0.16), unit="of the digit's height"
    ),
    "noise": Limit(draw=_noise, levels=(20, 40, 80, 120), unit="of 255, standard deviation"),
    "thin": Limit(
        draw=_pen, levels=(0.04, 0.02, 0.01, 0.006), unit="of the digit's height, the stroke"
    ),
    "thick": Limit(
        draw=_pen,
        levels=(0.16, 0.2, 0.25, 0.3, 0.35, 0.4),
        unit="of the digit's height, the stroke",
    ),
    "turn": Limit(draw=_turn, levels=(10, 15, 20, 25, 30, 40), unit="degrees"),
}
"""Every property by name."""


def draw_level(name: str, level: float, index: int, seed: int) -> tuple[Image.Image, str]:
    """Draw one picture at one level; the same arguments give the same picture."""
    rng = np.random.default_rng((seed, zlib.crc32(name.encode()), index))
    return LIMITS[name].draw(rng, level)


def measure(classifier: Classifier, name: str, count: int, seed: int) -> list[Level]:
    """Read ``count`` pictures at each level of a property."""
    levels = []
    for level in LIMITS[name].levels:
        right = wrong = 0
        for index in range(count):
            image, label = draw_level(name, level, index, seed)
            digit = classifier.predict(image).digit
            right += str(digit) == label
            wrong += digit is not None and str(digit) != label
        levels.append(
            Level(
                limit=name,
                level=level,
                pictures=count,
                right=right / count,
                wrong=wrong / count,
                withheld=1 - (right + wrong) / count,
            )
        )
    return levels


def reached(levels: Sequence[Level], share: float) -> float | None:
    """Return the hardest level up to which at least a share, 0..1, is read right, or None."""
    hardest = None
    for level in levels:
        if level.right < share:
            break
        hardest = level.level
    return hardest


def table(levels: Sequence[Level]) -> str:
    """Format levels as text."""
    lines = [f"{'property':<12}{'level':>8}{'n':>6}{'right':>10}{'wrong':>10}{'withheld':>10}"]
    for one in levels:
        shares = "".join(
            f"{f'{100 * share:.1f} %':>10}" for share in (one.right, one.wrong, one.withheld)
        )
        lines.append(f"{one.limit:<12}{one.level:>8g}{one.pictures:>6}{shares}")
    return "\n".join(lines)


def summary(measured: dict[str, list[Level]]) -> str:
    """Format the hardest level at which 97 % and 90 % are read, a property per line."""
    lines = [f"{'property':<12}{'97 %':>8}{'90 %':>8}  unit"]
    for name, levels in measured.items():
        figures = "".join(
            f"{'-' if at is None else f'{at:g}':>8}"
            for at in (reached(levels, 0.97), reached(levels, 0.9))
        )
        lines.append(f"{name:<12}{figures}  {LIMITS[name].unit}")
    return "\n".join(lines)


def figure(classifier: Classifier, seed: int) -> Image.Image:
    """Draw a row per property: a picture at each level, with the level and the answer."""
    side, caption = 108, 34
    across = max(len(limit.levels) for limit in LIMITS.values())
    sheet = Image.new("RGB", ((across + 1) * (side + 6), len(LIMITS) * (side + caption)), "white")
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(12)
    for row, (name, limit) in enumerate(LIMITS.items()):
        top = row * (side + caption)
        pen.text((4, top + side // 2), name, fill="black", font=ImageFont.load_default(16))
        for column, level in enumerate(limit.levels, start=1):
            image, _ = draw_level(name, level, 0, seed)
            answer = classifier.predict(image)
            left = column * (side + 6)
            sheet.paste(ImageOps.contain(image.convert("RGB"), (side, side)), (left, top))
            said = f"- {answer.abstained}" if answer.digit is None else str(answer.digit)
            pen.text((left, top + side), f"{level:g}:", fill="black", font=font)
            pen.text((left, top + side + 14), said, fill="black", font=font)
    return sheet


def _main() -> None:
    parser = argparse.ArgumentParser(description="How hard a picture of a digit may be.")
    parser.add_argument("--count", type=int, default=60, help="pictures per level")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", nargs="+", choices=LIMITS, default=list(LIMITS))
    parser.add_argument("--figure", type=Path, help="draw examples, and measure nothing")
    parser.add_argument("--json", type=Path, help="a file for the levels")
    chosen = parser.parse_args()
    classifier = Classifier("edge")
    if chosen.figure is not None:
        figure(classifier, chosen.seed).quantize(64).save(chosen.figure, optimize=True)
        return
    measured = {}
    for name in chosen.only:
        measured[name] = measure(classifier, name, chosen.count, chosen.seed)
        print(table(measured[name]), flush=True)
    print(summary(measured))
    if chosen.json is not None:
        levels = [asdict(level) for levels in measured.values() for level in levels]
        write_json(chosen.json, {"levels": levels})


if __name__ == "__main__":
    _main()
