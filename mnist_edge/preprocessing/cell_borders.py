"""The frame of a cell that was cut out of a table or a form: lines about the digit, and beyond.

A frame's line is straight, thin, and lies in the outer part of the picture; and both its ends are
accounted for: they leave the picture or meet another such line. No digit's stroke does all of it.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from mnist_edge.preprocessing.connected_components import Component, Mask, label_components
from mnist_edge.preprocessing.line_detection import (
    LENGTH,
    LONG,
    NEAR,
    RIM,
    THICK,
    RuledLine,
    erase_line,
    find_lines,
    is_ruled_paper,
)

_SIDE = 160
"""Longest side of the mask that is voted on."""
_THIN = 0.04
"""Thickness, as a share of a side, of a long line that may end anywhere at most."""
_FADED = 0.06
"""Share of a side by which ends may miss the edge where a digit is left within the frame."""
_UNLIKE = 0.97
"""Share of what may be ink that is ink, from which on the one need not be looked at as well."""
_SHORTER = 0.9
"""Length of a stroke at most, as a share of the line that it stands by."""
_ALIKE = 1.6
"""Times that one of two parallel lines may be as thick as the other."""
_HEAVIER = 2.5
"""Times that one of two lines that meet may be as thick as the other."""
_BEYOND = 0.8
"""Share of a piece beyond a line, from which on it belongs to what lies outside."""
_DEPTH = 0.25
"""Share of a side, from the edge, in which the rest of a frame lies."""
_SIDES = 3
"""Sides of a digit that a frame lies about where it closes."""
_DIGIT = 0.2
"""Share of a side that a digit within the frame is high or wide at least."""


def remove_border(mask: Mask, faint: Mask) -> tuple[Mask, Mask]:
    """A mask without its frame and what lies beyond, strokes across its lines kept.

    Args:
        mask: what is ink.
        faint: what may be, where ink is much darker than the frame.

    Returns:
        What is left of the mask, and what was taken out of it.
    """
    times = -(-max(mask.shape) // _SIDE)
    found: list[RuledLine] = []
    # In the faint mask a dark line is as thick as its blurred edges, and in the other broken.
    both = (_reduced(faint, times), _reduced(mask, times))
    if is_ruled_paper(both[0]):
        return mask, np.zeros_like(mask)
    for coarse in both if both[1].sum() < _UNLIKE * both[0].sum() else both[:1]:
        found += find_lines(coarse)
        found += [replace(line, upright=True) for line in find_lines(coarse.T)]
    for rim in (_FADED, RIM):
        frame = _borders(found, rim)
        frame = [line for line in frame if not any(_is_within(line, other) for other in frame)]
        rest = mask.copy()
        for line in frame:
            erase_line(rest.T if line.upright else rest, line, times)
        rest, holds_digit = _without_beyond(rest, frame, times)
        # What leaves nothing within may have been the digit, and is not taken for a frame rashly.
        if holds_digit:
            break
    return rest, mask & ~rest


def encloses(frame: Mask, within: Mask) -> bool:
    """Whether a frame lies about what is within it, at three sides at least."""
    if not within.any() or not frame.any():
        return False
    sides = 0
    for axis in (0, 1):
        outer, inner = (np.flatnonzero(part.any(axis=axis)) for part in (frame, within))
        sides += int(outer[0] < inner[0]) + int(outer[-1] > inner[-1])
    return sides >= _SIDES


def _reduced(mask: Mask, times: int) -> Mask:
    if times == 1:
        return mask
    height, width = (-(-size // times) * times for size in mask.shape)
    whole = np.zeros((height, width), np.bool_)
    whole[: mask.shape[0], : mask.shape[1]] = mask
    blocks = whole.reshape(height // times, times, width // times, times)
    reduced: Mask = blocks.sum(axis=(1, 3)) >= (times + 1) // 2
    return reduced


def _borders(lines: list[RuledLine], rim: float) -> list[RuledLine]:
    """The lines of which both ends leave the picture or meet another line."""
    sure = [line for line in lines if _is_border(line, lines, rim)]
    # Where one is sure, a line from it that fades before the picture's edge is another.
    return sure + [
        line
        for line in lines
        if line not in sure
        and any(
            _meets(line, here, other) and line.fades(there)
            for here, there in ((line.start, line.end), (line.end, line.start))
            for other in sure
            if other.upright != line.upright
        )
    ]


def _is_border(line: RuledLine, lines: list[RuledLine], rim: float) -> bool:
    enters = [line.enters(column, rim) for column in (line.start, line.end)]
    long = line.end - line.start >= LONG * line.size[1]
    if any(enters) and long and line.thickness <= max(2, _THIN * max(line.size)):
        return True
    across = [other for other in lines if other.upright != line.upright]
    return all(
        enter or any(_meets(line, column, other) for other in across)
        for enter, column in zip(enters, (line.start, line.end), strict=True)
    )


def _is_within(line: RuledLine, other: RuledLine) -> bool:
    """Whether a line is the stroke of a digit that stands on another line, or hangs from it."""
    same_side = (line.upright, line.inward) == (other.upright, other.inward)
    shorter = line.end - line.start < _SHORTER * (other.end - other.start)
    thicker = line.thickness > _ALIKE * other.thickness
    further_in = (line.middle - other.middle) * line.inward > line.thickness
    return same_side and further_in and (shorter or thicker)


def _meets(line: RuledLine, column: int, other: RuledLine) -> bool:
    """Whether a line ends where one across it runs."""
    thin, thick = sorted((line.thickness, other.thickness))
    if thick > _HEAVIER * thin + 1:
        return False
    near = NEAR * max(line.size) + other.thickness
    row = line.row(column)
    return abs(other.row(row) - column) <= near and other.start - near <= row <= other.end + near


def _without_beyond(mask: Mask, frame: list[RuledLine], times: int) -> tuple[Mask, bool]:
    """A mask without the pieces beyond the frame, and whether a digit is left within it."""
    if not frame:
        return mask, False
    labels, pieces = label_components(mask)
    rows, columns = np.nonzero(mask)
    beyond = np.zeros(len(rows), np.bool_)
    for line in frame:
        down, along = (columns, rows) if line.upright else (rows, columns)
        centre = line.row(0) * times + times / 2 + line.slope * along
        beyond |= (down - centre) * line.inward < (line.thickness + 1) * times
    height, width = mask.shape
    depth = np.minimum(
        np.minimum(rows, height - 1 - rows) / height,
        np.minimum(columns, width - 1 - columns) / width,
    )
    numbers = labels[rows, columns]
    total = np.bincount(numbers, minlength=len(pieces) + 1)
    outside, shallow = (
        np.bincount(numbers, weights=where, minlength=len(total)) > _BEYOND * total
        for where in (beyond, depth < _DEPTH)
    )
    for one in pieces:
        if shallow[one.labels[0]] and _is_remnant(one, mask.shape):
            outside[one.labels[0]] = True
    within = [
        max(one.height, one.width) >= _DIGIT * min(mask.shape)
        for one in pieces
        if not outside[one.labels[0]]
    ]
    if not any(within):
        return mask, False
    return mask & ~outside[labels], True


def _is_remnant(piece: Component, size: tuple[int, ...]) -> bool:
    """Whether a piece in the outer part is of a line that the search missed, or cut by the edge."""
    height, width = size
    cut = piece.top <= 1 or piece.left <= 1 or piece.bottom >= height - 1
    if cut or piece.right >= width - 1:
        return True
    thin = piece.area <= THICK * max(size) * max(piece.height, piece.width)
    return thin and max(piece.height / height, piece.width / width) >= LENGTH
