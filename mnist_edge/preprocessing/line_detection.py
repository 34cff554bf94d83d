"""Detect straight, thin lines near the edges of a mask: solid, dashed or dotted.

Lines are found by voting (R. Duda, P. Hart, Use of the Hough Transformation to Detect Lines and
Curves in Pictures, 1972), so that dashes and dots add up to lines too. All functions here look for
nearly horizontal lines; transposed masks have the nearly vertical ones.
"""

from __future__ import annotations

import math
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from mnist_edge.preprocessing.connected_components import Mask, dilate, label_components
from mnist_edge.system.records import record

MIN_LENGTH = 0.45
"""Minimum length of a line, relative to a side."""
LONG_LENGTH = 0.7
"""Minimum length of a ruling, and of a border's line that one end alone identifies, relative to a
side."""
MAX_THICKNESS = 0.11
"""Maximum thickness of a line, relative to the longest side."""
END_TOLERANCE, EDGE_TOLERANCE = 0.06, 0.03
"""Maximum distance between the ends of two lines that meet, and between the end of a line and the
edge that it leaves the picture at, relative to a side."""

_SLOPES = np.linspace(-0.2, 0.2, 41)
"""Slopes that lines are searched at: up to eleven degrees, for rotation and perspective."""
_ZONE = 0.28
"""Width of the zone along the edges that contains a line's middle, relative to a side."""
_END_ZONE = 0.34
"""Width of the zone along the edges that contains a line's ends, relative to a side."""
_MIN_DENSITY = 0.42
"""Minimum share of a line that is inked; dotted lines reach it."""
_MAX_BREAK, _MAX_GAP = 0.03, 0.09
"""Maximum gap within a solid line, and between two dashes, relative to a side."""
_MIN_DASHES = 4
"""Minimum number of dashes of a dashed line."""
_MAX_DASH = 0.2
"""Maximum length of a dash, relative to a side."""
_MAX_DOT, _MAX_DASH_ASPECT = 1.3, 0.5
"""Maximum height of a dot or a dash of a line, relative to the line's thickness, and to the dash's
own length: what is higher is a letter or a digit."""
_MAX_WRITING = 0.5
"""Maximum share of a line's ink that belongs to letters or digits, which dashes may touch."""
_MIN_SLENDERNESS = 5.0
"""Minimum length of a line over its thickness."""
_FADE_DISTANCE = 0.1
"""Maximum distance from the edge at which a faded line ends, relative to a side."""
_RULING_ATTEMPTS = 3
"""Number of peaks of the vote that are examined for a ruling."""
_LINE_ATTEMPTS = 30
"""Number of peaks of the vote that are examined for lines, per direction."""


@record(frozen=True, kw_only=True)
class RuledLine:
    """A nearly horizontal line; of a nearly vertical one, rows and columns are exchanged."""

    is_vertical: bool
    """Whether rows and columns are exchanged."""
    slope: float
    """Rows per column."""
    middle: float
    """Row at half the mask's width."""
    start: int
    """First column."""
    end: int
    """Last column."""
    thickness: float
    """Rows, at least 1."""
    size: tuple[int, int]
    """Rows and columns of the mask that the line is in."""

    def row_at(self, column: float) -> float:
        """Return the row of the line in a column."""
        return self.middle + self.slope * (column - self.size[1] / 2)

    @property
    def inward(self) -> int:
        """The direction of the picture's middle: 1 below the line, -1 above it."""
        return 1 if self.middle < self.size[0] / 2 else -1

    def leaves_picture(self, column: int, tolerance: float) -> bool:
        """Check whether the line leaves the picture where it ends in this column."""
        height, width = self.size
        row = self.row_at(column)
        is_at_side = min(column, width - 1 - column) <= max(2, tolerance * width)
        return is_at_side or min(row, height - 1 - row) <= EDGE_TOLERANCE * height

    @property
    def is_near_edge(self) -> bool:
        """Whether both ends lie in the zone along the edges."""
        ends = (self.row_at(self.start), self.row_at(self.end))
        return all(min(row, self.size[0] - 1 - row) <= _END_ZONE * self.size[0] for row in ends)

    def fades_at(self, column: int) -> bool:
        """Check whether the line ends in this column just short of the picture's edge."""
        width = self.size[1]
        return min(column, width - 1 - column) <= _FADE_DISTANCE * width


class _Writing:
    """Tells a broken line from a row of letters or digits.

    Args:
        mask: ``(height, width)``, the ink.
    """

    def __init__(self, mask: Mask) -> None:
        self._mask = mask

    @cached_property
    def _labelled(self) -> tuple[NDArray[np.int32], NDArray[np.int64], NDArray[np.int64]]:
        """The number of each pixel's component, and the height and width of each by its number."""
        labels, components = label_components(self._mask)
        heights, widths = (
            np.array([0, *(getattr(one, side) for one in components)])
            for side in ("height", "width")
        )
        return labels, heights, widths

    def holds(self, rows: NDArray[np.int_], columns: NDArray[np.int_], thickness: float) -> bool:
        """Check whether most of a line's ink is writing: neither dots nor dashes nor long.

        Args:
            rows: of the line, in the columns in which there is ink on it.
            columns: those, ascending.
            thickness: of the line.
        """
        if columns[-1] - columns[0] < len(columns):
            return False
        labels, heights, widths = self._labelled
        near = np.clip(rows + np.arange(-1, 2)[:, np.newaxis], 0, len(labels) - 1)
        numbers = labels[near, columns].max(axis=0)
        high, wide = heights[numbers], widths[numbers]
        is_short = np.maximum(high, wide) < MIN_LENGTH * max(labels.shape)
        is_high = (high > _MAX_DOT * thickness + 1) & (high > _MAX_DASH_ASPECT * wide)
        return bool((is_short & is_high).mean() > _MAX_WRITING)


def is_ruled_paper(mask: Mask) -> bool:
    """Check for a line from edge to edge through the middle: a ruling, not a border."""
    for image in (mask, mask.T):
        height, width = image.shape
        # A line has a vote a column at most.
        if np.count_nonzero(image.any(axis=0)) < LONG_LENGTH * width:
            continue
        votes, near, writing = _vote(image), _with_neighbors(image), _Writing(image)
        edge = round(_ZONE * height)
        votes[:, :edge] = votes[:, height - edge :] = 0
        for _ in range(_RULING_ATTEMPTS):
            slope, row = np.unravel_index(int(votes.argmax()), votes.shape)
            if votes[slope, row] < LONG_LENGTH * width:
                break
            line = _measure_line(image, near, writing, float(_SLOPES[slope]), int(row))
            if line and all(
                line.leaves_picture(end, EDGE_TOLERANCE) for end in (line.start, line.end)
            ):
                return True
            votes[:, max(0, row - 3) : row + 4] = 0
    return False


def find_lines(mask: Mask) -> list[RuledLine]:
    """Find thin, straight, nearly horizontal lines near the edges, the clearest first."""
    if not _may_hold_lines(mask):
        return []
    height, width = mask.shape
    remaining, lines, writing = mask.copy(), [], _Writing(mask)
    min_votes = MIN_LENGTH * _MIN_DENSITY * width
    every, near = _vote(remaining), _with_neighbors(remaining)
    votes, edge = every.copy(), round(_ZONE * height)
    votes[:, edge : height - edge] = 0
    for _ in range(_LINE_ATTEMPTS):
        slope, row = np.unravel_index(int(votes.argmax()), votes.shape)
        if votes[slope, row] < min_votes:
            break
        line = _measure_line(remaining, near, writing, float(_SLOPES[slope]), int(row))
        if line is None or not line.is_near_edge:
            votes[max(0, slope - 2) : slope + 3, max(0, row - 1) : row + 2] = 0
            continue
        lines.append(line)
        before = remaining.copy()
        erase_line(remaining, line, 1)
        every -= _vote(before & ~remaining)
        near = _with_neighbors(remaining)
        votes = np.minimum(votes, every)
    return lines


def _may_hold_lines(mask: Mask) -> bool:
    """Check whether the ink near the edges is as wide as a line near an edge must be."""
    height, width = mask.shape
    # The middle of a line's thickness may be half of it away from where its votes are.
    half = MAX_THICKNESS * max(mask.shape) / 2 + 2
    zone = math.ceil(_END_ZONE * height + half)
    # Only in a very wide picture does a line get from one zone into the other.
    rise = _SLOPES[-1] * width / 2
    is_wide = rise + half > (1 - _END_ZONE - _ZONE) * height or 2 * zone >= height
    near = mask.any(axis=0) if is_wide else np.concatenate((mask[:zone], mask[-zone:])).any(axis=0)
    inked = np.flatnonzero(near)
    return bool(len(inked)) and int(inked[-1] - inked[0]) + 1 >= MIN_LENGTH * width


def erase_line(mask: Mask, line: RuledLine, scale: int) -> None:
    """Erase a line from a mask in place, and keep the strokes that cross it.

    Args:
        mask: changed in place.
        line: found in a mask that is ``scale`` times smaller.
        scale: how many pixels of the mask are one of the line's.
    """
    height, width = mask.shape
    thickness = line.thickness * scale
    half = int(np.ceil(thickness / 2 + 0.5 * scale))
    reach = half + 2
    columns = np.arange(width)
    center = line.row_at(0) * scale + scale / 2 + line.slope * columns
    band = _rows_along(mask, np.rint(center).astype(int), reach)
    # A stroke that crosses the line continues on both of its sides.
    sideways = 2 * half
    crossing = np.logical_and(
        *(dilate(side[np.newaxis], 2 * sideways + 1)[0] for side in (band[0], band[-1]))
    )
    margin = round(END_TOLERANCE * max(height, width) + half)
    is_along = (columns >= line.start * scale - margin) & (
        columns <= (line.end + 1) * scale + margin
    )
    rows = np.rint(center).astype(int) + np.arange(-half, half + 1)[:, np.newaxis]
    erased = (rows >= 0) & (rows < height) & is_along & ~crossing
    mask[rows[erased], np.broadcast_to(columns, rows.shape)[erased]] = False


def _vote(mask: Mask) -> NDArray[np.int64]:
    """Count the ink on every line, by its slope and its row at half the width.

    Returns:
        ``(slopes, height)``.
    """
    height, width = mask.shape
    rows, columns = np.nonzero(mask)
    offsets = (columns - width / 2).astype(np.float32)
    # A margin above and below receives the votes for rows outside the mask.
    margin = math.ceil(_SLOPES[-1] * width) + 1
    padded = height + 2 * margin
    middles = rows.astype(np.float32) - np.outer(_SLOPES.astype(np.float32), offsets)
    bins = (middles + np.float32(margin + 0.5)).astype(np.int32)
    bins += padded * np.arange(len(_SLOPES), dtype=np.int32)[:, np.newaxis]
    votes = np.bincount(bins.ravel(), minlength=len(_SLOPES) * padded)
    return votes.reshape(-1, padded)[:, margin : margin + height]


def _with_neighbors(mask: Mask) -> Mask:
    """Return which pixels have ink in them, above or below; two rows lie on each side of it."""
    height, width = mask.shape
    near = np.zeros((height + 4, width), np.bool_)
    for top in (1, 2, 3):
        near[top : top + height] |= mask
    return near


def _measure_line(
    mask: Mask, near: Mask, writing: _Writing, slope: float, middle: int
) -> RuledLine | None:
    """Return the line with its ends and its thickness; None if there is no such line.

    Args:
        mask: the ink.
        near: as ``_with_neighbors`` returns it for the mask.
        writing: tells lines from rows of digits.
        slope: of the line, in rows per column.
        middle: its row at half the width.
    """
    height, width = mask.shape
    columns = np.arange(width)
    center = np.rint(middle + slope * (columns - width / 2)).astype(int)
    inked_columns = np.flatnonzero(near[np.clip(center, -2, height + 1) + 2, columns])
    run = _longest_run(inked_columns, width)
    if run is None:
        return None
    length = int(run[-1] - run[0]) + 1
    reach = round(MAX_THICKNESS * max(mask.shape)) + 2
    inked = _rows_along(mask, center, reach)[:, run]
    # The ink that is connected to the line, above and below it.
    above = np.cumprod(inked[:reach][::-1], axis=0).sum(axis=0)
    below = np.cumprod(inked[reach + 1 :], axis=0).sum(axis=0)
    thickness = float(np.median(above + below + inked[reach]))
    max_thickness = max(3, MAX_THICKNESS * max(mask.shape))
    if thickness > max_thickness or length < _MIN_SLENDERNESS * thickness:
        return None
    if writing.holds(center[run], run, thickness):
        return None
    return RuledLine(
        is_vertical=False,
        slope=slope,
        middle=middle + float(np.median(below - above)) / 2,
        start=int(run[0]),
        end=int(run[-1]),
        thickness=max(1.0, thickness),
        size=(height, width),
    )


def _longest_run(inked_columns: NDArray[np.int_], width: int) -> NDArray[np.int_] | None:
    """Return the columns of a solid line, or otherwise of a dashed one; None if there is neither.

    Args:
        inked_columns: the columns in which there is ink on the line, ascending.
        width: of the mask.
    """
    if not len(inked_columns) or inked_columns[-1] - inked_columns[0] + 1 < MIN_LENGTH * width:
        return None
    for max_gap in (_MAX_BREAK, _MAX_GAP):
        starts, ends = _split_at_gaps(inked_columns, max(2, max_gap * width))
        longest = int((inked_columns[ends - 1] - inked_columns[starts]).argmax())
        run = inked_columns[starts[longest] : ends[longest]]
        length = int(run[-1] - run[0]) + 1
        if length < MIN_LENGTH * width or len(run) < _MIN_DENSITY * length:
            continue
        if max_gap == _MAX_BREAK or _is_dashed(run, width):
            return run
    return None


def _is_dashed(run: NDArray[np.int_], width: int) -> bool:
    starts, ends = _split_at_gaps(run, 1)
    return bool(len(starts) >= _MIN_DASHES and (ends - starts).max() <= _MAX_DASH * width)


def _split_at_gaps(
    values: NDArray[np.int_], max_gap: float
) -> tuple[NDArray[np.int_], NDArray[np.int_]]:
    """Split ascending values where they are further apart; return each part's start and end."""
    steps = np.flatnonzero(values[1:] - values[:-1] > max_gap) + 1
    bounds = np.concatenate(([0], steps, [len(values)]))
    return bounds[:-1], bounds[1:]


def _rows_along(mask: Mask, center: NDArray[np.int_], reach: int) -> Mask:
    """Return ``(2 * reach + 1, width)``: the rows of a mask around a center row per column."""
    rows = center + np.arange(-reach, reach + 1)[:, np.newaxis]
    is_inside = (rows >= 0) & (rows < len(mask))
    band: Mask = mask[np.clip(rows, 0, len(mask) - 1), np.arange(mask.shape[1])] & is_inside
    return band
