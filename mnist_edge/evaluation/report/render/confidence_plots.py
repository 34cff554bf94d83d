"""Plots of confidence: calibration, and the accuracy gained by abstaining."""

from __future__ import annotations

import math

import numpy as np

from mnist_edge.evaluation.report.render.formatting import count
from mnist_edge.evaluation.report.render.svg import (
    Scale,
    curve,
    drawing,
    horizontal_axis,
    legend,
    line,
    marker,
    round_step,
    text,
    vertical_axis,
    vertical_text,
)
from mnist_edge.evaluation.report.results import SchemeReport
from mnist_edge.metrics.intervals import wilson_interval
from mnist_edge.system.text import percent

_SIZE = 360.0, 310.0
"""Width and height: what fits a phone without scaling the letters."""
_LEFT, _RIGHT, _TOP, _BOTTOM = 52.0, 336.0, 30.0, 262.0
"""Edges of the plotting area; ``100.00`` fits to the right, below the axis."""
_MIN_SPAN = 1e-3
"""Smallest share that an axis spans, so that its values have two decimal places at most."""


def reliability_plot(identifier: str, reference: SchemeReport, candidate: SchemeReport) -> str:
    """Plot accuracy against confidence by bin, with Wilson's 95 % intervals.

    A reliability diagram: Guo et al. 2017, On Calibration of Modern Neural Networks,
    https://arxiv.org/abs/1706.04599.
    """
    across = Scale(low=0, high=1, start=_LEFT, end=_RIGHT)
    up = Scale(low=0, high=1, start=_BOTTOM, end=_TOP)
    marks: list[str] = []
    for kind, scheme, offset in (("reference", reference, -2.0), ("candidate", candidate, 2.0)):
        markers = []
        for part in scheme.calibration.bins:
            if part.confidence is None or part.accuracy is None:
                continue
            x = across(part.confidence) + offset
            low, high = wilson_interval(round(part.accuracy * part.count), part.count)
            marks.append(line(x, up(low), x, up(high), f"whisker {kind}"))
            markers.append(marker(x, up(part.accuracy), kind))
        marks += markers
    errors = " and ".join(
        f"{percent(scheme.calibration.error)} for {scheme.scheme}"
        for scheme in (reference, candidate)
    )
    return drawing(
        identifier,
        size=_SIZE,
        title=f"Reliability of {reference.scheme} and {candidate.scheme}",
        description="Accuracy against mean confidence in bins; on the diagonal confidence is "
        f"accuracy. The expected calibration error is {errors}.",
        body=[
            *_axes(across, up, "confidence", "accuracy"),
            line(across(0), up(0), across(1), up(1), "ideal"),
            *marks,
            *legend(_LEFT, 16, reference.scheme, candidate.scheme),
        ],
    )


def coverage_plot(identifier: str, reference: SchemeReport, candidate: SchemeReport) -> str:
    """Plot accuracy against coverage as the least confident answers are withheld."""
    schemes = (("reference", reference), ("candidate", candidate))
    curves = {
        kind: sorted((point.coverage, point.accuracy) for point in scheme.coverage)
        for kind, scheme in schemes
    }
    points = [point for curve_points in curves.values() for point in curve_points]
    # Coverage below which withholding more gains nothing is not plotted.
    best = max(accuracy for _, accuracy in points)
    gaining = [share for share, accuracy in points if accuracy < best] or [1.0]
    across = _scale_to_one(min(gaining), start=_LEFT, end=_RIGHT)
    up = _scale_to_one(min(accuracy for _, accuracy in points), start=_BOTTOM, end=_TOP)
    body = _axes(across, up, "coverage", "accuracy of the answers")
    for kind, scheme in schemes:
        shares, accuracies = zip(*curves[kind], strict=True)
        inside = [across.low, *(share for share in shares if share > across.low)]
        heights = np.interp(inside, shares, accuracies)
        body.append(curve([(across(x), up(y)) for x, y in zip(inside, heights, strict=True)], kind))
        answered = 1 - scheme.abstained / scheme.total
        accuracy = float(np.interp(answered, shares, accuracies))
        body.append(marker(across(answered), up(accuracy), kind))
    ends = "; ".join(_describe_coverage(scheme) for _, scheme in schemes)
    return drawing(
        identifier,
        size=_SIZE,
        title=f"Accuracy against coverage of {reference.scheme} and {candidate.scheme}",
        description=f"The marks are where each scheme's threshold puts it: {ends}.",
        body=[*body, *legend(_LEFT, 16, reference.scheme, candidate.scheme)],
    )


def _axes(across: Scale, up: Scale, x_name: str, y_name: str) -> list[str]:
    """Return the grids, values and names of two axes of shares, in percent."""
    x_scale = Scale(low=100 * across.low, high=100 * across.high, start=_LEFT, end=_RIGHT)
    y_scale = Scale(low=100 * up.low, high=100 * up.high, start=_BOTTOM, end=_TOP)
    return [
        *horizontal_axis(x_scale, top=_TOP, bottom=_BOTTOM, max_steps=5),
        *vertical_axis(y_scale, left=_LEFT, right=_RIGHT, max_steps=5),
        text((_LEFT + _RIGHT) / 2, _BOTTOM + 36, f"{x_name}, %", anchor="middle"),
        vertical_text(12, (_TOP + _BOTTOM) / 2, f"{y_name}, %"),
    ]


def _scale_to_one(lowest: float, *, start: float, end: float) -> Scale:
    """Return a scale of shares from a round value below ``lowest`` to 1."""
    step = round_step(max(1 - lowest, _MIN_SPAN) / 5)
    low = 1 - step * math.ceil((1 - lowest) / step + 1e-9)
    return Scale(low=max(0.0, min(low, 1 - _MIN_SPAN)), high=1, start=start, end=end)


def _describe_coverage(scheme: SchemeReport) -> str:
    fullest = max(scheme.coverage, key=lambda point: point.coverage)
    return (
        f"{scheme.scheme} withholds {count(scheme.abstained)} of {count(scheme.total)}; "
        f"{percent(fullest.accuracy)} of all answers are right"
    )
