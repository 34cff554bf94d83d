from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from mnist_edge.preprocessing.line_detection import erase_line, find_lines, is_ruled_paper

HEIGHT, WIDTH = 120, 160


def a_line(middle: float, slope: float = 0.0, thickness: int = 2) -> NDArray[np.bool_]:
    """A mask with a line from edge to edge."""
    mask = np.zeros((HEIGHT, WIDTH), np.bool_)
    columns = np.arange(WIDTH)
    rows = np.rint(middle + slope * (columns - WIDTH / 2)).astype(int)
    for offset in range(thickness):
        mask[rows + offset, columns] = True
    return mask


@pytest.mark.parametrize("slope", [0.0, 0.04, -0.04])
def test_a_line_near_an_edge_is_found_where_it_is(slope: float) -> None:
    [line] = find_lines(a_line(8, slope))
    assert not line.is_vertical
    assert line.slope == pytest.approx(slope, abs=0.02)
    assert line.middle == pytest.approx(8.5, abs=1.5)
    assert line.start < 10
    assert line.end > WIDTH - 10


def test_blank_masks_and_the_strokes_of_a_digit_have_no_lines() -> None:
    mask = np.zeros((HEIGHT, WIDTH), np.bool_)
    assert find_lines(mask) == []
    mask[30:90, 70:76] = True
    mask[30:36, 50:90] = True
    assert find_lines(mask) == []


def test_an_erased_line_leaves_the_stroke_that_crosses_it() -> None:
    line_alone = a_line(8)
    mask = line_alone.copy()
    mask[:60, 80:86] = True
    [line] = find_lines(line_alone)
    erase_line(mask, line, 1)
    assert mask[:60, 81:85].all()
    assert mask[:, :70].sum() + mask[:, 100:].sum() == 0


def test_paper_is_ruled_by_a_line_through_its_middle_and_not_by_one_at_its_edge() -> None:
    assert is_ruled_paper(a_line(60))
    assert is_ruled_paper(a_line(60).T)
    assert not is_ruled_paper(a_line(4))
