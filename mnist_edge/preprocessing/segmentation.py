"""Segment lines of handwriting into candidates for digits, of which a classifier picks the best.

A line is cut into more segments than it has digits: at the gaps between its components, and through
a component along paths from top to bottom that cross a stroke or two at most. One segment, or a few
side by side, form a candidate. A classifier scores every candidate, and the best sequence of
candidates is the reading of the line (R. Casey and E. Lecolinet, A Survey of Methods and Strategies
in Character Segmentation, 1996, under "oversegmentation").
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import count
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mnist_edge.preprocessing.connected_components import (
    Component,
    Mask,
    member_mask,
    merge,
    stroke_width,
)
from mnist_edge.preprocessing.layout import reading_order

_MIN_DIGIT_HEIGHT = 0.42
"""Minimum height of a digit in line heights; anything lower is a dot, a comma or a bar."""
_MAX_DIGIT_WIDTH = 1.6
"""Maximum width of a digit of several segments in line heights."""
_MAX_GAP = 0.3
"""Maximum gap between two strokes of one digit in line heights."""
_MIN_STROKE_LENGTH = 0.2
"""Minimum height or width of the longest segment of a digit in line heights: specks are none."""
_MAX_SEGMENTS = 24
"""Maximum number of segments of one digit; a worn print of one has 16."""
_MAX_CANDIDATES = 4000
"""Candidates of a page that its lines are limited to: each is read, and among specks of dust any
neighbors are one. Handwriting has 3 to a segment."""
_MIN_TALL_HEIGHT = 0.5
"""Minimum height of a component that locates a line, relative to the tallest component's."""
_MAX_LINE_DISTANCE = 0.05
"""Maximum distance of a low stroke's middle from its line, relative to the line's height."""
_MIN_SMALLER_HEIGHT = 0.25
"""Minimum height of the digits of a smaller line, relative to the tallest digit's."""
_MIN_DIGIT_WIDTH = 0.45
"""Minimum width of each digit in line heights, if a component holds several."""
_CUT_DISTANCE = 0.25
"""Minimum distance of a cut from the next and from the ends of its component in line heights."""
_ENTER_COST, _STROKE_COST, _SIDESTEP_COST = 0.6, 0.4, 0.02
"""Costs of a path in strokes: to enter a stroke, to run straight through one, and to step aside."""
_SLOPES = np.linspace(-0.14, 0.14, 29)
"""Slopes of the lines of a page that lies askew: up to eight degrees."""
_MIN_UNEVENNESS = 1.05
"""Minimum unevenness of a page's rows along a slope, relative to that of straight lines."""
_DIGIT_INK = 1.83
"""Ink of a digit, in heights times stroke widths; the median of MNIST's validation split."""
_SINGLE_ASPECT = 1.0
"""Width over height above which a candidate is more likely two digits."""

# Penalties that are subtracted from a logarithm of probabilities.
_CUT_PENALTY = 0.7
"""Per stroke that a cut crosses, for the candidate on each of its sides."""
_GAP_PENALTY = 3.0
"""Per line height of the gaps within a candidate."""
_SKIP_PENALTY = 6.0
"""Per digit's worth of ink that belongs to no candidate."""
_WIDTH_PENALTY = 3.0
"""Per height that a candidate is wider than ``_SINGLE_ASPECT``."""


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """Segments of a line that may be one digit."""

    component: Component
    """The segments, merged."""
    first: int
    """Index of the first segment."""
    last: int
    """Index after the last segment."""
    weight: float
    """Its ink, relative to the ink of a typical digit."""
    prior: float
    """Logarithm of a probability, at most 0, that follows from its shape alone."""
    is_cut: bool = False
    """Whether it ends where a component was cut."""


class Segmentation(NamedTuple):
    """One way to part a line into digits."""

    score: float
    """Logarithm of its probability, but for a constant of the line."""
    candidates: tuple[int, ...]
    """Indices of the candidates that are its digits, from left to right."""


@dataclass(frozen=True, kw_only=True)
class TextLine:
    """A line of handwriting, cut into segments."""

    segments: tuple[Component, ...]
    """From left to right."""
    skip_costs: tuple[float, ...]
    """Penalty of each segment if it belongs to no digit."""
    candidates: tuple[Candidate, ...]
    """The possible digits."""

    def best_segmentation(
        self, scores: Mapping[int, float], *, without: int | None = None
    ) -> Segmentation:
        """Return the candidates that are most probably the line's digits.

        Args:
            scores: by the index of a candidate, the logarithm of the probability of its most
                probable digit; one that has no score yet may reach 0. Scores are weighted by ink:
                otherwise a line would be read as few wide digits, because fewer digits have less to
                be uncertain of.
            without: index of a candidate that is none of the digits.
        """
        best = [Segmentation(0.0, ())]
        for end, skip_cost in enumerate(self.skip_costs, start=1):
            value, indices = best[end - 1]
            best_here = Segmentation(value - skip_cost, indices)
            for index in self._by_last.get(end, ()):
                candidate = self.candidates[index]
                value, indices = best[candidate.first]
                value += candidate.weight * scores.get(index, 0.0) + candidate.prior
                if value > best_here.score and index != without:
                    best_here = Segmentation(value, (*indices, index))
            best.append(best_here)
        return best[-1]

    def has_rivals(self, index: int) -> bool:
        """Check whether a segment of a candidate is in another one as well."""
        one = self.candidates[index]
        return any(
            other.first < one.last and one.first < other.last
            for place, other in enumerate(self.candidates)
            if place != index
        )

    @cached_property
    def _by_last(self) -> dict[int, list[int]]:
        """The indices of the candidates by the segment that they end before."""
        found: dict[int, list[int]] = {}
        for index, candidate in enumerate(self.candidates):
            found.setdefault(candidate.last, []).append(index)
        return found


def segment_lines(
    labels: NDArray[np.int32], components: Sequence[Component]
) -> tuple[NDArray[np.int32], list[TextLine]]:
    """Segment the lines of handwriting in a picture.

    Args:
        labels: ``(height, width)``, the number of each pixel's component.
        components: the handwriting.

    Returns:
        ``(height, width)`` numbers of the segments, and the lines from the top.
    """
    # More than can be read, as in a halftone, are no handwriting.
    if not 0 < len(components) <= _MAX_CANDIDATES:
        return labels, []
    labels = labels.copy()
    numbers = [number for component in components for number in component.labels]
    is_writing = np.zeros(int(labels.max()) + 1, np.bool_)
    is_writing[numbers] = True
    stroke = stroke_width(np.pad(is_writing[labels], 1))
    unused = count(len(is_writing))
    most = max(1, min(_MAX_SEGMENTS, _MAX_CANDIDATES // len(components)))
    return labels, [
        _segment_line(labels, line, numbers=unused, stroke=stroke, most=most)
        for line in _group_lines(components)
    ]


def _segment_line(
    labels: NDArray[np.int32],
    components: Sequence[Component],
    *,
    numbers: Iterator[int],
    stroke: float,
    most: int,
) -> TextLine:
    """Segment one line, and give its segments the next of the numbers in ``labels``.

    A candidate has at most ``most`` segments.
    """
    tall, _ = _by_height(components)
    height = float(np.median([one.height for one in tall]))
    segments: list[Component] = []
    cut_costs: list[float] = []
    wholes: list[tuple[int, int]] = []
    for component in sorted(components, key=lambda one: one.left + one.right):
        parts, costs = _cut(labels, component, numbers=numbers, height=height, stroke=stroke)
        wholes.append((len(segments), len(segments) + len(parts)))
        segments += parts
        cut_costs += [*costs, 0.0]
    digit_ink = _DIGIT_INK * height * stroke
    return TextLine(
        segments=tuple(segments),
        skip_costs=tuple(_SKIP_PENALTY * min(1.0, one.area / digit_ink) for one in segments),
        candidates=tuple(_candidates(segments, cut_costs, wholes, height, digit_ink, most)),
    )


def _find_slope(components: Sequence[Component]) -> float:
    """Return the slope of the lines of writing, in rows per column: a page may lie askew.

    Along the lines, the profile of what is written on each row is the most uneven (W. Postl,
    Detection of Linear Oblique Structures and Skew Scan in Digitized Documents, 1986).
    """
    boxes = np.array([(one.top, one.bottom, one.left + one.right) for one in components])
    top, bottom, middle = boxes[:, 0], boxes[:, 1], boxes[:, 2] / 2
    unevenness = []
    for slope in _SLOPES:
        shift = np.rint(slope * middle).astype(np.int64)
        first = int((top - shift).min())
        starts = np.bincount(top - shift - first)
        ends = np.bincount(bottom - shift - first)
        ends[: len(starts)] -= starts
        unevenness.append(int((ends.cumsum() ** 2).sum()))
    straight = unevenness[len(_SLOPES) // 2]
    # Of few digits of different heights, many a slope does as well.
    is_askew = max(unevenness) > _MIN_UNEVENNESS * straight
    return float(_SLOPES[int(np.argmax(unevenness))]) if is_askew else 0.0


def _by_height(components: Sequence[Component]) -> tuple[list[Component], list[Component]]:
    """Return the components that locate lines, and the others."""
    tallest = max(one.height for one in components)
    tall: list[Component] = []
    others: list[Component] = []
    for component in components:
        (tall if component.height >= _MIN_TALL_HEIGHT * tallest else others).append(component)
    return tall, others


def _group_lines(components: Sequence[Component]) -> list[list[Component]]:
    """Group components by lines, from the top: tall ones locate them, dots and bars join one."""
    slope = _find_slope(components)
    upright = [_sheared(one, -slope) for one in components]
    min_height = _MIN_SMALLER_HEIGHT * max(component.height for component in components)
    lines = _locate_lines([one for one in upright if one.height >= min_height])
    for component in upright:
        if component.height < min_height:
            min(lines, key=lambda line: _line_distance(component, line)).append(component)
    lines.sort(key=lambda line: float(np.median([one.top + one.bottom for one in line])))
    return [[_sheared(one, slope) for one in line] for line in lines]


def _sheared(component: Component, slope: float) -> Component:
    """Return a component as far down as a line of this slope is at its middle."""
    down = round(slope * (component.left + component.right) / 2)
    return replace(component, top=component.top + down, bottom=component.bottom + down)


def _locate_lines(components: Sequence[Component]) -> list[list[Component]]:
    """Group components that may be digits by lines.

    What is lower than half of the tallest is a stroke of a digit if it lies within a line, and
    otherwise of a line of smaller digits.
    """
    tall, others = _by_height(components)
    lines = reading_order(tall)
    smaller: list[Component] = []
    for component in others:
        nearest = min(lines, key=lambda line: _line_distance(component, line))
        is_within = _line_distance(component, nearest) <= _MAX_LINE_DISTANCE
        (nearest if is_within else smaller).append(component)
    return [*lines, *_locate_lines(smaller)] if smaller else lines


def _line_distance(component: Component, line: Sequence[Component]) -> float:
    """Return how far a component's middle is from a line in line heights; below 0 within it."""
    top, bottom = min(one.top for one in line), max(one.bottom for one in line)
    middle = (component.top + component.bottom) / 2
    return max(top - middle, middle - bottom) / (bottom - top)


def _candidates(
    segments: Sequence[Component],
    cut_costs: Sequence[float],
    wholes: Sequence[tuple[int, int]],
    height: float,
    digit_ink: float,
    most: int,
) -> Iterator[Candidate]:
    """Yield every group of neighboring segments that may be a digit.

    Args:
        segments: of one line, from left to right.
        cut_costs: strokes that the cut after each segment crosses; 0 after a component.
        wholes: first and end index of the segments of each component.
        height: of the line in pixels.
        digit_ink: area of a typical digit in pixels.
        most: segments of a group.
    """
    for first in range(len(segments)):
        gaps, right = 0.0, segments[first].right
        for last in range(first + 1, min(first + most, len(segments)) + 1):
            gap = max(0.0, (segments[last - 1].left - right) / height)
            right = max(right, segments[last - 1].right)
            component = merge(segments[first:last])
            is_wide = component.width > _MAX_DIGIT_WIDTH * height and (first, last) not in wholes
            if gap > _MAX_GAP or is_wide:
                break
            gaps += gap
            longest = max(max(one.height, one.width) for one in segments[first:last])
            is_stroke = longest >= _MIN_STROKE_LENGTH * height
            if component.height < _MIN_DIGIT_HEIGHT * height or not is_stroke:
                continue
            cuts = cut_costs[last - 1] + (cut_costs[first - 1] if first else 0.0)
            excess = max(0.0, component.width / component.height - _SINGLE_ASPECT)
            yield Candidate(
                component=component,
                first=first,
                last=last,
                weight=component.area / digit_ink,
                prior=-_CUT_PENALTY * cuts - _GAP_PENALTY * gaps - _WIDTH_PENALTY * excess,
                is_cut=cuts > 0,
            )


def _cut(
    labels: NDArray[np.int32],
    component: Component,
    *,
    numbers: Iterator[int],
    height: float,
    stroke: float,
) -> tuple[list[Component], list[float]]:
    """Cut a component into segments, and give them the next of the numbers in ``labels``.

    Returns:
        The segments, and how many strokes each cut between two of them crosses.
    """
    # One cut more than needed for as many digits as fit: the best cuts need not be the right ones.
    max_cuts = int(component.width / height / _MIN_DIGIT_WIDTH)
    if max_cuts < 2 or component.height < _MIN_DIGIT_HEIGHT * height:
        return [component], []
    window = labels[component.top : component.bottom, component.left : component.right]
    member = member_mask(window, component)
    distance = max(2, round(_CUT_DISTANCE * height))
    paths = _find_paths(member, max_cuts, distance=distance, stroke=stroke)
    segments: list[Component] = []
    costs: list[float] = []
    rest = member
    for path, cost in [*paths, (np.full(len(member), component.width), 0.0)]:
        part = rest & (np.arange(component.width) <= path[:, None])
        if part.any():
            rest = rest & ~part
            number = next(numbers)
            window[part] = number
            segments.append(_to_component(part, number, component.top, component.left))
            costs.append(cost)
    return segments, costs[: len(segments) - 1]


def _to_component(mask: Mask, number: int, top: int, left: int) -> Component:
    """Return the component with this number, of which the mask begins at ``top`` and ``left``."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return Component(
        labels=(number,),
        area=int(mask.sum()),
        top=top + int(rows[0]),
        left=left + int(columns[0]),
        bottom=top + int(rows[-1]) + 1,
        right=left + int(columns[-1]) + 1,
    )


def _find_paths(
    member: Mask, count: int, *, distance: int, stroke: float
) -> list[tuple[NDArray[np.int64], float]]:
    """Find the paths from top to bottom that cross the fewest strokes.

    Args:
        member: the component.
        count: maximum number of paths.
        distance: minimum distance between two paths, and from either side, in columns.
        stroke: width of a stroke in pixels.

    Returns:
        From left to right, the column of each path in every row, with its cost in strokes.
    """
    height, width = member.shape
    down, up = _path_costs(np.stack((member, member[::-1])), stroke)
    up = up[::-1]
    middle = height // 2
    # Both include the middle row, which counts once.
    through = down[middle] + up[middle] - (_ENTER_COST + _STROKE_COST / stroke) * member[middle]
    through[:distance] = through[width - distance :] = np.inf
    found: list[tuple[NDArray[np.int64], float]] = []
    while len(found) < count and np.isfinite(through).any():
        column = int(np.argmin(through))
        above = _trace_back(down[: middle + 1], column)
        below = _trace_back(up[middle:][::-1], column)[::-1]
        found.append((np.concatenate((above, below[1:])), float(through[column])))
        through[max(0, column - distance) : column + distance + 1] = np.inf
    return sorted(found, key=lambda one: int(one[0][middle]))


def _path_costs(members: Mask, stroke: float) -> NDArray[np.float64]:
    """Return the cost of the cheapest path from the top to each pixel, in strokes.

    Args:
        members: ``(masks, height, width)``.
        stroke: width of a stroke in pixels.
    """
    masks, height, width = members.shape
    # A column beyond each side is never cheaper.
    padded = np.full((height, masks, width + 2), np.inf)
    costs = padded[..., 1:-1]
    rows = members.swapaxes(0, 1)
    costs[:] = np.where(rows, _ENTER_COST + _STROKE_COST / stroke, 0.0)
    entering = np.zeros_like(padded)
    entering[..., 1:-1] = np.where(rows, 0.0, _ENTER_COST)
    for row in range(1, height):
        above = padded[row - 1]
        in_stroke = _STROKE_COST / stroke + _cheapest_step(above + entering[row - 1])
        costs[row] = np.where(rows[row], in_stroke, _cheapest_step(above))
    return costs.swapaxes(0, 1)


def _cheapest_step(padded: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the cost of the cheapest step from a row to each column of the next, but the ends."""
    aside = np.minimum(padded[..., :-2], padded[..., 2:]) + _SIDESTEP_COST
    return np.minimum(padded[..., 1:-1], aside)


def _trace_back(costs: NDArray[np.float64], column: int) -> NDArray[np.int64]:
    """Return the column in every row of the cheapest path that ends in this one in the last row."""
    path = [column]
    # Single numbers take a tenth of the time in lists.
    for row in costs[-2::-1].tolist():
        low = max(0, column - 1)
        near = [
            cost + _SIDESTEP_COST * (place != column)
            for place, cost in enumerate(row[low : column + 2], start=low)
        ]
        column = low + near.index(min(near))
        path.append(column)
    return np.array(path[::-1])
