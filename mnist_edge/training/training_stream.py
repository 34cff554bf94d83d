"""The stream of training pictures: shuffled epochs of digits and drawn ones, augmented by round."""

from __future__ import annotations

from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from mnist_edge.data.mnist import Digits
from mnist_edge.training.frames import draw_frames
from mnist_edge.training.habits import draw_habits
from mnist_edge.training.losses import NO_DIGIT
from mnist_edge.training.outliers.generator import LOOKALIKE_KINDS, TRAINING_KINDS, draw_outliers
from mnist_edge.training.recipes import Recipe


class TrainingStream:
    """The pictures of each round; the same recipe gives the same pictures.

    Args:
        recipe: its seed, augmentation and outliers count here.
        train: the training digits.
    """

    def __init__(self, recipe: Recipe, train: Digits) -> None:
        self._recipe = recipe
        self._train = train

    @cached_property
    def pictures(self) -> Digits:
        """All digits and drawn pictures of an epoch, neither shuffled nor augmented."""
        recipe, count = self._recipe, len(self._train)
        parts = [self._train]
        for ratio, kinds in (
            (recipe.outlier_ratio, TRAINING_KINDS),
            (recipe.lookalike_ratio, LOOKALIKE_KINDS),
        ):
            if ratio:
                images = draw_outliers(
                    round(ratio * count), digits=self._train, seed=recipe.seed, kinds=kinds
                )
                labels = np.full(len(images), NO_DIGIT, np.uint8)
                parts.append(Digits(images=images, labels=labels))
        if recipe.habit_ratio:
            parts.append(draw_habits(round(recipe.habit_ratio * count), seed=recipe.seed))
        if recipe.frame_ratio:
            parts.append(
                draw_frames(round(recipe.frame_ratio * count), digits=self._train, seed=recipe.seed)
            )
        return Digits(
            images=np.concatenate([part.images for part in parts]),
            labels=np.concatenate([part.labels for part in parts]),
        )

    def round_pictures(self, number: int, start: int, stop: int) -> Digits:
        """Return the augmented pictures of a round.

        Args:
            number: of the round, from 0; of the epoch if the recipe counts in epochs.
            start: first step, from 0.
            stop: first step of the next round.
        """
        if self._recipe.epochs is not None:
            return self._augmented(self._epoch(number), number)
        return self._augmented(self._between(start, stop), number)

    def sample(self, count: int) -> NDArray[np.uint8]:
        """Return the first ``count`` pictures of the first epoch, augmented."""
        return self._augmented(self._epoch(0), 0).images[:count].copy()

    def _augmented(self, pictures: Digits, number: int) -> Digits:
        random = np.random.RandomState((self._recipe.seed + number) % 2**32)
        return Digits(images=self._recipe.augment(pictures, random), labels=pictures.labels)

    def _epoch(self, number: int) -> Digits:
        """Return all digits and drawn pictures once, shuffled."""
        pictures = self.pictures
        return pictures.take(self._order(number, len(pictures)))

    def _between(self, start: int, stop: int) -> Digits:
        """Return the digits of the steps from ``start`` to ``stop``, across epochs."""
        total, batch_size = len(self._train), self._recipe.batch_size
        begin, end = start * batch_size, stop * batch_size
        first, last = begin // total, (end - 1) // total
        order = np.concatenate([self._order(epoch, total) for epoch in range(first, last + 1)])
        return self._train.take(order[begin - first * total : end - first * total])

    def _order(self, epoch: int, count: int) -> NDArray[np.int64]:
        random = np.random.RandomState([self._recipe.seed, epoch])
        return random.permutation(count).astype(np.int64)
