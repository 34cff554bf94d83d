"""One run of a recipe: its network, its data, how far it is, and how a round is trained."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from mnist_edge.data.mnist import Digits, Mnist
from mnist_edge.metrics.confidence import softmax
from mnist_edge.training.checkpoint import Progress
from mnist_edge.training.frameworks import import_keras
from mnist_edge.training.input_pipeline import Prefetch, in_batches
from mnist_edge.training.losses import (
    corrected_targets,
    cross_entropy,
    digits_only,
    distillation_targets,
    label_probabilities,
)
from mnist_edge.training.normalization import (
    has_normalization,
    measure_statistics,
    with_fused_normalization,
)
from mnist_edge.training.recipes import Recipe
from mnist_edge.training.training_stream import TrainingStream

if TYPE_CHECKING:
    import keras

EVALUATION_BATCH_SIZE = 500
"""Digits per batch for inference; it divides 5,000 and 10,000."""
STATISTICS_SIZE = 5_000
"""Training pictures over which the statistics of averaged weights are measured."""
_TIMED_SECONDS = 2.0
_TIMED_STEPS = 30
"""Time and steps after which a step's duration is known well enough."""


class RunListener(Protocol):
    """An observer of the steps of a run."""

    def on_step(self, step: int) -> None:
        """Note that the steps up to this one are done, counted from 1."""


def predict_logits(model: keras.Model, digits: Digits) -> NDArray[np.float32]:
    """Return a Keras model's logits of all digits, ``(n, 10)``."""
    batches = _batches(digits.images, model)
    return np.concatenate([model.predict_on_batch(batch) for batch in batches])


class Run:
    """A training run: its network, its data, and its progress."""

    def __init__(self, recipe: Recipe, mnist: Mnist, teachers: Sequence[keras.Model]) -> None:
        self.recipe = recipe
        self._validation = mnist.validation
        self._train = mnist.train
        self._teachers = teachers
        self._stream = TrainingStream(recipe, mnist.train)
        digits = len(mnist.train)
        import_keras().utils.set_random_seed(recipe.seed)
        model = self._build_network()
        if recipe.refinement:
            (parent,) = teachers
            model.set_weights(parent.get_weights())
            some = mnist.train.take(np.arange(min(STATISTICS_SIZE, digits)))
            self._label_probabilities = label_probabilities(
                predict_logits(parent, some),
                some.labels,
                temperature=recipe.refinement.temperature,
            )
        self.summary = _summary(model)
        self.model = with_fused_normalization(model) if has_normalization(model) else model
        _compile(self.model, recipe, digits=digits)
        self.total_steps = recipe.total_steps(digits)
        self._round_steps = recipe.validate_every or recipe.steps_per_epoch(digits)
        self.progress = Progress()
        self._next_round: Prefetch[Digits] | None = None

    @cached_property
    def _statistics_sample(self) -> NDArray[np.uint8]:
        """The pictures over which the statistics of averaged weights are measured."""
        return self._stream.sample(STATISTICS_SIZE)

    @cached_property
    def _validation_targets(self) -> NDArray[Any]:
        return self._targets(self._validation)

    def train_round(self, listener: RunListener) -> dict[str, float]:
        """Train up to the next validation, validate, and return the record of the round."""
        started = time.perf_counter()
        progress = self.progress
        end = self._round_end(progress.step)
        trained = self._train_steps(end, listener)
        progress.step = end
        with self.averaged_weights():
            validated = self.model.evaluate(
                **in_batches(
                    shaped(self._validation.images, self.model),
                    self._validation_targets,
                    # The batch size of training, since a summed loss grows with it.
                    size=self.recipe.batch_size,
                ),
                verbose=0,
                return_dict=True,
            )
        progress.seconds += time.perf_counter() - started
        record = {
            "step": end,
            "learning_rate": float(self.model.optimizer.learning_rate),
            **trained,
            **{f"val_{name}": float(value) for name, value in validated.items()},
            "seconds": round(progress.seconds, 2),
        }
        # The loss of one batch says nothing about a whole round.
        del record["val_batch_loss"]
        gradient = getattr(self.model.optimizer, "mean_absolute_gradient", None)
        if gradient is not None:
            record["mean_absolute_gradient"] = float(gradient)
        progress.rounds.append(record)
        return record

    def seconds_per_step(self) -> float:
        """Measure how long a step takes, with its pictures and its teachers.

        The weights change on the way, so the run cannot be trained afterwards.
        """
        batch = self._train.take(np.arange(self.recipe.batch_size) % len(self._train))
        started = time.perf_counter()
        self.recipe.augment(batch, np.random.RandomState(0))
        preparing = time.perf_counter() - started
        self._train_batch(batch)
        steps, started = 0, time.perf_counter()
        while steps < _TIMED_STEPS and time.perf_counter() < started + _TIMED_SECONDS:
            self._train_batch(batch)
            steps += 1
        training = (time.perf_counter() - started) / steps
        # Pictures are prepared on a thread of their own.
        side_by_side = (os.cpu_count() or 1) > 1
        return max(preparing, training) if side_by_side else preparing + training

    def _train_batch(self, batch: Digits) -> None:
        self.model.train_on_batch(shaped(batch.images, self.model), self._targets(batch))

    def _train_steps(self, end: int, listener: RunListener) -> dict[str, float]:
        """Train up to step ``end``; return the means of loss and metrics over these steps."""
        step, number = self.progress.step, len(self.progress.rounds)
        pictures = (
            self._next_round.result()
            if self._next_round
            else self._stream.round_pictures(number, step, end)
        )
        self._next_round = (
            Prefetch(partial(self._stream.round_pictures, number + 1, end, self._round_end(end)))
            if end < self.total_steps
            else None
        )
        trained = self.model.fit(
            **in_batches(
                shaped(pictures.images, self.model),
                self._targets(pictures),
                size=self.recipe.batch_size,
            ),
            shuffle=False,
            verbose=0,
            callbacks=[_step_recorder(self, listener)],
        )
        means = {name: float(values[-1]) for name, values in trained.history.items()}
        del means["batch_loss"]
        return means

    def variables(self) -> list[Any]:
        """Return all variables of the network and its optimizer."""
        return [*self.model.variables, *self.model.optimizer.variables]

    @contextmanager
    def averaged_weights(self) -> Iterator[None]:
        """Put the optimizer's averaged weights, if it keeps any, into the model for a while.

        A network that is refined mixes them with its parent's.
        """
        averages = getattr(self.model.optimizer, "averages", None)
        refinement = self.recipe.refinement
        if averages is None and refinement is None:
            yield
            return
        weights = self.model.get_weights()
        copy, variables = import_keras().ops.copy, self.model.trainable_variables
        # JAX gives memory that a compiled function takes over to nobody else.
        values = [copy(value) for value in averages or variables]
        if refinement:
            (parent,) = self._teachers
            pairs = zip(parent.trainable_variables, values, strict=True)
            values = [old + refinement.share * (value - old) for old, value in pairs]
        for variable, value in zip(variables, values, strict=True):
            variable.assign(value)
        if has_normalization(self.model):
            self._measure_statistics()
        try:
            yield
        finally:
            self.model.set_weights(weights)

    def _build_network(self) -> keras.Model:
        return self.recipe.network()

    def _measure_statistics(self) -> None:
        measure_statistics(self.model, _batches(self._statistics_sample, self.model))

    def _targets(self, pictures: Digits) -> NDArray[Any]:
        """Return the labels, together with the teachers' mean probabilities if there are any."""
        distillation, refinement = self.recipe.distillation, self.recipe.refinement
        if refinement:
            (parent,) = self._teachers
            return corrected_targets(
                pictures.labels,
                predict_logits(parent, pictures),
                self._label_probabilities,
                temperature=refinement.temperature,
            )
        if not distillation:
            return pictures.labels
        probabilities = [
            softmax(predict_logits(teacher, pictures), temperature=distillation.temperature)
            for teacher in self._teachers
        ]
        return distillation_targets(pictures.labels, np.mean(probabilities, axis=0))

    def _round_end(self, step: int) -> int:
        """Return the step that ends the round which begins after ``step``."""
        return min(step + self._round_steps, self.total_steps)


def _compile(model: keras.Model, recipe: Recipe, *, digits: int) -> None:
    keras = import_keras()
    model.compile(
        optimizer=recipe.optimizer(
            recipe.learning_rate, recipe.steps_per_epoch(digits), recipe.total_steps(digits)
        ),
        loss=training_loss(recipe),
        metrics=[
            digits_only(keras.metrics.SparseCategoricalAccuracy(name="accuracy")),
            digits_only(
                keras.metrics.SparseCategoricalCrossentropy(from_logits=True, name="cross_entropy")
            ),
            _batch_loss(recipe),
        ],
        # On a CPU, XLA's compilation takes longer than it saves small networks.
        jit_compile=keras.backend.backend() == "jax",
    )
    # Before the first step, so that a checkpoint's values have variables to go to.
    model.optimizer.build(model.trainable_variables)


def training_loss(recipe: Recipe) -> keras.losses.Loss:
    """Build the loss that a recipe minimizes."""
    teaching = recipe.distillation or recipe.refinement
    if teaching:
        return cross_entropy(
            reduction=recipe.loss_reduction, alpha=teaching.alpha, temperature=teaching.temperature
        )
    if recipe.outlier_ratio or recipe.lookalike_ratio:
        return cross_entropy(reduction=recipe.loss_reduction)
    return import_keras().losses.SparseCategoricalCrossentropy(
        from_logits=True, reduction=recipe.loss_reduction
    )


def _batch_loss(recipe: Recipe) -> keras.Metric:
    """Build a metric of the last batch alone; Keras' own are means over the round so far."""
    keras = import_keras()
    loss = training_loss(recipe)

    class BatchLoss(keras.Metric):  # type: ignore[misc, name-defined]  # keras is lazy
        def __init__(self) -> None:
            super().__init__(name="batch_loss")
            self.value = self.add_variable((), initializer="zeros", name="value")

        def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
            self.value.assign(loss(y_true, y_pred))

        def result(self) -> Any:
            return keras.ops.convert_to_tensor(self.value)

    return BatchLoss()


def _step_recorder(run: Run, listener: RunListener) -> keras.callbacks.Callback:
    keras = import_keras()
    progress = run.progress
    first = progress.step + 1

    class StepRecorder(keras.callbacks.Callback):  # type: ignore[misc, name-defined]  # keras is lazy
        def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
            step = first + batch
            if logs is not None and step % run.recipe.record_loss_every == 0:
                progress.losses.append((step, float(logs["batch_loss"])))
            listener.on_step(step)

    return StepRecorder()


def _summary(model: keras.Model) -> str:
    lines: list[str] = []
    model.summary(line_length=72, print_fn=lambda line, line_break=True: lines.append(line))
    return "\n".join(lines)


def shaped(images: NDArray[np.uint8], model: keras.Model) -> NDArray[np.uint8]:
    """Reshape ``(n, 28, 28)`` pixels to the model's input; Keras converts the bytes to floats."""
    return images.reshape(len(images), *model.input_shape[1:])


def _batches(images: NDArray[np.uint8], model: keras.Model) -> Iterator[NDArray[np.uint8]]:
    """Yield the pictures in the model's shape, ``EVALUATION_BATCH_SIZE`` at a time."""
    inputs = shaped(images, model)
    for start in range(0, len(inputs), EVALUATION_BATCH_SIZE):
        yield inputs[start : start + EVALUATION_BATCH_SIZE]
