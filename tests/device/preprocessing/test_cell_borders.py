from __future__ import annotations

import numpy as np

from mnist_edge.preprocessing.cell_borders import remove_border


def test_the_straight_strokes_of_a_digit_are_not_a_border() -> None:
    mask = np.zeros((120, 120), np.bool_)
    seven, one = mask.copy(), mask.copy()
    seven[12:20, 15:95] = seven[12:110, 87:95] = True
    one[4:116, 30:40] = True
    for digit in (seven, one):
        assert np.array_equal(remove_border(digit, digit)[0], digit)
