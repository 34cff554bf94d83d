"""Train small networks in a process of its own, whose Keras may have another backend.

    KERAS_BACKEND=jax python -m tests.support.accelerated FOLDER

writes runs into the folders ``exact``, ``bfloat16``, ``chance``, ``whole`` and ``parts`` of FOLDER.
"""

from __future__ import annotations

import sys
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np

from mnist_edge.data.mnist import Digits, Mnist, load_mnist
from mnist_edge.training import accelerated_run, augmentation, recipes, trainer, training_run
from mnist_edge.training.frameworks import import_keras
from mnist_edge.training.recipes import Distillation, Recipe
from tests.support.recorder import Recorder

TRAINED, VALIDATED = 400, 400


def small_cnn() -> Any:
    """Build a batch-normalized convolution and a dense layer with weights of numpy's."""
    layers = import_keras().layers
    network = import_keras().Sequential(
        [
            import_keras().Input((28, 28, 1)),
            layers.Rescaling(1 / 255),
            layers.Conv2D(8, 5, strides=2, use_bias=False),
            layers.BatchNormalization(),
            layers.ReLU(),
            layers.Flatten(dtype="float32"),
            layers.Dense(10, dtype="float32"),
        ]
    )
    random = np.random.RandomState(5)
    for variable in network.trainable_variables:
        if variable.path.endswith("kernel"):
            values = random.normal(0, 0.5 * np.prod(variable.shape[:-1]) ** -0.5, variable.shape)
            variable.assign(values.astype(np.float32))
    return network


def exact() -> Recipe:
    """A student and a teacher for which nothing is left to chance: each batch is every digit."""
    teacher = replace(
        recipes.nano(),
        name="teacher",
        network=small_cnn,
        epochs=6,
        batch_size=TRAINED,
        augment=augmentation.unchanged,
        outlier_ratio=0.0,
        record_loss_every=1,
    )
    distillation = Distillation(teachers=(teacher,), alpha=0.5, temperature=2.0)
    return replace(teacher, name="student", epochs=4, distillation=distillation)


def in_bfloat16(recipe: Recipe) -> Recipe:
    """Compute in bfloat16 as on an accelerator, the teachers too."""
    distillation = recipe.distillation
    if distillation:
        teachers = tuple(replace(one, compute_dtype="bfloat16") for one in distillation.teachers)
        distillation = replace(distillation, teachers=teachers)
    return replace(recipe, compute_dtype="bfloat16", distillation=distillation)


def chance() -> Recipe:
    """A recipe of all that is drawn anew in each epoch."""
    return replace(
        recipes.nano(), name="chance", network=small_cnn, epochs=8, batch_size=64, outlier_ratio=0.1
    )


def few_digits() -> Mnist:
    """A few hundred digits."""
    mnist = load_mnist()
    training_run.STATISTICS_SIZE = TRAINED
    return replace(
        mnist,
        train=mnist.train.take(np.arange(TRAINED)),
        train_indices=mnist.train_indices[:TRAINED],
        validation=mnist.validation.take(np.arange(VALIDATED)),
        test=Digits(images=mnist.test.images[:10], labels=mnist.test.labels[:10]),
    )


def train(recipe: Recipe, folder: Path, *, stop_after_rounds: int | None = None) -> None:
    """Train a recipe, or go on where its training was stopped."""
    listener = Recorder(stop_after_rounds=stop_after_rounds)
    trainer.train(recipe, few_digits(), folder, resume=folder.is_dir(), listener=listener)


def train_all(folder: Path) -> None:
    """Train all recipes, and one run both whole and interrupted after its second round."""
    train(exact(), folder / "exact")
    with mock.patch.object(accelerated_run, "has_accelerator", return_value=True):
        train(in_bfloat16(exact()), folder / "bfloat16")
    train(chance(), folder / "chance")
    short = replace(chance(), epochs=3)
    train(short, folder / "whole")
    with suppress(KeyboardInterrupt):
        train(short, folder / "parts", stop_after_rounds=2)
    train(short, folder / "parts")


if __name__ == "__main__":
    train_all(Path(sys.argv[1]))
