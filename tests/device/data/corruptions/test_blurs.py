from __future__ import annotations

import numpy as np
import pytest

from mnist_edge.data.corruptions import SEVERITIES, corrupt
from mnist_edge.data.corruptions.blurs import MOTION_LENGTHS
from mnist_edge.data.mnist import Digits
from tests.support.images import bar, full, moments


@pytest.mark.parametrize("severity", SEVERITIES)
def test_motion_blur_spreads_a_dot_along_a_line(severity: int) -> None:
    images = np.zeros((100, 28, 28), np.uint8)
    images[:, 13:15, 13:15] = 255
    found = corrupt(images, "motion-blur", severity=severity)
    mass, _, _, down, right, both = moments(found)
    np.testing.assert_allclose(mass, 4, rtol=0.05)
    middle, apart = (down + right) / 2, np.hypot((down - right) / 2, both)
    still = 1 / 4
    steps = round(MOTION_LENGTHS[severity - 1])
    # The variance of equally spaced samples along the line.
    drawn = MOTION_LENGTHS[severity - 1] ** 2 / 12 * (steps + 2) / steps
    np.testing.assert_allclose(2 * apart, drawn, rtol=0.2, atol=0.1)
    np.testing.assert_allclose(middle - apart, still, atol=0.25)


def test_glass_blur_keeps_the_amount_of_ink(digits: Digits) -> None:
    found = corrupt(digits.images, "glass-blur")
    assert found.sum() / digits.images.sum() == pytest.approx(1, abs=0.02)
    # Swapping pixels of a uniform image changes nothing.
    level = full(5, gray=90)
    np.testing.assert_array_equal(corrupt(level, "glass-blur", severity=5), level)


def test_canny_edges_are_thin_and_surround_the_stroke() -> None:
    (found,) = corrupt(bar(1), "canny-edges")
    assert set(np.unique(found)) == {0, 255}
    edges = found > 0
    # Around the stroke there is an edge, within it and far off there is none.
    assert not edges[8:20, 13:15].any()
    assert not edges[:, :9].any()
    assert not edges[:, 19:].any()
    np.testing.assert_array_equal(edges[10:18].sum(axis=1), 2)
    assert edges.sum() == pytest.approx(2 * (16 + 4), rel=0.2)


def test_canny_edges_are_found_for_every_digit(test_digits: Digits) -> None:
    for severity in (1, 5):
        found = corrupt(test_digits.images[:2_000], "canny-edges", severity=severity)
        assert found.any(axis=(1, 2)).all()
