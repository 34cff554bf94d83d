from __future__ import annotations

import numpy as np
import pytest

from mnist_edge.data.mnist import Digits, Mnist
from mnist_edge.training.outliers import composites


@pytest.fixture(scope="module")
def digits(small_mnist: Mnist) -> Digits:
    return small_mnist.train


def test_digits_side_by_side_are_wider_than_one(digits: Digits) -> None:
    random = np.random.default_rng(1)
    shapes = [composites.three_digits(random, digits).shape for _ in range(20)]
    assert np.median([width / height for height, width in shapes]) > 1.2
    shapes = [composites.two_digits(random, digits).shape for _ in range(20)]
    assert min(width / height for height, width in shapes) > 0.6


def test_a_fragment_is_a_broad_part_of_a_digit(digits: Digits) -> None:
    random = np.random.default_rng(1)
    whole = digits.images.astype(np.float32).sum(axis=(1, 2)).max() / 255
    for _ in range(20):
        part = composites.fragment(random, digits)
        assert min(part.shape) >= 0.6 * max(part.shape)
        assert part.sum() < whole / 2


def test_a_turned_digit_is_a_2_or_3_by_a_quarter(digits: Digits) -> None:
    random = np.random.default_rng(1)
    for _ in range(5):
        pixels = np.rint(composites.quarter_turned(random, digits) * 255).astype(np.uint8)
        upright = [np.rot90(pixels, turns) for turns in (1, 3)]
        of = {
            int(label)
            for image, label in zip(digits.images, digits.labels, strict=True)
            if any(np.array_equal(image, one) for one in upright)
        }
        assert of
        assert of <= {2, 3}


def test_a_close_up_fills_the_frame(digits: Digits) -> None:
    random = np.random.default_rng(1)
    for _ in range(10):
        frame = composites.close_up(random, digits)
        assert frame.shape == (28, 28)
        assert 0 <= frame.min() < 0.3
        assert frame.max() > 0.7


def test_crowded_digits_have_a_neighbor_on_two_sides(digits: Digits) -> None:
    random = np.random.default_rng(1)
    for _ in range(10):
        ink = composites.crowded(random, digits)
        assert max(ink.shape) > 24
        assert (ink > 0.5).mean() > 0.05
