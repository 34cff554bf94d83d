"""Which of a user's pictures are learned, watched and left for the proof."""

from __future__ import annotations

import numpy as np
import pytest

from mnist_edge.training.held_out import MIN_WATCHED, split_pictures


def test_ten_pictures_leave_two_and_every_label_is_learned() -> None:
    labels = np.arange(10, dtype=np.uint8)
    labels[5:] = 6
    split = split_pictures(labels, ["page"] * 10)
    assert len(split.proof) in (2, 3)
    assert not len(split.watched)
    assert set(labels[split.learned]) == set(labels)
    assert sorted([*split.learned, *split.proof]) == list(range(10))


def test_few_series_leave_the_last_pictures_of_each() -> None:
    labels = np.repeat(np.array([3, 8], np.uint8), 40)
    split = split_pictures(labels, ["camera"] * 80)
    assert split.proof.tolist() == [*range(30, 40), *range(70, 80)]
    # What is watched comes between what is learned and the proof.
    assert max(split.learned[split.learned < 40]) < min(split.watched)


def test_of_many_series_whole_ones_are_left() -> None:
    series = [f"page {number // 10}" for number in range(120)]
    labels = (np.arange(120) % 10).astype(np.uint8)
    split = split_pictures(labels, series)
    sides = [{series[index] for index in part} for part in (split.learned, split.watched)]
    assert not sides[0] & sides[1]
    proof = {series[index] for index in split.proof}
    assert not proof & (sides[0] | sides[1])
    assert len(split.proof) == 30


def test_series_of_one_label_each_leave_their_last_pictures() -> None:
    labels = np.repeat(np.arange(10, dtype=np.uint8), 20)
    split = split_pictures(labels, [str(label) for label in labels])
    assert np.bincount(labels[split.proof]).tolist() == [5] * 10
    assert len(split.watched)


@pytest.mark.parametrize("count", [2, 3, 7, MIN_WATCHED, 200])
def test_every_picture_is_used_once_whatever_the_series(count: int) -> None:
    random = np.random.RandomState(count)
    labels = random.randint(0, 11, count).astype(np.uint8)
    series = [str(number) for number in random.randint(0, 12, count)]
    split = split_pictures(labels, series)
    assert sorted([*split.learned, *split.watched, *split.proof]) == list(range(count))
    assert set(labels[split.learned]) == set(labels)
    assert len(split.proof) <= count / 2
