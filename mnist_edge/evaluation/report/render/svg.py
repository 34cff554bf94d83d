"""What plots are drawn with: scales, axes and marks as SVG.

Text is in the page's own colour; lines and marks have classes, whose colours are the page's, for
light and dark. Lengths are in the drawing's own units, about a pixel each on a phone.
"""

from __future__ import annotations

import html
import math
from collections.abc import Sequence
from dataclasses import dataclass

from mnist_edge.evaluation.report.render.formatting import clean, decimal, short

_STEPS = (1, 2, 5, 10)
"""What a tick's distance may begin with."""


@dataclass(frozen=True, kw_only=True)
class Scale:
    """Where a value lies on an axis."""

    low: float
    """The value at its beginning."""
    high: float
    """The value at its end, above ``low``."""
    start: float
    """Where it begins."""
    end: float
    """Where it ends; before ``start`` where values grow upwards."""

    def __call__(self, value: float) -> float:
        """The value's place; one that is not on the axis is put at its nearer end."""
        share = (value - self.low) / (self.high - self.low)
        return self.start + min(max(share, 0), 1) * (self.end - self.start)

    def ticks(self, most: int) -> list[float]:
        """Round values on it, at equal distances, ``most`` distances at most."""
        step = round_step((self.high - self.low) / most)
        first = math.ceil(self.low / step - 1e-9)
        last = math.floor(self.high / step + 1e-9)
        return [number * step for number in range(first, last + 1)]


def round_step(least: float) -> float:
    """The smallest of 1, 2 and 5 and their tenfolds that is ``least`` or more; that is above 0."""
    power = 10.0 ** math.floor(math.log10(least))
    return next(step * power for step in _STEPS if step * power >= least * (1 - 1e-9))


def drawing(
    identifier: str, *, size: tuple[float, float], title: str, description: str, body: Sequence[str]
) -> str:
    """One ``svg`` element that says what it shows.

    Args:
        identifier: unlike all others of the page.
        size: width and height.
        title: what a screen reader calls it.
        description: what can be seen on it.
        body: its elements.
    """
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" role="img" '
            f'viewBox="0 0 {size[0]:g} {size[1]:g}" '
            f'aria-labelledby="{identifier}-title {identifier}-desc">',
            f'<title id="{identifier}-title">{escape(title)}</title>',
            f'<desc id="{identifier}-desc">{escape(description)}</desc>',
            *body,
            "</svg>",
        ]
    )


def escape(text: object) -> str:
    """Text for an element or a quoted attribute."""
    return html.escape(clean(text))


def text(x: float, y: float, words: object, *, anchor: str = "start", kind: str = "") -> str:
    """Words that begin, have their middle or end at a place."""
    name = f' class="{kind}"' if kind else ""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{name}>{escape(words)}</text>'


def upwards(x: float, y: float, words: object) -> str:
    """Words that run upwards, their middle at a place."""
    return (
        f'<text transform="translate({x:.1f} {y:.1f}) rotate(-90)" text-anchor="middle">'
        f"{escape(words)}</text>"
    )


def line(x1: float, y1: float, x2: float, y2: float, kind: str) -> str:
    """A straight line."""
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" class="{kind}"/>'


def box(x: float, y: float, width: float, height: float, kind: str) -> str:
    """A filled box."""
    return (
        f'<rect x="{x:.1f}" y="{y:.1f}" width="{max(width, 0):.1f}" height="{height:.1f}" '
        f'class="{kind}"/>'
    )


def dot(x: float, y: float, kind: str) -> str:
    """The mark of a value: round for the reference, square for what is compared with it."""
    if kind == "reference":
        return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" class="mark {kind}"/>'
    return box(x - 3.2, y - 3.2, 6.4, 6.4, f"mark {kind}")


def path(points: Sequence[tuple[float, float]], kind: str) -> str:
    """A line through points."""
    places = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return f'<polyline points="{places}" class="curve {kind}"/>'


def whisker(scale: Scale, ends: Sequence[float], at: float, kind: str) -> str:
    """An interval on a level axis, with a stop at each end that is on it."""
    low, high = scale(ends[0]), scale(ends[1])
    return line(low, at, high, at, f"whisker {kind}") + "".join(
        line(x, at - 3, x, at + 3, f"whisker {kind}")
        for x, end in ((low, ends[0]), (high, ends[1]))
        if scale.low <= end <= scale.high
    )


def level_axis(scale: Scale, *, top: float, bottom: float, most: int) -> list[str]:
    """Upright grid lines, their values below; ``most`` distances between them at most."""
    return [
        part
        for value, words in _labels(scale, most)
        for part in (
            line(scale(value), top, scale(value), bottom, "grid"),
            text(scale(value), bottom + 14, words, anchor="middle", kind="tick"),
        )
    ]


def upright_axis(scale: Scale, *, left: float, right: float, most: int) -> list[str]:
    """Level grid lines, their values to the left; ``most`` distances between them at most."""
    return [
        part
        for value, words in _labels(scale, most)
        for part in (
            line(left, scale(value), right, scale(value), "grid"),
            text(left - 5, scale(value) + 4, words, anchor="end", kind="tick"),
        )
    ]


def legend(x: float, y: float, reference: str, candidate: str) -> list[str]:
    """Which mark is whose."""
    first = short(reference)
    # A letter is about 7 wide: a little too much room is no harm.
    second = x + 40 + 7 * len(first)
    return [
        dot(x + 5, y - 4, "reference"),
        text(x + 14, y, first),
        dot(second, y - 4, "candidate"),
        text(second + 9, y, short(candidate)),
    ]


def _labels(scale: Scale, most: int) -> list[tuple[float, str]]:
    """The ticks' values, and as many decimal places of them as tell one from the next."""
    step = round_step((scale.high - scale.low) / most)
    places = max(0, -math.floor(math.log10(step) + 1e-9))
    return [(value, decimal(value, places)) for value in scale.ticks(most)]
