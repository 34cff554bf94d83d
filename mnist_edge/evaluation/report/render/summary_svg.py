"""The report as one picture, for a README: the verdict, each drop, the pictures that changed."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from typing import Any

from mnist_edge.evaluation.report.render.formatting import (
    Document,
    candidates_of,
    claim_and_figures,
    count,
    drop_interval,
    flipped,
    name_of,
    percent,
    points,
    reference_of,
    short,
)
from mnist_edge.evaluation.report.render.plots import drop_limits, drop_scale
from mnist_edge.evaluation.report.render.style import COLOURS
from mnist_edge.evaluation.report.render.svg import (
    Scale,
    box,
    dot,
    drawing,
    level_axis,
    line,
    text,
    whisker,
)
from mnist_edge.evaluation.report.render.thumbnails import data_uri

_WIDTH, _MARGIN = 760.0, 24.0
"""Width of the picture, and what is left free about it."""
_CLAIM, _FIGURES = 44, 88
"""Letters of a line of the claim and of the figures: a little fewer than there is room for."""
_ROW = 27.0
"""Height of a scheme's row."""
_SIDE = 56.0
"""Side of a thumbnail."""
_MOST = 5
"""Pictures whose answer changed that are shown."""
_STYLE = """
text { fill: var(--ink); font: 15px system-ui, "Segoe UI", Roboto, "Helvetica Neue", sans-serif; }
.claim { font-size: 28px; font-weight: 700; }
.figures { font-size: 16px; }
.head, .tick { fill: var(--soft); font-size: 13px; }
.name { font-weight: 600; }
.paper { fill: var(--paper); }
.grid { stroke: var(--rule); stroke-width: .75; }
.zero { stroke: var(--ink); stroke-width: 1.25; }
.limit { stroke: var(--missed); stroke-width: 1.5; stroke-dasharray: 3 2; }
.whisker { stroke: var(--candidate); stroke-width: 1.75; }
.mark { fill: var(--candidate); }
image { image-rendering: pixelated; }
"""


def to_picture(document: Mapping[str, Any]) -> str:
    """An SVG file that needs nothing else, light or dark as it is looked at.

    Args:
        document: ``report.json``, schema version 2.

    Raises:
        InvalidValue: a picture in it has no 784 bytes of pixels.
    """
    claim, figures = claim_and_figures(str(document["verdict"]))
    body, y = [], _MARGIN + 22
    for words in textwrap.wrap(claim, _CLAIM):
        body.append(text(_MARGIN, y, words, kind="claim"))
        y += 33
    for words in textwrap.wrap(figures, _FIGURES):
        body.append(text(_MARGIN, y, words, kind="figures"))
        y += 22
    y = _schemes(document, body, y + 20)
    y = _flips(document, body, y + 30)
    said = "; ".join(_in_words(document, scheme) for scheme in document["schemes"])
    return drawing(
        "report",
        size=(_WIDTH, y),
        title=f"Accuracy drop of {document['model']}",
        description=f"{document['verdict']} {said}.",
        body=[
            f"<style>{COLOURS}{_STYLE}</style>",
            box(0, 0, _WIDTH, y, "paper"),
            *body,
        ],
    )


def _in_words(document: Document, scheme: Document) -> str:
    said = f"{scheme['scheme']}: {percent(scheme['accuracy'])}, {count(scheme['size'])} bytes"
    if scheme["scheme"] == document["reference"]:
        return said
    drop = f"{points(scheme['drop_points'])} ({drop_interval(scheme['drop_interval'])})"
    return f"{said}, drop {drop}"


def _schemes(document: Document, body: list[str], y: float) -> float:
    """A row a scheme: name, accuracy, bytes, and the drop on one axis; gives where it ends."""
    scale = drop_scale(document, start=340, end=_WIDTH - _MARGIN - 8)
    schemes = [reference_of(document), *candidates_of(document)]
    top, bottom = y + 12, y + 12 + _ROW * len(schemes)
    body += [
        text(_MARGIN, y, "scheme", kind="head"),
        text(210, y, "accuracy", anchor="end", kind="head"),
        text(305, y, "bytes", anchor="end", kind="head"),
        text(scale.end, y, "drop in points, 95 % interval", anchor="end", kind="head"),
        *level_axis(scale, top=top, bottom=bottom, most=6),
        line(scale(0), top, scale(0), bottom, "zero"),
        *(
            line(scale(limit), top, scale(limit), bottom, "limit")
            for limit in drop_limits(document)
        ),
    ]
    for number, scheme in enumerate(schemes):
        middle = top + _ROW * (number + 0.5)
        body += [
            text(_MARGIN, middle + 5, short(scheme["scheme"]), kind="name"),
            text(210, middle + 5, percent(scheme["accuracy"]), anchor="end"),
            text(305, middle + 5, count(scheme["size"]), anchor="end"),
        ]
        body += [text(scale(0) + 8, middle + 5, "reference", kind="head")] * (number == 0)
        body += _drop(scale, scheme, middle) if number else []
    return bottom + 18


def _drop(scale: Scale, scheme: Document, middle: float) -> list[str]:
    return [
        whisker(scale, scheme["drop_interval"], middle, "candidate"),
        dot(scale(scheme["drop_points"]), middle, "candidate"),
    ]


def _flips(document: Document, body: list[str], y: float) -> float:
    """The first pictures that the scheme of the verdict answers otherwise; gives where they end."""
    candidates = candidates_of(document)
    if not candidates:
        return y
    scheme = candidates[0]
    changed = flipped(scheme)
    what = (
        f"{short(scheme['scheme'])} answers otherwise: {count(changed)} of {count(scheme['total'])}"
    )
    body.append(text(_MARGIN, y, what, kind="head"))
    if not changed:
        return y + _MARGIN
    for number, flip in enumerate(scheme["flips"][:_MOST]):
        x = _MARGIN + 144 * number
        before, after = flip["reference"]["digit"], flip["candidate"]["digit"]
        body += [
            f'<image x="{x:g}" y="{y + 12:g}" width="{_SIDE:g}" height="{_SIDE:g}" '
            f'href="{data_uri(flip["pixels"])}"/>',
            text(x + _SIDE + 8, y + 28, short(name_of(flip))[-9:], kind="name"),
            text(x + _SIDE + 8, y + 46, f"a {flip['label']}", kind="head"),
            text(x + _SIDE + 8, y + 64, f"{before} \u2192 {after}"),
        ]
    return y + 12 + _SIDE + _MARGIN
