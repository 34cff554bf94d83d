"""How each network is trained: one function a recipe, each giving a frozen ``Recipe``.

The recipes of the articles keep the articles' settings. Those whose names say so repeat an
article's mistake, so that ``mnist-edge reproduce`` can show what it costs.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from mnist_edge.data.mnist import Digits
from mnist_edge.errors import InvalidValue, UnknownName
from mnist_edge.training import augmentation, networks, optimizers

if TYPE_CHECKING:
    import keras

BuildNetwork = Callable[[], "keras.Model"]
BuildOptimizer = Callable[[float, int, int], "keras.Optimizer"]
Augment = Callable[[Digits, np.random.RandomState], NDArray[np.uint8]]


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """A network and how to train it; it checks itself when made."""

    name: str
    """What ``--recipe`` calls it."""
    network: BuildNetwork
    """Makes the untrained network."""
    optimizer: BuildOptimizer
    """Makes the optimizer from learning rate, steps an epoch and steps in all."""
    learning_rate: float
    """The optimizer's rate; where it has a schedule, the highest."""
    batch_size: int
    """Pictures a step."""
    epochs: int | None = None
    """Passes over the training split; None where ``steps`` counts."""
    steps: int | None = None
    """Steps in all; None where ``epochs`` counts."""
    validate_every: int | None = None
    """Steps between validations where ``steps`` counts; else they come once an epoch."""
    record_loss_every: int = 50
    """Steps between recorded losses of a single batch."""
    loss_reduction: str = "sum_over_batch_size"
    """Keras' name: the mean over a batch, or ``sum``."""
    augment: Augment = augmentation.unchanged
    """What is done to the training pictures anew each round."""
    nondigits: float = 0.0
    """Pictures of no digit that are learnt from for each digit."""
    teaching: Teaching | None = None
    """What it learns from other networks, which are trained first."""
    seed: int = 1
    """Seed of the weights, of the order of digits, of dropout and of augmentation."""

    def __post_init__(self) -> None:
        if (self.epochs is None) == (self.steps is None):
            raise InvalidValue(f"recipe {self.name}: give epochs or steps, not both")
        if (self.steps is None) != (self.validate_every is None):
            raise InvalidValue(f"recipe {self.name}: give validate_every with steps, and only then")
        if not (math.isfinite(self.learning_rate) and self.learning_rate > 0):
            raise InvalidValue(f"learning rate {self.learning_rate} is not above 0")
        for what in ("batch_size", "epochs", "steps", "validate_every", "record_loss_every"):
            value = getattr(self, what)
            if value is not None and value < 1:
                raise InvalidValue(f"{what.replace('_', ' ')} {value} is not at least 1")
        if not 0 <= self.nondigits <= 1 or (self.nondigits and self.epochs is None):
            raise InvalidValue(
                f"recipe {self.name}: {self.nondigits} non-digits a digit; give 0..1, with epochs"
            )
        # numpy's RandomState, which orders the digits, takes 32 bits.
        if not 0 <= self.seed < 2**32:
            raise InvalidValue(f"seed {self.seed} is outside 0..{2**32 - 1}")

    def steps_per_epoch(self, digits: int) -> int:
        """Steps that one pass over ``digits`` takes, a short last batch counted."""
        return math.ceil((digits + self.nondigits_per_epoch(digits)) / self.batch_size)

    def nondigits_per_epoch(self, digits: int) -> int:
        """Pictures of no digit among one pass over ``digits``."""
        return round(self.nondigits * digits)

    def total_steps(self, digits: int) -> int:
        """Steps in all."""
        return self.steps or (self.epochs or 0) * self.steps_per_epoch(digits)

    def with_epochs(self, epochs: int, digits: int) -> Recipe:
        """The recipe and its teachers with another length, in its own unit."""
        if self.epochs is not None:
            teaching = self.teaching and self.teaching.with_epochs(epochs, digits)
            return replace(self, epochs=epochs, teaching=teaching)
        if epochs < 1:
            raise InvalidValue(f"epochs {epochs} is not at least 1")
        return replace(self, steps=epochs * self.steps_per_epoch(digits))


@dataclass(frozen=True, kw_only=True)
class Teaching:
    """What a network learns from others besides the labels; it checks itself when made."""

    teachers: tuple[Recipe, ...]
    """Recipes of the others; the mean of their probabilities is learnt."""
    share: float
    """How much they count, 0..1; the label counts the rest."""
    temperature: float
    """What logits are divided by for those probabilities, the teachers' and the learner's."""

    def __post_init__(self) -> None:
        if not self.teachers or any(teacher.teaching for teacher in self.teachers):
            raise InvalidValue("teaching takes teachers, and such as are not taught themselves")
        if not 0 < self.share <= 1:
            raise InvalidValue(f"share {self.share} of the teachers is outside 0..1, or 0")
        if not (math.isfinite(self.temperature) and self.temperature > 0):
            raise InvalidValue(f"temperature {self.temperature} is not above 0")

    def with_epochs(self, epochs: int, digits: int) -> Teaching:
        """The same by teachers that were trained for so long."""
        teachers = tuple(teacher.with_epochs(epochs, digits) for teacher in self.teachers)
        return replace(self, teachers=teachers)


def softmax_l2() -> Recipe:
    """Softmax regression with weight decay, logits to the loss."""
    return Recipe(
        name="softmax-l2",
        network=networks.softmax_regression_small_start,
        optimizer=optimizers.sgd,
        learning_rate=0.05,
        batch_size=64,
        epochs=20,
    )


def softmax_l2_softmax_twice() -> Recipe:
    """``softmax-l2`` with a softmax before the loss that applies its own."""
    return replace(
        softmax_l2(),
        name="softmax-l2-softmax-twice",
        network=networks.softmax_regression_softmax_twice,
    )


def softmax_l2_scaled_twice() -> Recipe:
    """``softmax-l2`` with pixels divided by 255 twice."""
    return replace(
        softmax_l2(),
        name="softmax-l2-scaled-twice",
        network=networks.softmax_regression_scaled_twice,
    )


def softmax_l2_both_mistakes() -> Recipe:
    """``softmax-l2`` with both, as the article has it."""
    return replace(
        softmax_l2(),
        name="softmax-l2-both-mistakes",
        network=networks.softmax_regression_both_mistakes,
    )


def softmax_1k() -> Recipe:
    """Softmax regression for a thousand steps, with the loss of every one."""
    return Recipe(
        name="softmax-1k",
        network=networks.softmax_regression_wide_start,
        optimizer=optimizers.sgd,
        learning_rate=0.01,
        batch_size=100,
        steps=1_000,
        validate_every=100,
        record_loss_every=1,
        loss_reduction="sum",
    )


def cnn() -> Recipe:
    """The article's convolutional network, on scaled pixels."""
    return Recipe(
        name="cnn",
        network=networks.article_cnn,
        optimizer=optimizers.adam,
        learning_rate=0.001,
        batch_size=32,
        epochs=10,
    )


def cnn_unscaled() -> Recipe:
    """The same on raw pixels, as the article has it."""
    return replace(cnn(), name="cnn-unscaled", network=networks.article_cnn_unscaled)


def mlp_ema() -> Recipe:
    """784-500-10 with a decaying rate, weight decay and averaged weights."""
    return Recipe(
        name="mlp-ema",
        network=networks.mlp_500,
        optimizer=optimizers.averaged_sgd,
        learning_rate=0.8,
        batch_size=100,
        steps=30_000,
        validate_every=1_000,
    )


def mlp_dropout() -> Recipe:
    """A dense layer of 128 with dropout."""
    return Recipe(
        name="mlp-dropout",
        network=networks.mlp_128_dropout,
        optimizer=optimizers.adam,
        learning_rate=0.001,
        batch_size=32,
        epochs=5,
    )


def mlp_dropout_unscaled() -> Recipe:
    """The same on raw pixels, the mistake that the article warns of."""
    return replace(
        mlp_dropout(), name="mlp-dropout-unscaled", network=networks.mlp_128_dropout_unscaled
    )


def edge() -> Recipe:
    """Ours: the default model, which learns from three networks as large as itself."""
    teachers = tuple(replace(edge_teacher(), seed=seed) for seed in (1, 2, 3))
    return replace(
        edge_teacher(),
        name="edge",
        network=networks.edge,
        teaching=Teaching(teachers=teachers, share=0.9, temperature=3.0),
    )


def edge_teacher() -> Recipe:
    """One of the networks that ``edge`` learns from."""
    return Recipe(
        name="edge-teacher",
        network=networks.edge_teacher,
        optimizer=optimizers.averaged_adam_one_cycle,
        learning_rate=0.005,
        batch_size=192,
        epochs=30,
        augment=augmentation.rewritten,
        nondigits=0.5,
    )


def nano() -> Recipe:
    """Ours: the smallest and quickest model, which has to be told more often."""
    return replace(
        edge_teacher(),
        name="nano",
        network=networks.nano,
        learning_rate=0.015,
        epochs=90,
        nondigits=1.0,
    )


def quick() -> Recipe:
    """Ours: a network that passes 99 % in two or three minutes, for a first try."""
    return Recipe(
        name="quick",
        network=networks.quick,
        optimizer=optimizers.adam_one_cycle,
        learning_rate=0.015,
        batch_size=256,
        epochs=12,
        augment=augmentation.shifted,
    )


RECIPES: dict[str, Callable[[], Recipe]] = {
    make().name: make
    for make in (
        edge,
        edge_teacher,
        nano,
        quick,
        softmax_l2,
        softmax_1k,
        cnn,
        mlp_ema,
        mlp_dropout,
        softmax_l2_softmax_twice,
        softmax_l2_scaled_twice,
        softmax_l2_both_mistakes,
        cnn_unscaled,
        mlp_dropout_unscaled,
    )
}
"""Every recipe by its name."""


def find_recipe(name: str) -> Recipe:
    """The recipe of a name.

    Raises:
        UnknownName: there is none.
    """
    if name not in RECIPES:
        raise UnknownName("recipe", name, RECIPES)
    return RECIPES[name]()
