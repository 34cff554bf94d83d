"""Group strokes into digits, choose the digit of a picture, and order digits for reading."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from mnist_edge.preprocessing.connected_components import Component, merge

_MIN_OVERLAP = 0.3
"""Minimum horizontal overlap of two components of one digit, one above the other, relative to the
narrower."""
_MAX_GAP = 0.25
"""Maximum gap between two strokes of one digit, relative to the taller."""
_MAX_STROKE_HEIGHT = 0.62
"""Maximum height of a stroke beside the taller stroke of its digit, relative to the taller."""
_MAX_STACKED_HEIGHT = 0.8
"""Maximum height of the lower of two strokes that are one above the other, relative to the
taller."""
_MAX_RING_GAP, _MAX_RING_ASPECT = 0.15, 2.2
"""Maximum gap between the two rings of an 8, relative to the taller, and maximum height of both
over their width: two digits one below the other are further apart, and taller together."""
_MAX_STROKES = 500
"""Maximum number of components, the largest, that are compared with each other: in a picture of
more, such as a halftone, the others are no strokes of one digit."""
_MIN_RIVAL_HEIGHT = 0.55
"""Minimum height of another digit beside the chosen one, relative to its height."""
_MIN_RIVAL_AREA = 0.2
"""Minimum area of another digit beside the chosen one, relative to its area."""


def group_strokes(components: Sequence[Component]) -> list[Component]:
    """Merge the strokes of each digit, such as the bar of a 5 or the two strokes of a 4.

    Args:
        components: of one picture, the largest first.
    """
    groups: list[Component] = []
    boxes = np.empty((0, 4), np.int64)
    for component in components[:_MAX_STROKES]:
        rest, merged = [], component
        near = _may_be_one_digit(boxes, merged)
        for place, group in enumerate(groups):
            if near[place] and _are_one_digit(group, merged):
                merged = merge([group, merged])
                near = _may_be_one_digit(boxes, merged)
            else:
                rest.append(place)
        groups = [*(groups[place] for place in rest), merged]
        boxes = np.concatenate((boxes[rest], [_box(merged)]))
    return [*groups, *components[_MAX_STROKES:]]


def _box(component: Component) -> tuple[int, int, int, int]:
    return component.left, component.top, component.right, component.bottom


def _may_be_one_digit(boxes: NDArray[np.int64], component: Component) -> list[bool]:
    """Return which of ``(n, 4)`` boxes are near a component: on a page of many, few are."""
    left, top, right, bottom = boxes.T
    width, height = right - left, bottom - top
    longest = np.maximum(np.maximum(width, height), max(component.width, component.height))
    apart = np.maximum(
        np.maximum(left - component.right, component.left - right),
        np.maximum(top - component.bottom, component.top - bottom),
    )
    near: list[bool] = (apart <= _MAX_GAP * longest).tolist()
    return near


def _are_one_digit(first: Component, second: Component) -> bool:
    tall, small = sorted((first, second), key=lambda component: -component.height)
    # Negative if the two are apart.
    across = min(tall.right, small.right) - max(tall.left, small.left)
    down = min(tall.bottom, small.bottom) - max(tall.top, small.top)
    max_gap = _MAX_GAP * max(tall.height, tall.width)
    if across >= _MIN_OVERLAP * min(tall.width, small.width):
        both = merge([tall, small])
        is_slender = both.height <= _MAX_RING_ASPECT * both.width
        if -down <= _MAX_RING_GAP * tall.height and is_slender:
            return True
        return -down <= max_gap and small.height <= _MAX_STACKED_HEIGHT * tall.height
    # A bar beside its stem is much lower than the stem, and near it.
    is_beside = down >= 0.5 * small.height
    return -across <= max_gap and is_beside and small.height <= _MAX_STROKE_HEIGHT * tall.height


def choose_digit(candidates: Sequence[Component], height: int, width: int) -> Component | None:
    """Choose the digit that a picture of this size shows: large, and near the middle."""

    def weight(candidate: Component) -> float:
        off_x = abs((candidate.left + candidate.right) / width - 1)
        off_y = abs((candidate.top + candidate.bottom) / height - 1)
        size = candidate.height * max(candidate.height, candidate.width)
        return size * (1.3 - max(off_x, off_y))

    return max(candidates, key=weight, default=None)


def competing_digits(digit: Component, candidates: Sequence[Component]) -> list[Component]:
    """Return the other candidates that are large enough to be digits as well."""
    return [
        other
        for other in candidates
        if other is not digit
        and other.height >= _MIN_RIVAL_HEIGHT * digit.height
        and other.area >= _MIN_RIVAL_AREA * digit.area
    ]


def reading_order(digits: Sequence[Component]) -> list[list[Component]]:
    """Arrange digits in lines from top to bottom, each from left to right."""
    lines: list[list[Component]] = []
    for digit in sorted(digits, key=lambda one: one.top + one.bottom):
        middle = (digit.top + digit.bottom) / 2
        for line in lines:
            if any(other.top < middle < other.bottom for other in line):
                line.append(digit)
                break
        else:
            lines.append([digit])
    return [sorted(line, key=lambda one: one.left) for line in lines]
