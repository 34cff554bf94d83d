"""Plots of confidence: whether it can be trusted, and what it buys to abstain."""

from __future__ import annotations

import math

import numpy as np

from mnist_edge.evaluation.report.render.formatting import Document, count, percent
from mnist_edge.evaluation.report.render.svg import (
    Scale,
    dot,
    drawing,
    legend,
    level_axis,
    line,
    path,
    round_step,
    text,
    upright_axis,
    upwards,
)
from mnist_edge.metrics.intervals import wilson_interval

_SIZE = 360.0, 310.0
"""Width and height: what a phone shows without making letters smaller."""
_LEFT, _RIGHT, _TOP, _BOTTOM = 52.0, 348.0, 30.0, 262.0
"""The edges of what is plotted."""


def reliability(identifier: str, reference: Document, candidate: Document) -> str:
    """Confidence against accuracy, bin by bin, with Wilson's 95 % intervals of the accuracy.

    By Guo et al. 2017, On Calibration of Modern Neural Networks, https://arxiv.org/abs/1706.04599.
    """
    across = Scale(low=0, high=1, start=_LEFT, end=_RIGHT)
    up = Scale(low=0, high=1, start=_BOTTOM, end=_TOP)
    marks: list[str] = []
    for kind, scheme, aside in (("reference", reference, -2.0), ("candidate", candidate, 2.0)):
        filled = [part for part in scheme["calibration"]["bins"] if part["count"]]
        for part in filled:
            x, right = across(part["confidence"]) + aside, round(part["accuracy"] * part["count"])
            low, high = wilson_interval(right, part["count"])
            marks.append(line(x, up(low), x, up(high), f"whisker {kind}"))
        marks += [
            dot(across(part["confidence"]) + aside, up(part["accuracy"]), kind) for part in filled
        ]
    errors = " and ".join(
        f"{percent(scheme['calibration']['error'])} for {scheme['scheme']}"
        for scheme in (reference, candidate)
    )
    return drawing(
        identifier,
        size=_SIZE,
        title=f"Reliability of {reference['scheme']} and {candidate['scheme']}",
        description="Accuracy against mean confidence in bins; on the diagonal confidence is "
        f"accuracy. The expected calibration error is {errors}.",
        body=[
            *_square_axes(across, up, "confidence", "accuracy"),
            line(across(0), up(0), across(1), up(1), "ideal"),
            *marks,
            *legend(_LEFT, 16, reference["scheme"], candidate["scheme"]),
        ],
    )


def coverage(identifier: str, reference: Document, candidate: Document) -> str:
    """How much of what is answered is right, as the least sure answers are withheld."""
    schemes = (("reference", reference), ("candidate", candidate))
    lines = {
        kind: sorted((p["coverage"], p["accuracy"]) for p in s["coverage"]) for kind, s in schemes
    }
    every = [point for found in lines.values() for point in found]
    # Where withholding more makes nothing better there is nothing to see.
    best = max(accuracy for _, accuracy in every)
    rising = [share for share, accuracy in every if accuracy < best] or [1.0]
    across = _up_to_all(min(rising), start=_LEFT, end=_RIGHT)
    up = _up_to_all(min(accuracy for _, accuracy in every), start=_BOTTOM, end=_TOP)
    body = _square_axes(across, up, "answered", "right among the answered")
    for kind, scheme in schemes:
        shares, accuracies = zip(*lines[kind], strict=True)
        inside = [across.low, *(share for share in shares if share > across.low)]
        heights = np.interp(inside, shares, accuracies)
        body.append(path([(across(x), up(y)) for x, y in zip(inside, heights, strict=True)], kind))
        answered = 1 - scheme["abstained"] / scheme["total"]
        right = float(np.interp(answered, shares, accuracies))
        body.append(dot(across(answered), up(right), kind))
    ends = "; ".join(_coverage_in_words(scheme) for _, scheme in schemes)
    return drawing(
        identifier,
        size=_SIZE,
        title=f"Accuracy against coverage of {reference['scheme']} and {candidate['scheme']}",
        description=f"The marks are where each scheme's threshold puts it: {ends}.",
        body=[*body, *legend(_LEFT, 16, reference["scheme"], candidate["scheme"])],
    )


def _square_axes(across: Scale, up: Scale, below: str, beside: str) -> list[str]:
    """Grid, values and names of two axes of shares, in per cent."""
    level = Scale(low=100 * across.low, high=100 * across.high, start=_LEFT, end=_RIGHT)
    upright = Scale(low=100 * up.low, high=100 * up.high, start=_BOTTOM, end=_TOP)
    return [
        *level_axis(level, top=_TOP, bottom=_BOTTOM, most=5),
        *upright_axis(upright, left=_LEFT, right=_RIGHT, most=5),
        text((_LEFT + _RIGHT) / 2, _BOTTOM + 36, f"{below}, %", anchor="middle"),
        upwards(12, (_TOP + _BOTTOM) / 2, f"{beside}, %"),
    ]


def _up_to_all(lowest: float, *, start: float, end: float) -> Scale:
    """A scale of shares from a round value below the lowest to 1."""
    step = round_step(max(1 - lowest, 1e-4) / 5)
    low = 1 - step * math.ceil((1 - lowest) / step + 1e-9)
    return Scale(low=max(0.0, min(low, 1 - step)), high=1, start=start, end=end)


def _coverage_in_words(scheme: Document) -> str:
    whole = max(scheme["coverage"], key=lambda point: float(point["coverage"]))
    return (
        f"{scheme['scheme']} withholds {count(scheme['abstained'])} of {count(scheme['total'])}; "
        f"{percent(whole['accuracy'])} of all answers are right"
    )
