from __future__ import annotations

import numpy as np
import pytest

from mnist_edge.data.corruptions import SEVERITIES, corrupt
from mnist_edge.data.corruptions.geometry import ANGLES, DISTANCES, SCALES, SHEARS
from mnist_edge.data.mnist import Digits
from tests.support.images import bar, moments, tilt


@pytest.mark.parametrize("severity", SEVERITIES)
def test_a_rotation_has_its_angle_in_either_direction(severity: int) -> None:
    found = tilt(corrupt(bar(), "rotate", severity=severity))
    np.testing.assert_allclose(np.abs(found), ANGLES[severity - 1], atol=0.5)
    assert 20 < (found > 0).sum() < 80
    mass, row, column, *_ = moments(corrupt(bar(), "rotate", severity=severity))
    np.testing.assert_allclose(mass, 64, rtol=0.02)
    np.testing.assert_allclose((row, column), 0, atol=0.05)


@pytest.mark.parametrize("severity", SEVERITIES)
def test_a_shear_moves_each_row_by_its_distance_from_the_middle(severity: int) -> None:
    mass, row, column, down, _, both = moments(corrupt(bar(), "shear", severity=severity))
    np.testing.assert_allclose(np.abs(both / down), SHEARS[severity - 1], atol=0.01)
    assert 20 < (both > 0).sum() < 80
    np.testing.assert_allclose(mass, 64, rtol=0.01)
    np.testing.assert_allclose((row, column), 0, atol=0.05)


@pytest.mark.parametrize("severity", SEVERITIES)
def test_ink_shrinks_with_the_square_of_the_scale(severity: int) -> None:
    mass, row, column, down, *_ = moments(corrupt(bar(1), "scale", severity=severity))
    factor = SCALES[severity - 1]
    assert mass == pytest.approx(64 * factor**2, rel=0.03)
    assert (*row, *column) == pytest.approx((0, 0), abs=0.05)
    assert down == pytest.approx(factor**2 * moments(bar(1))[3], rel=0.06)


@pytest.mark.parametrize("severity", SEVERITIES)
def test_a_translation_has_its_distance_in_any_direction(severity: int) -> None:
    # A dot that stays within the picture.
    images = np.zeros((200, 28, 28), np.uint8)
    images[:, 12:16, 12:16] = 255
    mass, row, column, *_ = moments(corrupt(images, "translate", severity=severity))
    np.testing.assert_allclose(mass, 16, rtol=0.01)
    np.testing.assert_allclose(np.hypot(row, column), DISTANCES[severity - 1], atol=0.05)
    quarters = np.histogram(np.arctan2(row, column), 4, (-np.pi, np.pi))[0]
    assert quarters.min() > 30


def test_geometric_corruptions_keep_nearly_all_ink(digits: Digits) -> None:
    for kind in ("translate", "rotate", "shear", "motion-blur"):
        found = corrupt(digits.images, kind)
        assert found.sum() / digits.images.sum() > 0.95
