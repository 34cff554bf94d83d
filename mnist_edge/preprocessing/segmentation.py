"""Where one digit ends and the next begins: every way that a line of handwriting may be parted.

A line is cut into segments, more than it has digits: at the gaps between its pieces, and through
a piece where a path from top to bottom crosses a stroke or two at most. One segment, or a few side
by side, make a candidate for a digit; a classifier says how good each is, and the best row of
candidates is how the line reads (R. Casey and E. Lecolinet, A Survey of Methods and Strategies in
Character Segmentation, 1996, under "oversegmentation").
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mnist_edge.preprocessing.connected_components import Component, Mask, merge
from mnist_edge.preprocessing.layout import reading_order
from mnist_edge.preprocessing.pipeline import stroke_width

_LOW = 0.42
"""Height of a digit at least, in heights of its line; what is lower is a dot, a comma or a bar."""
_BROAD = 1.6
"""Width of a digit of several segments at most, in heights of its line."""
_GAP = 0.3
"""Distance of two strokes of one digit at most, in heights of the line."""
_STROKE = 0.5
"""Height of a piece, against the tallest's, below which it does not tell where its line is."""
_NARROW = 0.45
"""Width, in heights of its line, from which on a piece may hold two digits, and that of each."""
_APART = 0.25
"""Distance of a cut from the next and from the ends of its piece, in heights of the line."""
_ENTRY, _ALONG, _ASIDE = 0.6, 0.4, 0.02
"""What a cut costs in strokes: to enter one, to run through one straight, and to turn aside."""
_INK = 1.83
"""Ink of a digit in heights times widths of its stroke; the median of MNIST's validation split."""
_WIDEST = 1.0
"""Width of a digit, in its heights, from which on it is more likely two."""

_CUT = 0.7
"""What a cut takes off the logarithm of both its sides' probability, a stroke it runs through."""
_JOIN = 3.0
"""What a gap of a whole height takes off within a digit."""
_LOST = 6.0
"""What ink takes off that no digit takes, as much as a digit has."""
_BULK = 3.0
"""What a width takes off that is a height more than a digit has."""


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """What may be one digit of a line."""

    component: Component
    first: int
    """Its first segment's number."""
    last: int
    """The number after its last segment's."""
    weight: float
    """How much ink it has, 1 being a digit's."""
    prior: float
    """What its shape says before it is read: the logarithm of a probability, at most 0."""


@dataclass(frozen=True, kw_only=True)
class TextLine:
    """A line of handwriting, cut."""

    segments: tuple[Component, ...]
    """From left to right."""
    skip_costs: tuple[float, ...]
    """What each segment takes off the line's score where no digit has it."""
    candidates: tuple[Candidate, ...]
    """All that may be digits."""

    def best_candidates(self, scores: Sequence[float]) -> list[int]:
        """Which candidates are the line's digits, by their numbers, from left to right.

        Args:
            scores: one a candidate, the logarithm of the probability of the digit it is read as.
                Each counts by its ink: otherwise a line would be read as few wide digits, since
                there are fewer of them to be unsure of.
        """
        ways: list[tuple[float, tuple[int, ...]]] = [(0.0, ())]
        for end, unread in enumerate(self.skip_costs, start=1):
            value, row = ways[end - 1]
            best = (value - unread, row)
            for number, one in enumerate(self.candidates):
                if one.last == end:
                    value, row = ways[one.first]
                    value += one.weight * scores[number] + one.prior
                    if value > best[0]:
                        best = (value, (*row, number))
            ways.append(best)
        return list(ways[-1][1])


def segment_lines(
    labels: NDArray[np.int32], pieces: Sequence[Component]
) -> tuple[NDArray[np.int32], list[TextLine]]:
    """Cuts the lines of a picture's handwriting.

    Args:
        labels: ``(height, width)``, the number of the piece that each pixel belongs to.
        pieces: those to read.

    Returns:
        ``(height, width)`` numbers of the pieces after the cuts, and the lines from the top.
    """
    if not pieces:
        return labels, []
    labels = labels.copy()
    numbers = [number for piece in pieces for number in piece.labels]
    stroke = stroke_width(np.pad(np.isin(labels, numbers), 1))
    return labels, [_line(labels, row, stroke) for row in _rows(pieces)]


def _line(labels: NDArray[np.int32], row: Sequence[Component], stroke: float) -> TextLine:
    height = float(np.median([one.height for one in row if _leads(one, row)]))
    segments: list[Component] = []
    costs: list[float] = []
    wholes: list[tuple[int, int]] = []
    for piece in sorted(row, key=lambda one: one.left + one.right):
        parts, cuts = _cut(labels, piece, height, stroke)
        wholes.append((len(segments), len(segments) + len(parts)))
        segments += parts
        costs += [*cuts, 0.0]
    ink = _INK * height * stroke
    return TextLine(
        segments=tuple(segments),
        skip_costs=tuple(_LOST * min(1.0, one.area / ink) for one in segments),
        candidates=tuple(_candidates(segments, costs, wholes, height, ink)),
    )


def _leads(piece: Component, among: Sequence[Component]) -> bool:
    return piece.height >= _STROKE * max(one.height for one in among)


def _rows(pieces: Sequence[Component]) -> list[list[Component]]:
    """Pieces by lines: the tall ones say where a line is, dots and bars join the nearest."""
    tall = [one for one in pieces if _leads(one, pieces)]
    rows = reading_order(tall)
    spans = [(min(p.top for p in row), max(p.bottom for p in row)) for row in rows]
    for one in pieces:
        if one in tall:
            continue
        middle = (one.top + one.bottom) / 2
        off = [max(top - middle, middle - bottom) for top, bottom in spans]
        rows[int(np.argmin(off))].append(one)
    return rows


def _candidates(
    segments: Sequence[Component],
    costs: Sequence[float],
    wholes: Sequence[tuple[int, int]],
    height: float,
    ink: float,
) -> Iterator[Candidate]:
    for first in range(len(segments)):
        gaps, right = 0.0, segments[first].right
        for last in range(first + 1, len(segments) + 1):
            gap = max(0.0, (segments[last - 1].left - right) / height)
            right = max(right, segments[last - 1].right)
            piece = merge(segments[first:last])
            broad = piece.width > _BROAD * height and (first, last) not in wholes
            if gap > _GAP or broad:
                break
            gaps += gap
            if piece.height < _LOW * height:
                continue
            cut = costs[last - 1] + (costs[first - 1] if first else 0.0)
            bulk = max(0.0, piece.width / piece.height - _WIDEST)
            yield Candidate(
                component=piece,
                first=first,
                last=last,
                weight=piece.area / ink,
                prior=-_CUT * cut - _JOIN * gaps - _BULK * bulk,
            )


def _cut(
    labels: NDArray[np.int32], piece: Component, height: float, stroke: float
) -> tuple[list[Component], list[float]]:
    """The segments of a piece, and the strokes that each cut between them runs through."""
    # A cut more than there may be digits: the best two need not be the right one.
    most = int(piece.width / height / _NARROW)
    if most < 2 or piece.height < _LOW * height:
        return [piece], []
    window = labels[piece.top : piece.bottom, piece.left : piece.right]
    member = np.isin(window, piece.labels)
    cuts = _paths(member, most, apart=max(2, round(_APART * height)), stroke=stroke)
    parts: list[Component] = []
    costs: list[float] = []
    rest = member
    for path, cost in [*cuts, (np.full(len(member), piece.width), 0.0)]:
        part = rest & (np.arange(piece.width) <= path[:, None])
        if part.any():
            rest = rest & ~part
            number = int(labels.max()) + 1
            window[part] = number
            parts.append(_piece_of(part, number, piece.top, piece.left))
            costs.append(cost)
    return parts, costs[: len(parts) - 1]


def _piece_of(mask: Mask, number: int, top: int, left: int) -> Component:
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return Component(
        labels=(number,),
        area=int(mask.sum()),
        top=top + int(rows[0]),
        left=left + int(columns[0]),
        bottom=top + int(rows[-1]) + 1,
        right=left + int(columns[-1]) + 1,
    )


def _paths(
    member: Mask, most: int, *, apart: int, stroke: float
) -> list[tuple[NDArray[np.int64], float]]:
    """Paths from top to bottom that cross the fewest strokes, from left to right.

    Each is a column a row, with how many strokes it crosses.
    """
    height, width = member.shape
    down = _cheapest(member, stroke)
    up = _cheapest(member[::-1], stroke)[::-1]
    middle = height // 2
    # The middle row is in both.
    through = down[middle] + up[middle] - (_ENTRY + _ALONG / stroke) * member[middle]
    through[:apart] = through[width - apart :] = np.inf
    found: list[tuple[NDArray[np.int64], float]] = []
    while len(found) < most and np.isfinite(through).any():
        column = int(np.argmin(through))
        above = _follow(down[: middle + 1], column)
        below = _follow(up[middle:][::-1], column)[::-1]
        found.append((np.concatenate((above, below[1:])), float(through[column])))
        through[max(0, column - apart) : column + apart + 1] = np.inf
    return sorted(found, key=lambda one: int(one[0][middle]))


def _cheapest(member: Mask, stroke: float) -> NDArray[np.float64]:
    """What the cheapest way from the top to each pixel costs."""
    costs = np.where(member, _ENTRY + _ALONG / stroke, 0.0)
    for row in range(1, len(costs)):
        entered = np.where(member[row - 1], 0.0, _ENTRY)
        inked = _ALONG / stroke + _nearest(costs[row - 1] + entered)
        costs[row] = np.where(member[row], inked, _nearest(costs[row - 1]))
    return costs


def _nearest(costs: NDArray[np.float64]) -> NDArray[np.float64]:
    beside = np.pad(costs, 1, constant_values=np.inf)
    return np.minimum(costs, np.minimum(beside[:-2], beside[2:]) + _ASIDE)


def _follow(costs: NDArray[np.float64], column: int) -> NDArray[np.int64]:
    """The cheapest way up from the last row, as a column a row."""
    path = np.empty(len(costs), np.int64)
    path[-1] = column
    for row in range(len(costs) - 2, -1, -1):
        low = max(0, column - 1)
        near = costs[row, low : column + 2]
        aside = np.arange(low, low + len(near)) != column
        column = low + int(np.argmin(near + _ASIDE * aside))
        path[row] = column
    return path
