from __future__ import annotations

import numpy as np
import pytest

from mnist_edge.data.mnist import Mnist
from mnist_edge.training.center_lines import find_center_lines, thinned


def test_a_shape_is_thinned_to_one_line_with_the_same_hole() -> None:
    ring = np.zeros((2, 20, 20), np.bool_)
    ring[:, 3:17, 4:16] = True
    ring[0, 7:13, 8:12] = False
    thin = thinned(ring)
    # Around the hole, and to a stroke where there is none.
    assert not thin[0, 7:13, 8:12].any()
    assert 15 < thin[0].sum() < 40 > thin[1].sum()
    assert thin[0].any(axis=1).sum() > 8
    np.testing.assert_array_equal(thin[1], thinned(ring[1]))


def test_center_lines_lie_within_the_strokes(small_mnist: Mnist) -> None:
    images = small_mnist.train.images[:20]
    for image, line in zip(images, find_center_lines(images), strict=True):
        assert len(line) > 10
        columns, rows = np.minimum(np.rint(line), 27).astype(int).T
        assert (image[rows, columns] > 0).mean() > 0.95


@pytest.mark.parametrize("count", [0, 1])
def test_a_picture_without_ink_has_no_line(count: int) -> None:
    lines = find_center_lines(np.zeros((count, 28, 28), np.uint8))
    assert [line.shape for line in lines] == [(0, 2)] * count
