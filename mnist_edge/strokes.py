"""From ink to the pieces of handwriting in it: without rules, frames, specks and slivers."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mnist_edge.components import Mask, Piece, joined, label, largest_around
from mnist_edge.frames import without_frame
from mnist_edge.ink import TIGHT, Ink

_LINE = 0.7
"""Share of a side that a straight line must run along to be a rule or a frame."""
_THIN = 0.025
"""Thickness of a rule at most, as a share of the picture's longest side."""
_FRAME = 0.16
"""Share of a side, from the edge, within which a line may be as thick as a frame's."""
_RIM = 0.06
"""Share of a side, from the edge, that a rule reaches into."""
_OFF = 4
"""Rows that a line may be off the slope it is looked for under, where it enters."""
_SLOPES = np.linspace(-0.14, 0.14, 29)
"""Slopes of lines that are looked for: up to eight degrees."""
_EDGE = 0.13
"""Share of a side, from the edge, that is taken for the edge."""
_OUTSIDE = 0.7
"""Share of a piece's ink at the edge, from which on the piece is not the digit."""
_ROUNDS = 4
"""Times that the handwriting is looked for: frame, neighbour and table hide it one by one."""
_MARGIN = 3
"""Pixels around what is left out that its blurred edge takes."""
_BLURRED = 0.015
"""Share of the longest side that the blurred edge of a frame takes."""
_CLEAR = 0.3
"""Share of a side that a digit in a small picture, clear of its edges, is high or wide at least."""
_SPECK = 0.06
"""Height of a speck against the tallest piece's."""


def find_pieces(ink: Ink) -> tuple[NDArray[np.int32], list[Piece]]:
    """The pieces of handwriting in a picture's ink.

    Frames and what reaches in from outside are often darker than the handwriting: they are found
    first and left out of the measure, until what is left is handwriting.

    Returns:
        ``(height, width)`` numbers of the pieces that the pixels belong to, without rules and
        frames, and the pieces without specks, the largest first.
    """
    left = np.ones(ink.contrast.shape, np.bool_)
    labels: NDArray[np.int32] = np.zeros(ink.contrast.shape, np.int32)
    found: list[Piece] = []
    first: tuple[NDArray[np.int32], list[Piece]] | None = None
    for _ in range(_ROUNDS):
        full = ink.full(left)
        if not full:
            found = []
            break
        mask, frame = without_frame(ink.mask(full) & left, ink.faint(full) & left)
        if frame.any():
            # A frame hides fainter handwriting: that is measured without it.
            reach = max(2, round(_BLURRED * max(mask.shape)))
            left &= (largest_around(frame.astype(np.float32), 2 * reach + 1) == 0) | mask
            full = ink.full(left)
            mask = ink.mask(full) & left if full else mask
        labels, found = label(mask)
        if any(_spans(one, mask) for one in found):
            mask = without_lines(mask)
            labels, found = label(mask)
        first = first or (labels, found)
        outside = [one for one in found if _is_outside(one, labels)]
        if max(labels.shape) <= TIGHT and not _any_clear(found, labels.shape):
            # Cut as tight as that, what touches the edges is the digit.
            outside = []
        if not outside:
            break
        around = np.isin(labels, joined(outside).labels).astype(np.float32)
        left &= largest_around(around, 2 * _MARGIN + 1) == 0
        found = [one for one in found if one not in outside]
    if not found and first is not None and max(labels.shape) <= TIGHT:
        # A small picture is cut tight: what touches its edges is the digit.
        labels, found = first
    return labels, _without_specks(found)


def _without_specks(pieces: list[Piece]) -> list[Piece]:
    if not pieces:
        return []
    tallest = max(max(piece.height, piece.width) for piece in pieces)
    largest = max(piece.area for piece in pieces)
    kept = [
        piece
        for piece in pieces
        if max(piece.height, piece.width) >= max(3, _SPECK * tallest)
        and piece.area >= 0.01 * largest
    ]
    return sorted(kept, key=lambda piece: -piece.area)


def _spans(component: Piece, mask: Mask) -> bool:
    height, width = mask.shape
    return component.width >= _LINE * width or component.height >= _LINE * height


def _any_clear(pieces: list[Piece], size: tuple[int, ...]) -> bool:
    """Whether a piece as large as a digit touches no edge."""
    height, width = size
    largest = max((one.area for one in pieces), default=0)
    return any(
        one.top > 1 and one.left > 1 and one.bottom < height - 1 and one.right < width - 1
        for one in pieces
        if max(one.height / height, one.width / width) >= _CLEAR and one.area >= 0.3 * largest
    )


def _is_outside(component: Piece, labels: NDArray[np.int32]) -> bool:
    """Whether a piece at the edge is of a frame, a neighbour or a table, and not of the digit."""
    height, width = labels.shape
    one = component
    if one.top > 1 and one.left > 1 and one.bottom < height - 1 and one.right < width - 1:
        return False
    member = labels[one.top : one.bottom, one.left : one.right] == one.labels[0]
    rows, columns = np.nonzero(member)
    rows, columns = rows + one.top, columns + one.left
    off = np.minimum(
        np.minimum(rows, height - 1 - rows) / height,
        np.minimum(columns, width - 1 - columns) / width,
    )
    return bool((off < _EDGE).mean() > _OUTSIDE)


def without_lines(mask: Mask) -> Mask:
    """A mask without the straight lines that run through the picture, strokes across them kept."""
    if max(mask.shape) < 64:
        return mask
    for turned in (False, True):
        image = mask.T if turned else mask
        line = _lines(image)
        if line.any():
            rest = image & ~line
            reach = max(3, round(_THIN * max(mask.shape)))
            # A stroke that crosses a line goes on at both of its sides.
            crossing = line & _near(rest, reach, 1) & _near(rest, reach, -1)
            image = rest | crossing
        mask = image.T if turned else image
    return mask


def _near(mask: Mask, reach: int, direction: int) -> Mask:
    """Where ink lies within ``reach`` rows above (1) or below (-1)."""
    found = np.zeros_like(mask)
    for step in range(1, reach + 1):
        shifted = np.zeros_like(mask)
        if direction > 0:
            shifted[step:] = mask[:-step]
        else:
            shifted[:-step] = mask[step:]
        found |= shifted
    return found


def _lines(mask: Mask) -> Mask:
    """Pixels of long, thin, nearly horizontal lines."""
    height, width = mask.shape
    length = int(_LINE * width)
    columns = np.arange(width)
    found = np.zeros_like(mask)
    rim = max(2, round(_RIM * width))
    for slope in _SLOPES:
        shift = np.rint(slope * (columns - width / 2)).astype(int)
        rows = np.arange(height)[:, None] + shift[None, :]
        inside = (rows >= 0) & (rows < height)
        sheared = mask[np.clip(rows, 0, height - 1), columns] & inside
        # A row that is inked along most of its length.
        filled = np.cumsum(np.pad(sheared, ((0, 0), (1, 0))), axis=1)
        share = (filled[:, length:] - filled[:, :-length]).max(axis=1) / length
        # A rule comes in from outside; the bar of a 5 does not.
        enters = sheared[:, :rim].any(axis=1) | sheared[:, -rim:].any(axis=1)
        enters = np.convolve(enters, np.ones(2 * _OFF + 1), mode="same") > 0
        for row in np.flatnonzero((share > 0.85) & enters):
            hit = sheared[row] & inside[row]
            found[rows[row][hit], columns[hit]] = True
    if not found.any():
        return found
    return _of_thickness(found, mask)


def _of_thickness(line: Mask, mask: Mask) -> Mask:
    """The parts of lines that are thin, or lie at the edge as a frame's do."""
    height = mask.shape[0]
    thin = max(3, round(_THIN * max(mask.shape)))
    kept = np.zeros_like(line)
    grown = line | _near(line, 2, 1) & mask | _near(line, 2, -1) & mask
    band_labels, bands = label(grown)
    for band in bands:
        member = band_labels == band.labels[0]
        thickness = float(np.median(member.sum(axis=0)[member.any(axis=0)]))
        at_edge = band.bottom < _FRAME * height or band.top > (1 - _FRAME) * height
        if thickness <= thin or (at_edge and thickness <= 4 * thin):
            kept |= member
    return kept
