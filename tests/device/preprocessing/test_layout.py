from __future__ import annotations

import time

from mnist_edge.preprocessing.connected_components import (
    Component,
)
from mnist_edge.preprocessing.layout import group_strokes, reading_order


def component(top: int, left: int, bottom: int, right: int) -> Component:
    return Component(
        labels=(top * 1000 + left,),
        area=(bottom - top) * (right - left),
        top=top,
        left=left,
        bottom=bottom,
        right=right,
    )


def test_strokes_of_one_digit_are_merged_and_digits_are_not() -> None:
    # The bar of a 5 at its right, above; a 4 of two strokes; two digits side by side.
    assert len(group_strokes([component(10, 10, 60, 40), component(8, 42, 14, 60)])) == 1
    assert len(group_strokes([component(10, 30, 70, 36), component(10, 5, 45, 32)])) == 1
    assert len(group_strokes([component(10, 10, 60, 40), component(12, 50, 60, 80)])) == 2


def test_the_dots_of_a_halftone_are_not_all_compared() -> None:
    dots = [
        component(6 * row, 6 * column, 6 * row + 4, 6 * column + 4)
        for row in range(100)
        for column in range(100)
    ]
    began = time.process_time()
    few = group_strokes(dots[:500])
    of_few = time.process_time() - began
    groups = group_strokes(dots)
    assert len(groups) == len(few) + 9_500
    # Twenty times as many, compared in pairs, would take four hundred times as long.
    assert time.process_time() - began < 20 * of_few


def test_digits_are_read_by_lines_from_the_left() -> None:
    first, second, third = (
        component(12, 60, 50, 80),
        component(10, 10, 52, 40),
        component(80, 5, 120, 30),
    )
    assert reading_order([third, first, second]) == [[second, first], [third]]
