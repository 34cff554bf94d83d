from __future__ import annotations

import numpy as np
import pytest

from mnist_edge.errors import InvalidValue, UnknownName
from mnist_edge.preprocessing.mnist_format import is_mnist_format
from mnist_edge.training.habits import HABITS, draw_habits


def test_habits_take_turns_with_their_labels() -> None:
    drawn = draw_habits(3 * len(HABITS) + 1, seed=1)
    digits = [habit.digit for habit in HABITS.values()]
    assert drawn.labels.tolist() == [*digits, *digits, *digits, digits[0]]
    assert drawn.images.dtype == np.uint8
    assert drawn.images.shape[1:] == (28, 28)
    assert all(is_mnist_format(image) for image in drawn.images)
    assert len({image.tobytes() for image in drawn.images}) == len(drawn)


def test_a_habit_depends_on_the_seed_and_not_on_other_habits() -> None:
    together = draw_habits(20, seed=2)
    alone = draw_habits(2, seed=2, habits=["crossed 6"])
    place = list(HABITS).index("crossed 6")
    np.testing.assert_array_equal(together.images[place :: len(HABITS)][:2], alone.images)
    assert not np.array_equal(alone.images, draw_habits(2, seed=3, habits=["crossed 6"]).images)


def test_pen_widths_vary() -> None:
    ink = (draw_habits(100, seed=1, habits=["hooked 7"]).images > 127).sum(axis=(1, 2))
    assert ink.max() > 2 * ink.min()


@pytest.mark.parametrize(
    ("count", "seed", "habits", "message"),
    [
        (-1, 1, None, "count -1 must be at least 0"),
        (1, -1, None, "seed -1 must be at least 0"),
        (1, 1, [], "number of habits 0 must be at least 1"),
    ],
)
def test_invalid_arguments_are_rejected(
    count: int, seed: int, habits: list[str] | None, message: str
) -> None:
    with pytest.raises(InvalidValue, match=message):
        draw_habits(count, seed=seed, habits=habits)


def test_an_unknown_habit_is_rejected_with_the_known_ones() -> None:
    with pytest.raises(UnknownName, match=r"'round 6'.*crossed 6"):
        draw_habits(1, seed=1, habits=["round 6"])
