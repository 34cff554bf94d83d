"""The plots of a report as inline SVG.

Nothing is told by colour alone: the reference is round, outlined and dashed, what is compared with
it square, filled and solid, and each drawing says in words what can be seen on it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from mnist_edge.report_pages.svg import (
    Scale,
    box,
    dot,
    drawing,
    level_axis,
    line,
    path,
    round_step,
    text,
    upright_axis,
    upwards,
    whisker,
)
from mnist_edge.report_pages.wording import (
    Document,
    count,
    drop_interval,
    percent,
    points,
    short,
)
from mnist_edge.statistics import wilson_interval

_WIDTH, _HEIGHT = 360.0, 310.0
"""Of the square plots: what a phone shows without making letters smaller."""
_LEFT, _RIGHT, _TOP, _BOTTOM = 52.0, 350.0, 30.0, 262.0
"""The edges of what they plot."""
_CELL = 30.0
"""Height and width of a cell of the confusion difference."""
_ROW = 22.0
"""Height of a row of bars."""
_BAR = 6.0
"""Height of a bar."""
_STRIP = (150.0, 22.0)
"""Width and height of a drop drawn in a table."""
_STRONGEST = 0.6
"""Opacity of the most changed cell: letters can be read on it, light or dark."""


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
        size=(_WIDTH, _HEIGHT),
        title=f"Reliability of {reference['scheme']} and {candidate['scheme']}",
        description="Accuracy against mean confidence in bins; on the diagonal confidence is "
        f"accuracy. The expected calibration error is {errors}.",
        body=[
            *_square_axes(across, up, "confidence", "accuracy"),
            line(across(0), up(0), across(1), up(1), "ideal"),
            *marks,
            *_legend(_LEFT, 16, reference, candidate),
        ],
    )


def coverage(identifier: str, reference: Document, candidate: Document) -> str:
    """How much of what is answered is right, as the least sure answers are withheld."""
    curves = [("reference", reference), ("candidate", candidate)]
    every = [point for _, scheme in curves for point in scheme["coverage"]]
    across = _around([point["coverage"] for point in every], start=_LEFT, end=_RIGHT)
    up = _around([point["accuracy"] for point in every], start=_BOTTOM, end=_TOP)
    body = _square_axes(across, up, "answered", "right among the answered")
    for kind, scheme in curves:
        body.append(
            path([(across(p["coverage"]), up(p["accuracy"])) for p in scheme["coverage"]], kind)
        )
        answered = 1 - scheme["abstained"] / scheme["total"]
        chosen = min(scheme["coverage"], key=lambda p: abs(p["coverage"] - answered))
        body.append(dot(across(chosen["coverage"]), up(chosen["accuracy"]), kind))
    ends = "; ".join(_coverage_in_words(scheme) for _, scheme in curves)
    return drawing(
        identifier,
        size=(_WIDTH, _HEIGHT),
        title=f"Accuracy against coverage of {reference['scheme']} and {candidate['scheme']}",
        description=f"The marks are where each scheme's threshold puts it: {ends}.",
        body=[*body, *_legend(_LEFT, 16, reference, candidate)],
    )


def corruptions(identifier: str, reference: Document, candidate: Document, *, severity: int) -> str:
    """Accuracy under each kind of corruption, and the drop with its interval, the largest first."""
    before = {c["kind"]: c for c in reference["corruptions"] if c["severity"] == severity}
    rows = sorted(
        (c for c in candidate["corruptions"] if c["severity"] == severity and c["kind"] in before),
        key=lambda c: (-c["drop_points"], c["kind"]),
    )
    top, bottom = 52.0, 52.0 + _ROW * len(rows)
    share = Scale(low=0, high=100, start=104, end=232)
    drop = _drop_scale([end for row in rows for end in row["drop_interval"]], start=258, end=392)
    body = [
        *_legend(8, 14, reference, candidate),
        text(share.start, 40, "accuracy", kind="head"),
        text(drop.end, 40, "drop in points, 95 %", anchor="end", kind="head"),
        *level_axis(share, top=top, bottom=bottom, most=2, unit=" %"),
        *level_axis(drop, top=top, bottom=bottom, most=3),
        line(drop(0), top, drop(0), bottom, "zero"),
    ]
    for number, row in enumerate(rows):
        middle = top + _ROW * (number + 0.5)
        for kind, own, y in (
            ("reference", before[row["kind"]], middle - _BAR - 0.5),
            ("candidate", row, middle + 0.5),
        ):
            width = share(100 * own["accuracy"]) - share.start
            body.append(box(share.start, y, width, _BAR, f"bar {kind}"))
        body += [
            text(share.start - 6, middle + 4, short(row["kind"]), anchor="end"),
            whisker(drop, row["drop_interval"], middle, "candidate"),
            dot(drop(row["drop_points"]), middle, "candidate"),
        ]
    return drawing(
        identifier,
        size=(400, bottom + 22),
        title=f"Accuracy under corruption of {reference['scheme']} and {candidate['scheme']}, "
        f"severity {severity}",
        description="Drops in points with 95 % intervals: "
        + "; ".join(
            f"{row['kind']} {points(row['drop_points'])} ({drop_interval(row['drop_interval'])})"
            for row in rows
        )
        + ".",
        body=body,
    )


def confusion_difference(identifier: str, reference: Document, candidate: Document) -> str:
    """What a scheme answers more or less often than the reference, by label.

    More right answers and fewer wrong ones are of one colour, the others of another.
    """
    change = [
        [after - before for before, after in zip(*rows, strict=True)]
        for rows in zip(reference["confusion"], candidate["confusion"], strict=True)
    ]
    largest = max(1, *(abs(number) for row in change for number in row))
    left, top = 40.0, 62.0
    body = [
        box(8, 4, 12, 12, "better swatch"),
        text(26, 14, "more right, or fewer wrong"),
        box(198, 4, 12, 12, "worse swatch"),
        text(216, 14, "fewer right, or more wrong"),
        text(left + 5 * _CELL, 36, "answer", anchor="middle"),
        upwards(12, top + 5 * _CELL, "label"),
    ]
    for number in range(10):
        place = (number + 0.5) * _CELL
        body.append(text(left + place, top - 6, number, anchor="middle", kind="tick"))
        body.append(text(left - 8, top + place + 4, number, anchor="end", kind="tick"))
    for label, row in enumerate(change):
        for answer, number in enumerate(row):
            x, y = left + answer * _CELL, top + label * _CELL
            kind = "right cell" if label == answer else "cell"
            if number:
                better = (number > 0) == (label == answer)
                body.append(
                    f'<rect x="{x:g}" y="{y:g}" width="{_CELL:g}" height="{_CELL:g}" '
                    f'class="{"better" if better else "worse"}" '
                    f'fill-opacity="{0.15 + (_STRONGEST - 0.15) * abs(number) / largest:.2f}"/>'
                )
            body.append(box(x, y, _CELL, _CELL, kind))
            body.append(
                text(
                    x + _CELL / 2,
                    y + _CELL / 2 + 4,
                    _change_in_words(number),
                    anchor="middle",
                    kind="" if number else "nothing",
                )
            )
    said = [
        f"{_change_in_words(number)} {label} answered as {answer}"
        for label, row in enumerate(change)
        for answer, number in enumerate(row)
        if number
    ]
    return drawing(
        identifier,
        size=(_WIDTH, top + 10 * _CELL + 6),
        title=f"Confusion matrix of {candidate['scheme']} less that of {reference['scheme']}",
        description=f"{'; '.join(said) if said else 'No difference'}.",
        body=body,
    )


def latency(identifier: str, times: Sequence[Document]) -> str:
    """Median, 95th and 99th percentile of the time of one digit, a row a scheme."""
    top, bottom = 40.0, 40.0 + _ROW * len(times)
    largest = max(timed["p99_us"] for timed in times)
    across = Scale(low=0, high=1.04 * largest, start=104, end=350)
    body = [
        box(8, 6, 18, _BAR, "bar candidate"),
        text(31, 14, "median"),
        line(92, 3, 92, 15, "whisker candidate"),
        text(99, 14, "p95 and p99, in microseconds"),
        *level_axis(across, top=top - 8, bottom=bottom, most=4),
    ]
    for number, timed in enumerate(times):
        middle = top + _ROW * (number + 0.5) - 4
        start, median = across.start, across(timed["median_us"])
        body += [
            text(start - 6, middle + 4, short(timed["scheme"]), anchor="end"),
            box(start, middle - _BAR, median - start, 2 * _BAR, "bar candidate"),
            line(median, middle, across(timed["p99_us"]), middle, "whisker candidate"),
            *(
                line(
                    across(timed[end]),
                    middle - 5,
                    across(timed[end]),
                    middle + 5,
                    "whisker candidate",
                )
                for end in ("p95_us", "p99_us")
            ),
        ]
    return drawing(
        identifier,
        size=(_WIDTH, bottom + 22),
        title="Time of one digit on one thread",
        description="; ".join(
            f"{timed['scheme']}: median {count(timed['median_us'])}, p95 {count(timed['p95_us'])}, "
            f"p99 {count(timed['p99_us'])} microseconds"
            for timed in times
        ),
        body=body,
    )


def drop_scale(document: Document) -> Scale:
    """One axis for the drops of all schemes, with 0 and the limits set for a drop on it."""
    ends = [
        end
        for scheme in document["schemes"]
        if scheme["scheme"] != document["reference"]
        for end in scheme["drop_interval"]
    ]
    return _drop_scale([*ends, *drop_limits(document)], start=5, end=_STRIP[0] - 5)


def drop_limits(document: Document) -> list[float]:
    """The limits in points that the gates set for a drop over the pictures as they are."""
    return [
        float(gate["limit"])
        for gate in document["gates"]
        if gate["name"] in {"--max-drop", "--max-drop-point"}
    ]


def drop_strip(scheme: Document, scale: Scale, limits: Sequence[float]) -> str:
    """A drop with its interval, for a cell beside the same in figures: not to be read out."""
    width, height = _STRIP
    return "".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" aria-hidden="true" class="strip" '
            f'viewBox="0 0 {width:g} {height:g}">',
            line(scale(0), 0, scale(0), height, "zero"),
            *(line(scale(limit), 0, scale(limit), height, "limit") for limit in limits),
            whisker(scale, scheme["drop_interval"], height / 2, "candidate"),
            dot(scale(scheme["drop_points"]), height / 2, "candidate"),
            "</svg>",
        ]
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


def _legend(x: float, y: float, reference: Document, candidate: Document) -> list[str]:
    """Which mark is whose."""
    first = short(reference["scheme"])
    # A letter is about 7 wide: a little too much room is no harm.
    second = x + 40 + 7 * len(first)
    return [
        dot(x + 5, y - 4, "reference"),
        text(x + 14, y, first),
        dot(second, y - 4, "candidate"),
        text(second + 9, y, short(candidate["scheme"])),
    ]


def _around(values: Sequence[float], *, start: float, end: float) -> Scale:
    """A scale of shares from a round value below all of them to 1."""
    lowest = min(values, default=0.0)
    step = round_step(max(1 - lowest, 1e-4) / 5)
    low = max(0.0, 1 - step * math.ceil((1 - lowest) / step + 1e-9))
    return Scale(low=min(low, 1 - step), high=1, start=start, end=end)


def _drop_scale(values: Sequence[float], *, start: float, end: float) -> Scale:
    """A scale of drops with room for all of them and for 0."""
    low, high = min([0.0, *values]), max([0.0, *values])
    room = 0.06 * max(high - low, 0.02)
    return Scale(low=low - room, high=high + room, start=start, end=end)


def _change_in_words(number: int) -> str:
    return f"{number:+d}".replace("-", "\u2212") if number else "0"


def _coverage_in_words(scheme: Document) -> str:
    whole: Any = scheme["coverage"][0] if scheme["coverage"] else None
    if whole is None:
        return f"{scheme['scheme']} was not measured"
    return (
        f"{scheme['scheme']} withholds {count(scheme['abstained'])} of {count(scheme['total'])}; "
        f"{percent(whole['accuracy'])} of all answers are right"
    )
