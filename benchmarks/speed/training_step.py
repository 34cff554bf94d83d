"""Time a training step of the recipe ``edge`` with and without its input pipeline.

Its teachers are left out: they are not part of the input pipeline.

    python -m benchmarks.speed.training_step

Two runs take turns: one augments an epoch's pictures as the recipe does, the other leaves them
unchanged. Their epochs have forty steps instead of 430, with as many pictures per step; the fixed
cost of an epoch weighs more in both and brings the ratio nearer to 1. The first epoch, in which
TensorFlow compiles, does not count.
"""

from __future__ import annotations

import dataclasses
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from benchmarks.rows import Row, count, main, row_of_times
from mnist_edge.data.mnist import Mnist, load_mnist
from mnist_edge.training import augmentation, recipes, trainer
from mnist_edge.training.recipes import Recipe

PIPELINE = 1.02
"""Most that a step may take with its input pipeline, of its time without."""
_STEPS = 40
_VALIDATION = 500


class _Clock:
    """A listener that times epochs, from the end of validation to the last step.

    Args:
        steps: in an epoch.
    """

    def __init__(self, steps: int) -> None:
        self.epochs: list[float] = []
        self._steps = steps
        self._started = time.perf_counter()

    def on_plan(self, plan: Sequence[trainer.Estimate]) -> None:
        """Do nothing: there is one network."""

    def on_network(self, number: int, networks: int) -> None:
        """Do nothing: there is one network."""

    def on_start(self, summary: str, step: int, total_steps: int) -> None:
        """Begin the first epoch."""
        self._started = time.perf_counter()

    def on_step(self, step: int) -> None:
        """End an epoch with its last step."""
        if step % self._steps == 0:
            self.epochs.append(time.perf_counter() - self._started)

    def on_round(self, record: dict[str, float]) -> None:
        """Begin the next epoch."""
        self._started = time.perf_counter()


def measure(share: float) -> Iterator[Row]:
    """Yield one row; at full size two runs of three counted epochs each way."""
    mnist = load_mnist()
    epochs = 1 + count(3, share)
    recipe = dataclasses.replace(recipes.edge(), epochs=epochs, distillation=None)
    # Two digits for each picture of none.
    digits = round(_STEPS * recipe.batch_size / (1 + recipe.outlier_ratio))
    few = dataclasses.replace(
        mnist,
        train=mnist.train.take(np.arange(digits)),
        validation=mnist.validation.take(np.arange(_VALIDATION)),
    )
    plain = dataclasses.replace(recipe, augment=augmentation.unchanged)
    with_pipeline: list[float] = []
    without: list[float] = []
    for _ in range(count(2, share)):
        with_pipeline += _epochs(recipe, few)
        without += _epochs(plain, few)
    yield row_of_times(
        "a step of training edge, with its input pipeline",
        with_pipeline,
        "the same without",
        without,
        calls=_STEPS,
        goal="at most",
        target=PIPELINE,
    )


def _epochs(recipe: Recipe, mnist: Mnist) -> list[float]:
    """Time each epoch of a run, in seconds, but the first."""
    clock = _Clock(_STEPS)
    with tempfile.TemporaryDirectory(prefix="mnist-edge-") as folder:
        trainer.train(recipe, mnist, Path(folder), resume=False, listener=clock)
    return clock.epochs[1:]


if __name__ == "__main__":
    main(measure, __doc__)
