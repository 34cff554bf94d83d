"""Recognize what is left of the borders and ruled lines that were removed from a picture.

Lines are erased as straight ones, but paper and lenses bend them: what lies beside the straight one
remains, and looks like a 1. A stroke of a digit has free ends. A piece of a line has none: at both
ends it leaves the picture, meets another line, or goes on as what was removed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mnist_edge.preprocessing.connected_components import Component, Mask, dilate, stroke_width
from mnist_edge.preprocessing.line_detection import EDGE_TOLERANCE, MIN_LENGTH

_MAX_THICKNESS = 0.065
"""Maximum thickness of a printed line, relative to the longest side: the strokes of a digit that
fills the picture are thicker."""
_MIN_BORDER = 0.85
"""Minimum share of the ink that is a border's if there is no digit."""
_MIN_ASPECT, _MAX_LEANING = 3.0, 0.3
"""Minimum length of a piece over its thickness, and maximum distance across between its ends over
its length."""
_ZONE = 0.25
"""Width of the zone along the edges in which a piece may meet another line, relative to a side."""
_MAX_BREAK = 0.02
"""Maximum distance between a piece and a line that it meets, relative to the longest side."""
_BEYOND, _MIN_GOING_ON = 0.06, 0.6
"""Length beyond a piece in which its line goes on, relative to the longest side, and the minimum
share of it that is inked."""
_MAX_BESIDE = 0.3
"""Maximum share of a piece that has another line beside it."""
_MIN_WRITING = 0.5
"""Minimum height or width of writing beside pieces, relative to the longest of them: what is
smaller are specks."""
BORDER_BLUR = 0.015
"""Width of the blurred edge of a border's line, relative to the longest side."""
_MIN_REACH = 5
"""Distance from a removed line in which its blurred edge remains, in pixels, if the edge is not
wider."""
_MIN_ALONG = 0.8
"""Minimum share of a component in that distance if the component is the line's blurred edge."""


def is_border_alone(border: Mask, ink: Mask) -> bool:
    """Check whether ink is the lines of a border and nothing else.

    A digit of straight strokes that fills the picture looks like two of them, but is thicker.

    Args:
        border: what was removed from the ink.
        ink: all of it.
    """
    if np.count_nonzero(border) < max(1, _MIN_BORDER * np.count_nonzero(ink)):
        return False
    sides = 0
    for axis, size in ((1, border.shape[0]), (0, border.shape[1])):
        span = np.flatnonzero(border.any(axis=axis))
        if span[-1] - span[0] < MIN_LENGTH * size:
            return False
        sides += sum(end <= max(1, EDGE_TOLERANCE * size) for end in (span[0], size - 1 - span[-1]))
    return sides > 1 and stroke_width(border) <= _MAX_THICKNESS * max(border.shape)


def without_remnants(
    components: Sequence[Component], labels: NDArray[np.int32], ink: Mask, lines: Mask
) -> list[Component]:
    """Return the components that are not what is left of borders and lines.

    Args:
        components: what remains of the ink.
        labels: ``(height, width)``, the number of each pixel's component.
        ink: everything, before anything was removed.
        lines: what was removed as borders and lines.
    """
    numbers = [number for component in components for number in component.labels]
    removed = (ink | lines) & ~np.isin(labels, numbers)
    if not removed.any():
        return list(components)
    upright, lying = _Removed(removed, labels), _Removed(removed.T, labels.T)
    kept, pieces = list[Component](), list[Component]()
    for one in components:
        is_piece = upright.has_piece(one) or lying.has_piece(_transpose(one))
        (pieces if is_piece else kept).append(one)
    if _longest(kept) >= _MIN_WRITING * _longest(pieces):
        # Beside other writing, it may be a stroke that a line was removed from.
        kept = list(components)
    if lines.any():
        reach = max(_MIN_REACH, round(BORDER_BLUR * max(lines.shape)))
        along = dilate(lines, 2 * reach + 1)
        if all(along[labels == one.labels[0]].mean() > _MIN_ALONG for one in kept):
            return []
    return kept


def _longest(components: Sequence[Component]) -> int:
    """Return the largest height or width of components in pixels; 0 if there are none."""
    return max((max(one.height, one.width) for one in components), default=0)


def _transpose(component: Component) -> Component:
    return Component(
        labels=component.labels,
        area=component.area,
        top=component.left,
        left=component.top,
        bottom=component.right,
        right=component.bottom,
    )


@dataclass(frozen=True)
class _Removed:
    """The removed ink of a picture, in which nearly vertical lines go on."""

    ink: Mask
    labels: NDArray[np.int32]
    """The number of each pixel's component, of what remains."""

    def has_piece(self, component: Component) -> bool:
        """Check whether a component is a piece of a nearly vertical line."""
        height, width = self.ink.shape
        longest = max(height, width)
        thickness = component.area / component.height
        if (
            component.height < _MIN_ASPECT * thickness
            or component.width - thickness > _MAX_LEANING * component.height
            or thickness > max(3.0, _MAX_THICKNESS * longest)
        ):
            return False
        member = self.labels[component.top : component.bottom] == component.labels[0]
        rows, columns = np.nonzero(member)
        slope, column = np.polyfit(rows, columns, 1)
        axis = (float(slope), float(column - slope * component.top))
        near = thickness / 2 + 2
        length = max(4, round(_BEYOND * longest))
        far = near + _MAX_LEANING * length
        # A stroke beside a line is no piece of it.
        span = range(component.top, component.bottom)
        beside = self._inked(span, axis, far) & ~self._inked(span, axis, near + 1)
        if beside.mean() > _MAX_BESIDE:
            return False
        gap = max(3, round(_MAX_BREAK * longest))
        above = range(component.top - 1, -1, -1)
        below = range(component.bottom, height)
        goes_on = [
            len(beyond) >= length / 2
            and self._inked(beyond[:length], axis, far).mean() >= _MIN_GOING_ON
            for beyond in (above, below)
        ]
        if all(goes_on):
            return True
        zone = _ZONE * width
        if component.right > zone and component.left < width - zone:
            return False
        margin = max(2, EDGE_TOLERANCE * width) + thickness / 2
        return all(
            on
            or len(beyond) <= max(2, EDGE_TOLERANCE * height)
            or min(x := axis[0] * beyond[0] + axis[1], width - 1 - x) <= margin
            or bool(self._inked(beyond[:gap], axis, near).any())
            for on, beyond in zip(goes_on, (above, below), strict=True)
        )

    def _inked(self, rows: range, axis: tuple[float, float], reach: float) -> NDArray[np.bool_]:
        """Return which rows hold ink no further than ``reach`` from an axis.

        Args:
            rows: of the picture.
            axis: columns per row, and the column in row 0.
            reach: in columns.
        """
        at = np.array(rows, np.intp)
        apart = np.arange(self.ink.shape[1]) - (axis[0] * at + axis[1])[:, np.newaxis]
        inked: NDArray[np.bool_] = (self.ink[at] & (np.abs(apart) <= reach)).any(axis=1)
        return inked
