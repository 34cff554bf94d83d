"""Detect and remove the border of a form or table cell that a digit was cropped from.

A border's line is straight, thin, and lies near an edge of the picture, and both its ends are
accounted for: they leave the picture or meet another such line. No stroke of a digit does all of
that.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from mnist_edge.preprocessing.connected_components import (
    Component,
    Mask,
    label_components,
    reduce_blocks,
)
from mnist_edge.preprocessing.line_detection import (
    EDGE_TOLERANCE,
    END_TOLERANCE,
    LONG_LENGTH,
    MAX_THICKNESS,
    MIN_LENGTH,
    RuledLine,
    erase_line,
    find_lines,
    is_ruled_paper,
)

_VOTING_SIDE = 160
"""Longest side, in pixels, of the reduced mask that lines are searched in."""
_MAX_THIN = 0.04
"""Maximum thickness of a long line of which one end is enough, relative to the longest side."""
_FADED_TOLERANCE = 0.06
"""Maximum distance of a line's end from the edge, relative to a side, if a digit remains within
the border."""
_MIN_INK_SHARE = 0.97
"""Minimum share of the faint mask that is ink, from which on the two are nearly the same."""
_MAX_STROKE_LENGTH = 0.9
"""Maximum length of a stroke, relative to the line that it stands on."""
_MAX_PARALLEL_RATIO = 1.6
"""Maximum thickness of one of two parallel lines over the other's."""
_MAX_MEETING_RATIO = 2.5
"""Maximum thickness of one of two lines that meet over the other's."""
_MIN_BEYOND = 0.8
"""Minimum share of a component beyond a line if the component lies outside the border."""
_REMNANT_ZONE = 0.25
"""Width of the zone along the edges that contains the rest of a border, relative to a side."""
_MIN_ENCLOSED_SIDES = 3
"""Minimum number of sides of a digit that an enclosing border runs along."""
MIN_DIGIT_SIZE = 0.2
"""Minimum height or width of the digit within a border, relative to the shorter side."""


def remove_border(mask: Mask, faint: Mask) -> tuple[Mask, Mask]:
    """Remove a border and what lies outside it, and keep the strokes that cross its lines.

    Args:
        mask: the ink.
        faint: ink and fainter things, for borders that are much fainter than the ink.

    Returns:
        What remains of the mask, and what was removed from it.
    """
    scale = -(-max(mask.shape) // _VOTING_SIDE)
    # A dark line is as thick as its blurred edges in the faint mask, and may be broken in the mask.
    reduced_faint, reduced_mask = _reduce(faint, scale), _reduce(mask, scale)
    if is_ruled_paper(reduced_faint):
        return mask, np.zeros_like(mask)
    searched = [reduced_faint]
    if reduced_mask.sum() < _MIN_INK_SHARE * reduced_faint.sum():
        searched.append(reduced_mask)
    lines: list[RuledLine] = []
    for reduced in searched:
        lines += find_lines(reduced)
        lines += [replace(line, is_vertical=True) for line in find_lines(reduced.T)]
    for tolerance in (_FADED_TOLERANCE, EDGE_TOLERANCE):
        border = _border_lines(lines, tolerance)
        border = [line for line in border if not any(_is_stroke(line, other) for other in border)]
        rest = mask.copy()
        for line in border:
            erase_line(rest.T if line.is_vertical else rest, line, scale)
        rest, has_digit = _remove_beyond(rest, border, scale)
        # If nothing remains within, the lines may be the digit: try again with less tolerance.
        if has_digit:
            break
    return rest, mask & ~rest


def encloses(border: Mask, digit: Mask) -> bool:
    """Check whether a border runs along at least three sides of a digit."""
    if not digit.any() or not border.any():
        return False
    sides = 0
    for axis in (0, 1):
        outer, inner = (np.flatnonzero(part.any(axis=axis)) for part in (border, digit))
        sides += int(outer[0] < inner[0]) + int(outer[-1] > inner[-1])
    return sides >= _MIN_ENCLOSED_SIDES


def _reduce(mask: Mask, scale: int) -> Mask:
    if scale == 1:
        return mask
    reduced: Mask = reduce_blocks(mask.astype(np.uint16), scale, np.add) >= (scale + 1) // 2
    return reduced


def _border_lines(lines: list[RuledLine], tolerance: float) -> list[RuledLine]:
    """Return the lines of which both ends leave the picture or meet another line."""
    certain = [line for line in lines if _is_border_line(line, lines, tolerance)]
    # A line that starts at a certain one and fades before the edge belongs to the border as well.
    return certain + [
        line
        for line in lines
        if line not in certain
        and any(
            _meets(line, near, other) and line.fades_at(far)
            for near, far in ((line.start, line.end), (line.end, line.start))
            for other in certain
            if other.is_vertical != line.is_vertical
        )
    ]


def _is_border_line(line: RuledLine, lines: list[RuledLine], tolerance: float) -> bool:
    leaves = [line.leaves_picture(column, tolerance) for column in (line.start, line.end)]
    is_long = line.end - line.start >= LONG_LENGTH * line.size[1]
    if any(leaves) and is_long and line.thickness <= max(2, _MAX_THIN * max(line.size)):
        return True
    across = [other for other in lines if other.is_vertical != line.is_vertical]
    return all(
        leave or any(_meets(line, column, other) for other in across)
        for leave, column in zip(leaves, (line.start, line.end), strict=True)
    )


def _is_stroke(line: RuledLine, other: RuledLine) -> bool:
    """Check whether a line is a stroke of a digit that stands on another line or hangs from it."""
    is_same_side = (line.is_vertical, line.inward) == (other.is_vertical, other.inward)
    is_shorter = line.end - line.start < _MAX_STROKE_LENGTH * (other.end - other.start)
    is_thicker = line.thickness > _MAX_PARALLEL_RATIO * other.thickness
    is_further_in = (line.middle - other.middle) * line.inward > line.thickness
    return is_same_side and is_further_in and (is_shorter or is_thicker)


def _meets(line: RuledLine, column: int, other: RuledLine) -> bool:
    """Check whether a line that ends in this column ends at another line, across it."""
    thin, thick = sorted((line.thickness, other.thickness))
    if thick > _MAX_MEETING_RATIO * thin + 1:
        return False
    near = END_TOLERANCE * max(line.size) + other.thickness
    row = line.row_at(column)
    is_near = abs(other.row_at(row) - column) <= near
    return is_near and other.start - near <= row <= other.end + near


def _remove_beyond(mask: Mask, border: list[RuledLine], scale: int) -> tuple[Mask, bool]:
    """Remove the components outside a border, if a digit remains within it.

    Returns:
        The mask, and whether a digit remains within the border.
    """
    if not border:
        return mask, False
    labels, components = label_components(mask)
    rows, columns = np.nonzero(mask)
    is_beyond = np.zeros(len(rows), np.bool_)
    for line in border:
        down, along = (columns, rows) if line.is_vertical else (rows, columns)
        center = line.row_at(0) * scale + scale / 2 + line.slope * along
        is_beyond |= (down - center) * line.inward < (line.thickness + 1) * scale
    height, width = mask.shape
    depth = np.minimum(
        np.minimum(rows, height - 1 - rows) / height,
        np.minimum(columns, width - 1 - columns) / width,
    )
    numbers = labels[rows, columns]
    total = np.bincount(numbers, minlength=len(components) + 1)
    is_outside, is_near_edge = (
        np.bincount(numbers, weights=where, minlength=len(total)) > _MIN_BEYOND * total
        for where in (is_beyond, depth < _REMNANT_ZONE)
    )
    for component in components:
        if is_near_edge[component.labels[0]] and _is_remnant(component, mask.shape):
            is_outside[component.labels[0]] = True
    has_digit = any(
        max(component.height, component.width) >= MIN_DIGIT_SIZE * min(mask.shape)
        for component in components
        if not is_outside[component.labels[0]]
    )
    return (mask & ~is_outside[labels] if has_digit else mask), has_digit


def _is_remnant(component: Component, shape: tuple[int, ...]) -> bool:
    """Check whether a component near an edge is cut by it, or part of a line that was missed."""
    if component.touches_edge(shape):
        return True
    height, width = shape
    longest = max(component.height, component.width)
    is_thin = component.area <= MAX_THICKNESS * max(shape) * longest
    is_long = max(component.height / height, component.width / width) >= MIN_LENGTH
    return is_thin and is_long
