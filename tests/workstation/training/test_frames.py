from __future__ import annotations

import numpy as np
import pytest

from mnist_edge.data.mnist import Digits, Mnist
from mnist_edge.errors import InvalidValue
from mnist_edge.preprocessing.mnist_format import is_mnist_format
from mnist_edge.training.frames import draw_frames
from mnist_edge.training.habits import HABITS


@pytest.fixture(scope="module")
def frames(small_mnist: Mnist) -> Digits:
    return draw_frames(40, digits=small_mnist.train, seed=1)


def test_frames_are_of_digits_and_habits_by_turns(frames: Digits, small_mnist: Mnist) -> None:
    assert frames.images.shape == (40, 28, 28)
    assert all(is_mnist_format(image) for image in frames.images)
    habits = [habit.digit for habit in HABITS.values()]
    assert frames.labels[3::4].tolist() == [*habits, *habits][:10]
    again = draw_frames(40, digits=small_mnist.train, seed=1)
    np.testing.assert_array_equal(frames.images, again.images)
    assert not np.array_equal(
        frames.images[:5], draw_frames(5, digits=small_mnist.train, seed=2).images
    )


def test_no_frame_is_left_as_its_digit_was_written(frames: Digits, small_mnist: Mnist) -> None:
    known = {image.tobytes() for image in small_mnist.train.images}
    assert not known & {image.tobytes() for image in frames.images}


def test_invalid_arguments_are_rejected(small_mnist: Mnist) -> None:
    for count, seed in ((-1, 1), (1, -1)):
        with pytest.raises(InvalidValue, match="-1 must be at least 0"):
            draw_frames(count, digits=small_mnist.train, seed=seed)
