"""Pens, from a ballpoint to chalk."""

from __future__ import annotations

from dataclasses import dataclass, replace

from numpy.random import Generator

from benchmarks.accuracy.hard_pictures.fields import pick
from benchmarks.accuracy.hard_pictures.palettes import INKS, Color


@dataclass(frozen=True, kw_only=True)
class Pen:
    """A kind of pen, or one pen of that kind where each range is a single value."""

    width: tuple[float, float]
    """Least and greatest width of the stroke, as shares of the digit's height."""
    colors: tuple[Color, ...]
    opacity: tuple[float, float]
    """Least and greatest opacity of the ink, 0..1."""
    grain: float = 0.0
    """Share of the ink that the roughness of the paper leaves out."""
    pressure: float = 0.08
    """How much the width varies along the stroke."""


BALLPOINT = Pen(width=(0.045, 0.08), colors=INKS, opacity=(0.8, 0.95), grain=0.15, pressure=0.2)
PENCIL = Pen(
    width=(0.05, 0.09), colors=((75, 75, 78), (95, 95, 98)), opacity=(0.65, 0.85), grain=0.35
)
FELT = Pen(width=(0.08, 0.12), colors=INKS, opacity=(0.92, 1.0))
MARKER = Pen(width=(0.13, 0.18), colors=(*INKS, (160, 25, 30), (20, 95, 50)), opacity=(0.85, 0.97))
CHALK = Pen(
    width=(0.08, 0.13), colors=((235, 235, 228), (240, 225, 150)), opacity=(0.7, 0.9), grain=0.6
)
PENS = (BALLPOINT, BALLPOINT, PENCIL, FELT, MARKER)


def sample_pen(rng: Generator, pen: Pen) -> Pen:
    """Choose the width, color and opacity of one pen."""
    width, opacity = rng.uniform(*pen.width), rng.uniform(*pen.opacity)
    return replace(
        pen,
        width=(width, width),
        colors=(pick(rng, pen.colors),),
        opacity=(opacity, opacity),
    )


def pick_pen(rng: Generator) -> Pen:
    """Choose a kind of pen."""
    return PENS[rng.integers(len(PENS))]
