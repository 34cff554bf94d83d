from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from mnist_edge.data.mnist import Digits, Mnist
from mnist_edge.training.augmentation import distorted


def _changed(digits: Digits, seed: int) -> NDArray[np.uint8]:
    return distorted(digits, np.random.RandomState(seed))


def test_most_digits_are_distorted_reproducibly(small_mnist: Mnist) -> None:
    digits = small_mnist.train.take(np.arange(2_000))
    changed = _changed(digits, 1)
    assert changed.shape == digits.images.shape
    assert changed.dtype == np.uint8
    np.testing.assert_array_equal(changed, _changed(digits, 1))
    assert not np.array_equal(changed, _changed(digits, 2))
    alone = (changed == digits.images).all(axis=(1, 2))
    assert 0.25 < alone.mean() < 0.35
    # Ink is moved, grows and shrinks, but stays in the picture.
    ratio = changed.sum(axis=(1, 2), dtype=float) / digits.images.sum(axis=(1, 2), dtype=float)
    assert 0.9 < np.median(ratio) < 1.1
    assert ratio.min() > 0.2
    assert ratio.std() > 0.1


@pytest.mark.parametrize(("label", "gains"), [(7, True), (1, True), (0, False)])
def test_some_sevens_are_barred_and_some_ones_hooked(
    label: int, gains: bool, small_mnist: Mnist
) -> None:
    digits = small_mnist.train
    digits = digits.take(np.flatnonzero(digits.labels == label))
    # The same chance for digits that are named otherwise leaves the strokes out.
    unnamed = replace(digits, labels=np.full_like(digits.labels, 5))
    ink, plain = (_changed(each, 3).sum(axis=(1, 2), dtype=float) for each in (digits, unnamed))
    assert (ink.mean() > 1.005 * plain.mean()) == gains


def test_shifting_moves_a_digit_by_at_most_two_pixels(
    small_mnist: Mnist,
) -> None:
    from mnist_edge.training.augmentation import shifted

    images = np.zeros((500, 28, 28), np.uint8)
    images[:, 10:12, 15] = 200
    digits = Digits(images=images, labels=np.zeros(500, np.uint8))
    moved = shifted(digits, np.random.RandomState(0))
    assert (moved.sum(axis=(1, 2)) == images.sum(axis=(1, 2))).all()
    rows, columns = np.nonzero(moved.any(axis=0))
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (8, 13, 13, 17)
