"""Straight, thin lines in the outer part of a mask: solid, dashed or dotted.

They are looked for by voting (R. Duda, P. Hart, Use of the Hough Transformation to Detect Lines
and Curves in Pictures, 1972), so that dashes and dots are lines too.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mnist_edge.preprocessing.connected_components import Mask, dilate

_SLOPES = np.linspace(-0.2, 0.2, 41)
"""Slopes that are looked for: up to eleven degrees, for turns and perspective."""
_ZONE = 0.28
"""Share of a side, from the edge, in which a line's middle lies."""
_END_ZONE = 0.34
"""Share of a side, from the edge, in which its ends lie."""
LENGTH = 0.45
"""Share of a side that a line runs along at least."""
LONG = 0.7
"""Share of a side that a line runs along, so that one of its ends alone tells."""
_DENSITY = 0.42
"""Share of a line that is inked at least: dots are."""
_GAP, _BREAK = 0.09, 0.03
"""Shares of a side between two dashes, and that a solid line is broken by, at most."""
_DASHES = 4
"""Dashes of a dashed line at least."""
_DASH = 0.2
"""Length of a dash at most, as a share of a side."""
THICK = 0.11
"""Share of a side that a line is thick at most."""
_SLENDER = 5.0
"""Times its thickness that a line is long at least."""
NEAR, RIM = 0.06, 0.03
"""Shares of a side by which ends may miss each other, and the edge."""
_SHORT = 0.1
"""Share of a side by which a line that fades may miss the edge."""
_RULES = 3
"""Places that are looked at for a rule."""
_TRIES = 30
"""Places each way that are looked at for a line."""


@dataclass(frozen=True, kw_only=True)
class RuledLine:
    """A nearly level line; of one nearly upright, rows and columns are exchanged."""

    upright: bool
    slope: float
    middle: float
    """Row at half the width."""
    start: int
    end: int
    """First and last column."""
    thickness: float
    size: tuple[int, int]
    """Rows and columns of the mask that it is in."""

    def row(self, column: float) -> float:
        """Where it is in a column."""
        return self.middle + self.slope * (column - self.size[1] / 2)

    @property
    def inward(self) -> int:
        """1 where the picture's middle is below it, -1 where it is above."""
        return 1 if self.middle < self.size[0] / 2 else -1

    def enters(self, column: int, rim: float) -> bool:
        """Whether it leaves the picture where it ends."""
        height, width = self.size
        row = self.row(column)
        across = min(column, width - 1 - column) <= max(2, rim * width)
        return across or min(row, height - 1 - row) <= RIM * height

    @property
    def lies_outside(self) -> bool:
        """Whether both its ends lie in the outer part of the picture."""
        ends = (self.row(self.start), self.row(self.end))
        return all(min(row, self.size[0] - 1 - row) <= _END_ZONE * self.size[0] for row in ends)

    def fades(self, column: int) -> bool:
        """Whether it ends short of the picture's edge."""
        width = self.size[1]
        return min(column, width - 1 - column) <= _SHORT * width


def is_ruled_paper(mask: Mask) -> bool:
    """Whether a line runs through the middle from edge to edge: paper's own, and no frame's."""
    for image in (mask, mask.T):
        height, width = image.shape
        votes = _votes(image)
        edge = round(_ZONE * height)
        votes[:, :edge] = votes[:, height - edge :] = 0
        for _ in range(_RULES):
            which, row = np.unravel_index(int(votes.argmax()), votes.shape)
            if votes[which, row] < LONG * width:
                break
            line = _measured(image, float(_SLOPES[which]), int(row))
            if line and line.enters(line.start, RIM) and line.enters(line.end, RIM):
                return True
            votes[:, max(0, row - 3) : row + 4] = 0
    return False


def find_lines(mask: Mask) -> list[RuledLine]:
    """Thin, straight, nearly level lines in the outer part of a mask, the clearest first."""
    width = mask.shape[1]
    left, lines = mask.copy(), []
    least = LENGTH * _DENSITY * width
    votes = _outer_votes(left)
    for _ in range(_TRIES):
        which, row = np.unravel_index(int(votes.argmax()), votes.shape)
        if votes[which, row] < least:
            break
        line = _measured(left, float(_SLOPES[which]), int(row))
        if line is None or not line.lies_outside:
            votes[max(0, which - 2) : which + 3, max(0, row - 1) : row + 2] = 0
            continue
        lines.append(line)
        erase_line(left, line, 1)
        votes = np.minimum(votes, _outer_votes(left))
    return lines


def _votes(mask: Mask) -> NDArray[np.int64]:
    """Pixels of ink on the line of each slope through each row of the middle column."""
    height, width = mask.shape
    rows, columns = np.nonzero(mask)
    off = columns - np.float32(width / 2)
    votes = np.zeros((len(_SLOPES), height), np.int64)
    for index, slope in enumerate(_SLOPES):
        # A margin above and below takes the votes for rows that are off the mask.
        middle = (rows - np.float32(slope) * off + np.float32(width + 0.5)).astype(np.int32)
        count = np.bincount(middle, minlength=height + 2 * width)
        votes[index] = count[width : width + height]
    return votes


def _outer_votes(mask: Mask) -> NDArray[np.int64]:
    votes, edge = _votes(mask), round(_ZONE * len(mask))
    votes[:, edge : len(mask) - edge] = 0
    return votes


def _measured(mask: Mask, slope: float, middle: int) -> RuledLine | None:
    """How far a line runs and how thick it is; None where it is none."""
    height, width = mask.shape
    columns = np.arange(width)
    centre = np.rint(middle + slope * (columns - width / 2)).astype(int)
    run = _run(np.flatnonzero(_along(mask, centre, 1).any(axis=0)), width)
    if run is None:
        return None
    length = int(np.ptp(run)) + 1
    reach = round(THICK * max(mask.shape)) + 2
    inked = _along(mask, centre, reach)[:, run]
    # The ink that hangs together with the line, upwards and downwards.
    up = np.cumprod(inked[:reach][::-1], axis=0).sum(axis=0)
    down = np.cumprod(inked[reach + 1 :], axis=0).sum(axis=0)
    thickness = float(np.median(up + down + inked[reach]))
    if thickness > max(3, THICK * max(mask.shape)) or length < _SLENDER * thickness:
        return None
    return RuledLine(
        upright=False,
        slope=slope,
        middle=middle + float(np.median(down - up)) / 2,
        start=int(run[0]),
        end=int(run[-1]),
        thickness=max(1.0, thickness),
        size=(height, width),
    )


def _run(covered: NDArray[np.int_], width: int) -> NDArray[np.int_] | None:
    """The columns that a solid line, or else a dashed one, runs through."""
    if not len(covered) or covered[-1] - covered[0] + 1 < LENGTH * width:
        return None
    for gap in (_BREAK, _GAP):
        starts, ends = _parts(covered, max(2, gap * width))
        longest = int((covered[ends - 1] - covered[starts]).argmax())
        run = covered[starts[longest] : ends[longest]]
        length = int(run[-1] - run[0]) + 1
        if length < LENGTH * width or len(run) < _DENSITY * length:
            continue
        first, last = _parts(run, 1)
        if gap == _BREAK or (len(first) >= _DASHES and (last - first).max() <= _DASH * width):
            return run
    return None


def _parts(places: NDArray[np.int_], gap: float) -> tuple[NDArray[np.int_], NDArray[np.int_]]:
    """Where ascending places are parted by more than a gap: each part's start, and its end."""
    steps = np.flatnonzero(places[1:] - places[:-1] > gap) + 1
    return np.append(0, steps), np.append(steps, len(places))


def _along(mask: Mask, centre: NDArray[np.int_], reach: int) -> Mask:
    """``(2 * reach + 1, width)``, a mask's rows about a centre row in each column."""
    rows = centre + np.arange(-reach, reach + 1)[:, np.newaxis]
    inside = (rows >= 0) & (rows < len(mask))
    band: Mask = mask[np.clip(rows, 0, len(mask) - 1), np.arange(mask.shape[1])] & inside
    return band


def erase_line(mask: Mask, line: RuledLine, times: int) -> None:
    """Takes a line out of a mask that is ``times`` finer than the one it was found in."""
    height, width = mask.shape
    thickness = line.thickness * times
    half = int(np.ceil(thickness / 2 + 0.5 * times))
    reach = half + 2
    columns = np.arange(width)
    centre = line.row(0) * times + times / 2 + line.slope * columns
    band = _along(mask, np.rint(centre).astype(int), reach)
    # A stroke that crosses the line goes on at both of its sides.
    aside = 2 * half
    sides = np.stack((band[0], band[-1])).astype(np.float32)
    crossing = (dilate(sides[:1], 2 * aside + 1)[0] > 0) & (dilate(sides[1:], 2 * aside + 1)[0] > 0)
    over = round(NEAR * max(height, width) + half)
    runs = (columns >= line.start * times - over) & (columns <= (line.end + 1) * times + over)
    rows = np.rint(centre).astype(int) + np.arange(-half, half + 1)[:, np.newaxis]
    hit = (rows >= 0) & (rows < height) & runs & ~crossing
    mask[rows[hit], np.broadcast_to(columns, rows.shape)[hit]] = False
