from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from mnist_edge.data.builtin_digits import load_builtin_digits
from mnist_edge.preprocessing.cell_borders import remove_border


def test_the_straight_strokes_of_a_digit_are_not_a_border() -> None:
    mask = np.zeros((120, 120), np.bool_)
    seven, one = mask.copy(), mask.copy()
    seven[12:20, 15:95] = seven[12:110, 87:95] = True
    one[4:116, 30:40] = True
    for digit in (seven, one):
        assert np.array_equal(remove_border(digit, digit)[0], digit)


@pytest.mark.parametrize("side", [16, 20, 28])
@pytest.mark.parametrize("gap", [0, 4])
def test_rows_and_columns_of_digits_are_not_a_border(side: int, gap: int) -> None:
    pitch = side + gap
    page = np.zeros((10 * pitch + 2 * side, 10 * pitch + 2 * side), np.bool_)
    for place, digit in enumerate(load_builtin_digits().images):
        rows, columns = (np.flatnonzero(digit.any(axis=axis)) for axis in (1, 0))
        inked = Image.fromarray(digit[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1])
        width = max(2, round((side - 2) * inked.width / inked.height))
        small = np.asarray(inked.resize((min(width, side - 2), side - 2))) > 100
        top, left = (side + pitch * at for at in divmod(place, 10))
        page[top : top + small.shape[0], left : left + small.shape[1]] = small
    assert np.array_equal(remove_border(page, page)[0], page)


def test_a_dashed_border_is_removed_and_the_digit_within_is_kept() -> None:
    mask = np.zeros((160, 160), np.bool_)
    mask[60:100, 78:84] = True
    dashed = np.arange(160) % 12 < 7
    border = np.zeros_like(mask)
    border[8:11, dashed] = border[150:153, dashed] = True
    border[dashed, 8:11] = border[dashed, 150:153] = True
    rest, removed = remove_border(mask | border, mask | border)
    assert np.array_equal(rest, mask)
    assert np.array_equal(removed, border)
