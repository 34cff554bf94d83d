from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from mnist_edge.preprocessing.binarization import InkMap, binarize
from mnist_edge.preprocessing.handwriting import Handwriting, find_handwriting, find_strokes

LARGE, SMALL, SPECK = (slice(30, 80), slice(30, 40)), (slice(40, 70), slice(70, 80)), (90, 100)


def a_sheet() -> NDArray[np.uint8]:
    """Two strokes and a speck of ink."""
    sheet = np.full((120, 120, 3), 220, np.uint8)
    for place in (LARGE, SMALL, SPECK):
        sheet[place] = 30
    return sheet


@pytest.mark.parametrize("find", [find_handwriting, find_strokes])
def test_strokes_are_components_the_largest_first_and_specks_are_left_out(
    find: Callable[[InkMap], Handwriting],
) -> None:
    labels, components, *_ = find(binarize(a_sheet()))
    assert [component.area for component in components] == [500, 300]
    for place, component in zip((LARGE, SMALL), components, strict=True):
        assert set(labels[place].flat) == {*component.labels}


def test_a_shadow_that_reaches_in_from_outside_is_not_handwriting() -> None:
    sheet = a_sheet()
    sheet[:6] = 0
    labels = find_handwriting(binarize(sheet)).labels
    assert not labels[:4].any()
    assert labels[LARGE].all()
    # Reading a row of digits keeps all ink, and leaves the choice to the model.
    assert find_strokes(binarize(sheet)).labels[:4].any()
