from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mnist_edge.preprocessing.pipeline import preprocess


@pytest.mark.parametrize("size", [(28, 28), (50, 40), (1, 1), (3, 400)])
def test_a_blank_picture_of_any_gray_is_all_background(size: tuple[int, int]) -> None:
    for gray in range(256):
        assert not preprocess(np.full(size, gray, np.uint8)).pixels.any()


@given(paper=st.integers(0, 232), grain=st.integers(0, 2**32 - 1))
def test_paper_grain_is_not_ink(paper: int, grain: int) -> None:
    noise = np.random.default_rng(grain).integers(0, 24, (40, 40))
    assert not preprocess((paper + noise).astype(np.uint8)).pixels.any()


@pytest.mark.parametrize(("paper", "towards"), [(0, 1), (100, 1), (127, 1), (128, -1), (255, -1)])
def test_faint_ink_is_read_and_a_stain_is_not(paper: int, towards: int) -> None:
    page = np.full((40, 30), paper, np.uint8)
    page[10:30, 14:17] = paper + 20 * towards
    assert not preprocess(page).pixels.any()
    page[10:30, 14:17] = paper + 30 * towards
    assert preprocess(page).pixels.max() == 255
