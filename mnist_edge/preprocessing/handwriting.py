"""From ink to the pieces of handwriting in it: without rules, frames, specks and slivers."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mnist_edge.preprocessing.binarization import TIGHT, InkMap
from mnist_edge.preprocessing.cell_borders import encloses, remove_border
from mnist_edge.preprocessing.connected_components import Component, dilate, label_components, merge
from mnist_edge.preprocessing.ruled_lines import may_be_ruled_lines, remove_ruled_lines

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


def find_handwriting(ink: InkMap) -> tuple[NDArray[np.int32], list[Component]]:
    """The pieces of handwriting in a picture's ink.

    Frames and what reaches in from outside are often darker than the handwriting: they are found
    first and left out of the measure, until what is left is handwriting.

    Returns:
        ``(height, width)`` numbers of the pieces that the pixels belong to, without rules and
        frames, and the pieces without specks, the largest first.
    """
    left = np.ones(ink.contrast.shape, np.bool_)
    labels: NDArray[np.int32] = np.zeros(ink.contrast.shape, np.int32)
    found: list[Component] = []
    first: tuple[NDArray[np.int32], list[Component]] | None = None
    for _ in range(_ROUNDS):
        full = ink.full(left)
        if not full:
            found = []
            break
        whole = ink.mask(full) & left
        mask, frame = remove_border(whole, ink.faint(full) & left)
        if max(whole.shape) <= TIGHT and not encloses(frame, mask):
            # Cut as tight as that, the bar of a 7 runs along an edge as a border would.
            mask = whole
        elif frame.any():
            # A frame hides fainter handwriting: that is measured without it.
            reach = max(2, round(_BLURRED * max(mask.shape)))
            left &= (dilate(frame.astype(np.float32), 2 * reach + 1) == 0) | mask
            full = ink.full(left)
            mask = ink.mask(full) & left if full else mask
        labels, found = label_components(mask)
        if any(may_be_ruled_lines(one, mask) for one in found):
            mask = remove_ruled_lines(mask)
            labels, found = label_components(mask)
        first = first or (labels, found)
        outside = [one for one in found if _is_outside(one, labels)]
        if max(labels.shape) <= TIGHT and not _any_clear(found, labels.shape):
            # Cut as tight as that, what touches the edges is the digit.
            outside = []
        if not outside:
            break
        around = np.isin(labels, merge(outside).labels).astype(np.float32)
        left &= dilate(around, 2 * _MARGIN + 1) == 0
        found = [one for one in found if one not in outside]
    if not found and first is not None and max(labels.shape) <= TIGHT:
        # A small picture is cut tight: what touches its edges is the digit.
        labels, found = first
    return labels, _without_specks(found)


def _without_specks(pieces: list[Component]) -> list[Component]:
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


def _any_clear(pieces: list[Component], size: tuple[int, ...]) -> bool:
    """Whether a piece as large as a digit touches no edge."""
    height, width = size
    largest = max((one.area for one in pieces), default=0)
    return any(
        one.top > 1 and one.left > 1 and one.bottom < height - 1 and one.right < width - 1
        for one in pieces
        if max(one.height / height, one.width / width) >= _CLEAR and one.area >= 0.3 * largest
    )


def _is_outside(component: Component, labels: NDArray[np.int32]) -> bool:
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
