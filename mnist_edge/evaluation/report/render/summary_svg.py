"""The report as one drawing for a README: the verdict, each drop, and some flipped pictures."""

from __future__ import annotations

import textwrap

from mnist_edge.evaluation.report.render.formatting import (
    count,
    image_name,
    leading_first,
    points,
    points_interval,
    split_verdict,
    truncate,
)
from mnist_edge.evaluation.report.render.plots import drop_limits, drop_scale
from mnist_edge.evaluation.report.render.style import SUMMARY_STYLE
from mnist_edge.evaluation.report.render.svg import (
    box,
    drawing,
    horizontal_axis,
    line,
    marker,
    text,
    whisker,
)
from mnist_edge.evaluation.report.render.thumbnails import data_uri
from mnist_edge.evaluation.report.results import Report, SchemeReport
from mnist_edge.system.text import percent

_WIDTH, _MARGIN = 760.0, 24.0
"""Width of the drawing, and the free space around it."""
_CLAIM_LENGTH, _FIGURES_LENGTH = 44, 88
"""Letters per line of the claim and of the figures: slightly fewer than fit."""
_ROW = 27.0
"""Height of a scheme's row."""
_THUMBNAIL = 56.0
"""Side of a thumbnail."""
_MAX_FLIPS = 5
"""Largest number of flipped pictures shown."""


def report_to_svg(report: Report) -> str:
    """Return an SVG file that needs no other file and follows the viewer's light or dark theme.

    Raises:
        InvalidValue: a picture does not have 784 bytes of pixels.
    """
    claim, figures = split_verdict(report.verdict)
    body, y = [], _MARGIN + 22
    for words in textwrap.wrap(claim, _CLAIM_LENGTH):
        body.append(text(_MARGIN, y, words, kind="claim"))
        y += 33
    for words in textwrap.wrap(figures, _FIGURES_LENGTH):
        body.append(text(_MARGIN, y, words, kind="figures"))
        y += 22
    y = _draw_schemes(report, body, y + 20)
    y = _draw_flips(report, body, y + 30)
    descriptions = "; ".join(_describe(scheme, report) for scheme in report.schemes)
    return drawing(
        "report",
        size=(_WIDTH, y),
        title=f"Accuracy drop of {report.model}",
        description=f"{report.verdict} {descriptions}.",
        body=[
            f"<style>{SUMMARY_STYLE}</style>",
            box(0, 0, _WIDTH, y, "paper"),
            *body,
        ],
    )


def _describe(scheme: SchemeReport, report: Report) -> str:
    description = f"{scheme.scheme}: {percent(scheme.accuracy)}, {count(scheme.size)} bytes"
    if scheme is report.reference_scheme:
        return description
    interval = points_interval(scheme.drop_interval)
    return f"{description}, drop {points(scheme.drop_points)} ({interval})"


def _draw_schemes(report: Report, body: list[str], y: float) -> float:
    """Draw one row per scheme with its accuracy, size and drop, and return the bottom edge."""
    scale = drop_scale(report, start=340, end=_WIDTH - _MARGIN - 8)
    schemes = [report.reference_scheme, *leading_first(report)]
    top, bottom = y + 12, y + 12 + _ROW * len(schemes)
    body += [
        text(_MARGIN, y, "scheme", kind="head"),
        text(210, y, "accuracy", anchor="end", kind="head"),
        text(305, y, "bytes", anchor="end", kind="head"),
        text(scale.end, y, "drop in points, 95 % interval", anchor="end", kind="head"),
        *horizontal_axis(scale, top=top, bottom=bottom, max_steps=6),
        line(scale(0), top, scale(0), bottom, "zero"),
        *(line(scale(limit), top, scale(limit), bottom, "limit") for limit in drop_limits(report)),
    ]
    for number, scheme in enumerate(schemes):
        middle = top + _ROW * (number + 0.5)
        body += [
            text(_MARGIN, middle + 5, truncate(scheme.scheme), kind="name"),
            text(210, middle + 5, percent(scheme.accuracy), anchor="end"),
            text(305, middle + 5, count(scheme.size), anchor="end"),
        ]
        if scheme is report.reference_scheme:
            body.append(text(scale(0) + 8, middle + 5, "reference", kind="head"))
        else:
            body.append(whisker(scale, scheme.drop_interval, middle, "candidate"))
            body.append(marker(scale(scheme.drop_points), middle, "candidate"))
    return bottom + 18


def _draw_flips(report: Report, body: list[str], y: float) -> float:
    """Draw the first flipped pictures of the leading scheme, and return the bottom edge."""
    candidates = leading_first(report)
    if not candidates:
        return y
    scheme = candidates[0]
    changed = f"{count(scheme.flipped)} of {count(scheme.total)}"
    body.append(
        text(_MARGIN, y, f"{truncate(scheme.scheme)} answers otherwise: {changed}", kind="head")
    )
    if not scheme.flipped:
        return y + _MARGIN
    for number, flip in enumerate(scheme.flips[:_MAX_FLIPS]):
        x = _MARGIN + 144 * number
        beside = x + _THUMBNAIL + 8
        answers = f"{flip.reference.digit} \u2192 {flip.candidate.digit}"
        body += [
            f'<image x="{x:g}" y="{y + 12:g}" width="{_THUMBNAIL:g}" height="{_THUMBNAIL:g}" '
            f'href="{data_uri(flip.pixels)}"/>',
            text(beside, y + 28, truncate(image_name(flip))[-9:], kind="name"),
            text(beside, y + 46, f"a {flip.label}", kind="head"),
            text(beside, y + 64, answers),
        ]
    return y + 12 + _THUMBNAIL + _MARGIN
