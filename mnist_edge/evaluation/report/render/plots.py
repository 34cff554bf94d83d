"""The plots of a report as inline SVG.

Nothing is told by colour alone: the reference is round, outlined and dashed, what is compared with
it square, filled and solid, and each drawing says in words what can be seen on it.
"""

from __future__ import annotations

from collections.abc import Sequence

from mnist_edge.evaluation.report.render.formatting import (
    Document,
    count,
    drop_interval,
    points,
    short,
)
from mnist_edge.evaluation.report.render.svg import (
    Scale,
    box,
    dot,
    drawing,
    legend,
    level_axis,
    line,
    text,
    upwards,
    whisker,
)

_WIDTH = 360.0
"""What a phone shows without making letters smaller."""
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
_BEYOND = 1.25
"""How far a time axis goes, as a multiple of the largest 95th percentile: a single digit that the
system interrupted would make all else look alike."""


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
        *legend(8, 14, reference["scheme"], candidate["scheme"]),
        text(share.start, 40, "accuracy, %", kind="head"),
        text(drop.end, 40, "drop in points, 95 %", anchor="end", kind="head"),
        *level_axis(share, top=top, bottom=bottom, most=2),
        *level_axis(drop, top=top, bottom=bottom, most=6),
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
        box(left, 4, 12, 12, "better swatch"),
        text(left + 18, 14, "better"),
        box(112, 4, 12, 12, "worse swatch"),
        text(130, 14, "worse"),
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
    largest = max(timed["p95_us"] for timed in times)
    across = Scale(low=0, high=_BEYOND * largest, start=104, end=310)
    body = [
        box(8, 6, 18, _BAR, "bar candidate"),
        text(31, 14, "median"),
        line(88, 9, 106, 9, "whisker candidate"),
        *(line(x, 4, x, 14, "whisker candidate") for x in (96, 106)),
        text(113, 14, "p95 and p99, in microseconds"),
        *level_axis(across, top=top - 8, bottom=bottom, most=4),
    ]
    for number, timed in enumerate(times):
        middle = top + _ROW * (number + 0.5) - 4
        start, median = across.start, across(timed["median_us"])
        body += [
            text(start - 6, middle + 4, short(timed["scheme"]), anchor="end"),
            box(start, middle - _BAR, median - start, 2 * _BAR, "bar candidate"),
            line(median, middle, across(timed["p99_us"]), middle, "whisker candidate"),
        ]
        for end in (timed["p95_us"], timed["p99_us"]):
            if end <= across.high:
                body.append(
                    line(across(end), middle - 5, across(end), middle + 5, "whisker candidate")
                )
            else:
                body.append(text(across.end + 3, middle + 4, f"\u2192 {count(end)}", kind="tick"))
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


def drop_scale(document: Document, *, start: float = 5, end: float = _STRIP[0] - 5) -> Scale:
    """One axis for the drops of all schemes, with 0 and the limits set for a drop on it."""
    ends = [
        bound
        for scheme in document["schemes"]
        if scheme["scheme"] != document["reference"]
        for bound in scheme["drop_interval"]
    ]
    return _drop_scale([*ends, *drop_limits(document)], start=start, end=end)


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


def _drop_scale(values: Sequence[float], *, start: float, end: float) -> Scale:
    """A scale of drops with room for all of them and for 0."""
    low, high = min([0.0, *values]), max([0.0, *values])
    room = 0.06 * max(high - low, 0.02)
    return Scale(low=low - room, high=high + room, start=start, end=end)


def _change_in_words(number: int) -> str:
    return f"{number:+d}".replace("-", "\u2212") if number else "0"
