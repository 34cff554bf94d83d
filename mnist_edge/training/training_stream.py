"""The stream of training pictures: shuffled epochs of digits and outliers, augmented by round."""

from __future__ import annotations

from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from mnist_edge.data.mnist import Digits
from mnist_edge.training.losses import NO_DIGIT
from mnist_edge.training.outliers.generator import TRAINING_KINDS, draw_outliers
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
    def _outliers(self) -> Digits:
        """The outliers of every epoch; they are augmented as the digits are."""
        count = self._recipe.outliers_per_epoch(len(self._train))
        if not count:
            return self._train.take(np.empty(0, np.int64))
        images = draw_outliers(
            count, digits=self._train, seed=self._recipe.seed, kinds=TRAINING_KINDS
        )
        return Digits(images=images, labels=np.full(count, NO_DIGIT, np.uint8))

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
        """Return all digits and outliers once, shuffled."""
        train, outliers = self._train, self._outliers
        if not len(outliers):
            return train.take(self._order(number, len(train)))
        pictures = Digits(
            images=np.concatenate((train.images, outliers.images)),
            labels=np.concatenate((train.labels, outliers.labels)),
        )
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
