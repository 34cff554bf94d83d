from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from mnist_edge.data.mnist import Mnist
from mnist_edge.errors import InvalidValue
from mnist_edge.training import recipes
from mnist_edge.training.augmentation import unchanged
from mnist_edge.training.frames import draw_frames
from mnist_edge.training.habits import HABITS, draw_habits
from mnist_edge.training.losses import NO_DIGIT
from mnist_edge.training.outliers.generator import LOOKALIKE_KINDS, draw_outliers
from mnist_edge.training.training_record import recipe_settings
from mnist_edge.training.training_stream import TrainingStream

DIGITS = 200


def test_an_epoch_has_the_drawn_pictures_that_the_recipe_asks_for(small_mnist: Mnist) -> None:
    train = small_mnist.train.take(np.arange(DIGITS))
    recipe = replace(
        recipes.nano(),
        augment=unchanged,
        outlier_ratio=0,
        lookalike_ratio=0.07,
        habit_ratio=0.05,
        frame_ratio=0.02,
    )
    assert recipe.drawn_per_epoch(DIGITS) == 28
    assert recipe.steps_per_epoch(DIGITS) == 2
    epoch = TrainingStream(recipe, train).round_pictures(0, 0, 2)
    lookalikes = draw_outliers(14, digits=train, seed=recipe.seed, kinds=LOOKALIKE_KINDS)
    habits = draw_habits(10, seed=recipe.seed)
    frames = draw_frames(4, digits=train, seed=recipe.seed)
    expected = [*train.images, *lookalikes, *habits.images, *frames.images]
    labels = [*train.labels, *[NO_DIGIT] * 14, *habits.labels, *frames.labels]
    pictures = zip(epoch.images, epoch.labels, strict=True)
    assert sorted((image.tobytes(), label) for image, label in pictures) == sorted(
        (image.tobytes(), label) for image, label in zip(expected, labels, strict=True)
    )


def test_shipped_recipes_have_no_habits_lookalikes_or_frames(small_mnist: Mnist) -> None:
    # Their streams, and what their records say, stay those of the released weights.
    for recipe in (recipes.edge(), recipes.nano()):
        assert recipe.drawn_per_epoch(DIGITS) == round(recipe.outlier_ratio * DIGITS)
        assert (
            not {"lookalike_ratio", "habit_ratio", "frame_ratio"} & recipe_settings(recipe).keys()
        )
    settings = recipe_settings(replace(recipes.nano(), habit_ratio=0.1))
    assert settings["habit_ratio"] == 0.1


@pytest.mark.parametrize(
    "ratio", ["outlier_ratio", "lookalike_ratio", "habit_ratio", "frame_ratio"]
)
def test_drawn_pictures_need_epochs_and_a_ratio_up_to_one(ratio: str) -> None:
    words = ratio.replace("_", " ")
    for recipe, value in ((recipes.nano(), 1.5), (recipes.mlp_ema(), 0.5)):
        change: dict[str, Any] = {ratio: value}
        with pytest.raises(InvalidValue, match=f"{words} {value} needs epochs"):
            replace(recipe, **change)


def test_habits_are_of_several_digits() -> None:
    assert {habit.digit for habit in HABITS.values()} == {0, 1, 4, 6, 7, 9}
