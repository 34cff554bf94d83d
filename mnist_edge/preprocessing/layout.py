"""Which strokes make one digit, which digit is meant, and in what order several are read."""

from __future__ import annotations

from collections.abc import Sequence

from mnist_edge.preprocessing.connected_components import Component, merge

_OVER = 0.3
"""Overlap in columns, as a share of the narrower, from which on two pieces may be one digit."""
_GAP = 0.25
"""Rows or columns between two strokes of one digit at most, as a share of the taller."""
_STROKE = 0.62
"""Height of a lone stroke at most, as a share of the digit it belongs to."""
_STACK = (0.15, 2.2)
"""Rows between the rings of an 8 at most, as a share of the taller, and the height of both, in
widths; two digits one below the other are farther apart, and taller together."""
_RIVAL = 0.55
"""Height of another piece, as a share of the digit's, from which on it is a digit too."""


def group_strokes(pieces: Sequence[Component]) -> list[Component]:
    """Joins the strokes of one digit: the bar of a 5, the two strokes of a 4.

    Args:
        pieces: of one picture, the largest first.
    """
    groups: list[Component] = []
    for piece in pieces:
        rest, merged = [], piece
        for group in groups:
            if _one_digit(group, merged):
                merged = merge([group, merged])
            else:
                rest.append(group)
        groups = [*rest, merged]
    return groups


def _one_digit(first: Component, second: Component) -> bool:
    tall, small = sorted((first, second), key=lambda piece: -piece.height)
    across = min(tall.right, small.right) - max(tall.left, small.left)
    down = min(tall.bottom, small.bottom) - max(tall.top, small.top)
    reach = _GAP * max(tall.height, tall.width)
    above_each_other = across >= _OVER * min(tall.width, small.width)
    if above_each_other:
        gap, slender = _STACK
        both = merge([tall, small])
        if -down <= gap * tall.height and both.height <= slender * both.width:
            return True
        return -down <= reach and small.height <= 0.8 * tall.height
    # A bar beside its stem is much lower than the stem, and near it.
    return -across <= reach and down >= 0.5 * small.height and small.height <= _STROKE * tall.height


def choose_digit(groups: Sequence[Component], height: int, width: int) -> Component | None:
    """The digit that a picture of some height and width is of: large, and near the middle."""

    def weight(piece: Component) -> float:
        off_x = abs((piece.left + piece.right) / width - 1)
        off_y = abs((piece.top + piece.bottom) / height - 1)
        return piece.height * max(piece.height, piece.width) * (1.3 - max(off_x, off_y))

    return max(groups, key=weight, default=None)


def competing_digits(digit: Component, groups: Sequence[Component]) -> list[Component]:
    """The other pieces of a picture that are as much a digit as the one it is of."""
    return [
        other
        for other in groups
        if other is not digit
        and other.height >= _RIVAL * digit.height
        and other.area >= 0.2 * digit.area
    ]


def reading_order(groups: Sequence[Component]) -> list[list[Component]]:
    """Digits in lines from top to bottom, each from left to right."""
    lines: list[list[Component]] = []
    for piece in sorted(groups, key=lambda one: one.top + one.bottom):
        middle = (piece.top + piece.bottom) / 2
        for line in lines:
            if any(other.top < middle < other.bottom for other in line):
                line.append(piece)
                break
        else:
            lines.append([piece])
    return [sorted(line, key=lambda one: one.left) for line in lines]
