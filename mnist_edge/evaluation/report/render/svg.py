"""Scales, axes and marks as SVG.

Text has the page's own color; lines and marks have classes, to which the page gives colors for
light and dark. Lengths are in units of the drawing, about one pixel each on a phone.
"""

from __future__ import annotations

import html
import math
from collections.abc import Sequence
from dataclasses import dataclass

from mnist_edge.evaluation.report.render.formatting import decimal, sanitize, truncate
from mnist_edge.metrics.intervals import Interval

_STEPS = (1, 2, 5, 10)
"""First digits of the distance between ticks."""


@dataclass(frozen=True, kw_only=True)
class Scale:
    """Linear map from values to positions on an axis."""

    low: float
    """Value at the start."""
    high: float
    """Value at the end, above ``low``."""
    start: float
    """Position of the start."""
    end: float
    """Position of the end; below ``start`` on an axis that grows upwards."""

    def __call__(self, value: float) -> float:
        """Return a value's position, clipped to the axis."""
        share = (value - self.low) / (self.high - self.low)
        return self.start + min(max(share, 0), 1) * (self.end - self.start)

    def ticks(self, max_steps: int) -> list[float]:
        """Return equally spaced round values on the axis, at most ``max_steps`` steps apart."""
        step = round_step((self.high - self.low) / max_steps)
        first = math.ceil(self.low / step - 1e-9)
        last = math.floor(self.high / step + 1e-9)
        return [number * step for number in range(first, last + 1)]


def round_step(minimum: float) -> float:
    """Return the smallest 1, 2 or 5 times a power of ten that is at least ``minimum``, above 0."""
    power = 10.0 ** math.floor(math.log10(minimum))
    return next(step * power for step in _STEPS if step * power >= minimum * (1 - 1e-9))


def drawing(
    identifier: str, *, size: tuple[float, float], title: str, description: str, body: Sequence[str]
) -> str:
    """Return an ``svg`` element with a title and description for screen readers.

    Args:
        identifier: unique on the page.
        size: width and height.
        title: the drawing's name.
        description: what the drawing shows.
        body: its elements.
    """
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" role="img" '
            f'viewBox="0 0 {size[0]:g} {size[1]:g}" '
            f'aria-labelledby="{identifier}-title {identifier}-desc">',
            f'<title id="{identifier}-title">{escape_markup(title)}</title>',
            f'<desc id="{identifier}-desc">{escape_markup(description)}</desc>',
            *body,
            "</svg>",
        ]
    )


def escape_markup(text: object) -> str:
    """Escape text for an HTML or SVG element or a quoted attribute."""
    return html.escape(sanitize(text))


def text(x: float, y: float, words: object, *, anchor: str = "start", kind: str = "") -> str:
    """Return text that starts, is centered or ends at a position."""
    attribute = f' class="{kind}"' if kind else ""
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{attribute}>'
        f"{escape_markup(words)}</text>"
    )


def vertical_text(x: float, y: float, words: object) -> str:
    """Return text that runs upwards, centered at a position."""
    return (
        f'<text transform="translate({x:.1f} {y:.1f}) rotate(-90)" text-anchor="middle">'
        f"{escape_markup(words)}</text>"
    )


def line(x1: float, y1: float, x2: float, y2: float, kind: str) -> str:
    """Return a straight line."""
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" class="{kind}"/>'


def box(x: float, y: float, width: float, height: float, kind: str) -> str:
    """Return a rectangle."""
    return (
        f'<rect x="{x:.1f}" y="{y:.1f}" width="{max(width, 0):.1f}" height="{height:.1f}" '
        f'class="{kind}"/>'
    )


def marker(x: float, y: float, kind: str) -> str:
    """Return the mark of a value: round for the reference, square for a candidate."""
    if kind == "reference":
        return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" class="mark {kind}"/>'
    return box(x - 3.2, y - 3.2, 6.4, 6.4, f"mark {kind}")


def curve(points: Sequence[tuple[float, float]], kind: str) -> str:
    """Return a line through points."""
    places = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return f'<polyline points="{places}" class="curve {kind}"/>'


def whisker(scale: Scale, interval: Interval, y: float, kind: str) -> str:
    """Return an interval on a horizontal axis, with a stop at each end that is on the axis."""
    low, high = map(scale, interval)
    return line(low, y, high, y, f"whisker {kind}") + "".join(
        line(x, y - 3, x, y + 3, f"whisker {kind}")
        for x, end in zip((low, high), interval, strict=True)
        if scale.low <= end <= scale.high
    )


def horizontal_axis(scale: Scale, *, top: float, bottom: float, max_steps: int) -> list[str]:
    """Return vertical grid lines with their values below."""
    return [
        part
        for value, label in _tick_labels(scale, max_steps)
        for part in (
            line(scale(value), top, scale(value), bottom, "grid"),
            text(scale(value), bottom + 14, label, anchor="middle", kind="tick"),
        )
    ]


def vertical_axis(scale: Scale, *, left: float, right: float, max_steps: int) -> list[str]:
    """Return horizontal grid lines with their values to the left."""
    return [
        part
        for value, label in _tick_labels(scale, max_steps)
        for part in (
            line(left, scale(value), right, scale(value), "grid"),
            text(left - 5, scale(value) + 4, label, anchor="end", kind="tick"),
        )
    ]


def legend(x: float, y: float, reference: str, candidate: str) -> list[str]:
    """Return the marks of the reference and the candidate with their names."""
    first = truncate(reference)
    # A letter is about 7 wide: a little too much room does no harm.
    second = x + 40 + 7 * len(first)
    return [
        marker(x + 5, y - 4, "reference"),
        text(x + 14, y, first),
        marker(second, y - 4, "candidate"),
        text(second + 9, y, truncate(candidate)),
    ]


def _tick_labels(scale: Scale, max_steps: int) -> list[tuple[float, str]]:
    """Return the ticks with as many decimal places as distinguish them."""
    step = round_step((scale.high - scale.low) / max_steps)
    places = max(0, -math.floor(math.log10(step) + 1e-9))
    return [(value, decimal(value, places)) for value in scale.ticks(max_steps)]
