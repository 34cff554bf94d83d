from __future__ import annotations

import numpy as np
import pytest

from mnist_edge.preprocessing.ruled_lines import remove_ruled_lines


def test_ruled_lines_are_removed_and_the_strokes_across_them_kept() -> None:
    mask = np.zeros((200, 300), np.bool_)
    mask[40:160, 140:150] = True
    stroke = mask.copy()
    for row in (60, 100, 140):
        for column in range(300):
            mask[row + column // 60 : row + column // 60 + 2, column] = True
    cleaned = remove_ruled_lines(mask)
    assert (cleaned & ~stroke).sum() < 0.02 * (mask & ~stroke).sum()
    assert (cleaned & stroke).sum() > 0.97 * stroke.sum()
    # The bar of a large 5 is as long, and does not come in from outside.
    bar = np.zeros((200, 300), np.bool_)
    bar[50:55, 40:265] = True
    assert np.array_equal(remove_ruled_lines(bar), bar)


@pytest.mark.parametrize("shape", [(216, 1), (1, 216), (640, 2), (3, 300)])
def test_a_strip_of_pixels_is_searched_like_any_picture(shape: tuple[int, int]) -> None:
    mask = np.random.default_rng(0).random(shape) < 0.5
    assert remove_ruled_lines(mask).shape == shape
    assert not remove_ruled_lines(np.ones(shape, np.bool_)).all()
