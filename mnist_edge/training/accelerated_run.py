"""A run under Keras' JAX backend whose pictures and teachers stay on the accelerator.

The steps of an epoch are one compiled loop: small networks are limited by how long each operation
takes to start, not by arithmetic. The pictures are sent to the accelerator once; order,
augmentation, the teachers' answers, gradients and averages are all computed there. The recipe is
the same as on a processor and so, within chance, is the result.
"""

from __future__ import annotations

import time
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from mnist_edge import DIGIT_SHAPE
from mnist_edge.training.augmentation_ops import NORMALS, OPS, UNIFORMS
from mnist_edge.training.frameworks import has_accelerator, import_jax, import_keras
from mnist_edge.training.losses import NO_DIGIT
from mnist_edge.training.normalization import measure_statistics
from mnist_edge.training.recipes import Recipe
from mnist_edge.training.training_run import (
    EVALUATION_BATCH_SIZE,
    Run,
    RunListener,
    shaped,
    training_loss,
)

if TYPE_CHECKING:
    import keras

_TIMED_STEPS = 5
"""Steps that are timed, after compilation, for an estimate."""
_LOOP_SECONDS = 5.0
"""About how long one call of the compiled loop takes at most, so that it can be interrupted."""


def is_supported(recipe: Recipe) -> bool:
    """Return whether a recipe trains in this way.

    Those in whole epochs do, with mean losses, from random weights.
    """
    return (
        import_keras().backend.backend() == "jax"
        and recipe.epochs is not None
        and recipe.refinement is None
        and recipe.augment in OPS
        and recipe.loss_reduction == "sum_over_batch_size"
    )


class AcceleratedRun(Run):
    """A run whose steps are compiled into one loop.

    The last batch of an epoch is filled up with the epoch's first pictures, as every batch has one
    size.
    """

    _steps_per_call = 1
    """Steps of the compiled loop's next call; the first is short, as it includes compilation."""

    def seconds_per_step(self) -> float:
        """Measure how long a step takes; the weights stay as they are."""
        jax = import_jax()
        count = len(self._train) + self.recipe.drawn_per_epoch(len(self._train))
        data = (
            jax.numpy.zeros((count, *DIGIT_SHAPE), "uint8"),
            jax.numpy.zeros(count, "int32"),
        )
        state = self._state()
        jax.block_until_ready(self._loop(state, data, 0, 0, 1))
        started = time.perf_counter()
        jax.block_until_ready(self._loop(state, data, 0, 0, _TIMED_STEPS))
        return (time.perf_counter() - started) / _TIMED_STEPS

    def _build_network(self) -> keras.Model:
        return _in_compute_dtype(self.recipe)

    def _train_steps(self, end: int, listener: RunListener) -> dict[str, float]:
        progress, epoch = self.progress, len(self.progress.rounds)
        first = epoch * self._round_steps
        step, state = progress.step - first, self._state()
        sums = np.zeros(4)
        while step < end - first:
            stop = min(step + self._steps_per_call, end - first)
            started = time.perf_counter()
            state, losses, more = self._loop(state, self._data, epoch, step, stop)
            losses, sums = np.asarray(losses), sums + np.asarray(more, np.float64)
            seconds = (time.perf_counter() - started) / (stop - step)
            self._steps_per_call = max(1, int(_LOOP_SECONDS / seconds))
            progress.losses += [
                (first + number, float(losses[number - 1]))
                for number in range(step + 1, stop + 1)
                if (first + number) % self.recipe.record_loss_every == 0
            ]
            step = stop
            listener.on_step(first + step)
        for group, values in zip(self._variables, state, strict=True):
            for variable, value in zip(group, values, strict=True):
                variable.assign(value)
        loss, digits, correct, entropy = sums
        return {
            "loss": loss / (end - progress.step),
            "accuracy": correct / digits,
            "cross_entropy": entropy / digits,
        }

    @property
    def _variables(self) -> tuple[list[Any], list[Any], list[Any]]:
        model = self.model
        return model.trainable_variables, model.non_trainable_variables, model.optimizer.variables

    def _state(self) -> tuple[list[Any], ...]:
        return tuple([variable.value for variable in group] for group in self._variables)

    @cached_property
    def _data(self) -> tuple[Any, Any]:
        """All digits and drawn pictures, and their labels, on the accelerator."""
        pictures = self._stream.pictures
        arrays = import_jax().numpy
        return arrays.asarray(pictures.images), arrays.asarray(pictures.labels.astype(np.int32))

    @cached_property
    def _accelerated_teachers(self) -> list[tuple[Any, list[Any], list[Any]]]:
        """The teachers in the type that their recipes compute in, and their values."""
        distillation = self.recipe.distillation
        teachers = []
        for recipe, trained in zip(
            distillation.teachers if distillation else (), self._teachers, strict=True
        ):
            teacher = _in_compute_dtype(recipe)
            teacher.set_weights(trained.get_weights())
            values = [
                [variable.value for variable in variables]
                for variables in (teacher.trainable_variables, teacher.non_trainable_variables)
            ]
            teachers.append((teacher, *values))
        return teachers

    def _loop(self, state: Any, data: Any, epoch: int, start: int, stop: int) -> Any:
        """Train the steps ``start`` to ``stop`` of an epoch.

        Returns:
            The new state; the loss of each step, ``(steps per epoch,)``, 0 for others; and sums
            over these steps: of the loss, of the digits, of those read correctly, and of the
            digits' cross-entropy.
        """
        teachers = [values for _, *values in self._accelerated_teachers]
        seed = np.uint32(self.recipe.seed)
        return self._compiled_loop(state, data, teachers, seed, epoch, start, stop)

    @cached_property
    def _compiled_loop(self) -> Any:
        # Everything that differs between runs of one recipe is an argument, not a constant, so
        # that they share one compilation.
        jax = import_jax()
        recipe, steps, size = self.recipe, self._round_steps, self.recipe.batch_size
        networks = [teacher for teacher, *_ in self._accelerated_teachers]
        augment, step_function = OPS[recipe.augment], self._step

        def loop(
            state: Any, data: Any, teachers: Any, seed: Any, epoch: Any, start: Any, stop: Any
        ) -> Any:
            images, labels = data
            key = jax.random.fold_in(jax.random.key(seed), epoch)
            order = jax.random.permutation(key, len(labels))
            order = order[np.arange(steps * size) % len(labels)]

            def step(number: Any, carry: Any) -> Any:
                state, losses, sums = carry
                chosen = jax.lax.dynamic_slice(order, (number * size,), (size,))
                uniforms, normals = jax.random.split(jax.random.fold_in(key, number))
                batch_labels = labels[chosen]
                batch = augment(
                    images[chosen].astype("float32"),
                    batch_labels,
                    jax.random.uniform(uniforms, (size, UNIFORMS)),
                    jax.random.normal(normals, (size, NORMALS)),
                )
                targets = self._targets_of(batch, batch_labels, networks, teachers)
                state, loss, more = step_function(state, batch, batch_labels, targets)
                return state, losses.at[number].set(loss), sums + more

            nothing = jax.numpy.zeros(steps), jax.numpy.zeros(4)
            return jax.lax.fori_loop(start, stop, step, (state, *nothing))

        return jax.jit(loop)

    def _targets_of(self, batch: Any, labels: Any, networks: Any, teachers: Any) -> Any:
        """Return the targets of ``losses``: labels, with the teachers' mean probabilities."""
        distillation = self.recipe.distillation
        if not distillation:
            return labels
        ops = import_keras().ops
        probabilities = [
            ops.softmax(
                network.stateless_call(*values, _shape_for(network, batch), training=False)[0]
                / distillation.temperature
            )
            for network, values in zip(networks, teachers, strict=True)
        ]
        mean = sum(probabilities) / len(probabilities)
        return ops.concatenate((ops.cast(labels, "float32")[:, None], mean), axis=1)

    def _step(self, state: Any, batch: Any, labels: Any, targets: Any) -> Any:
        """Train one step; return the new state, the loss, and the sums of ``_loop``."""
        jax, ops = import_jax(), import_keras().ops
        weights, others, optimizer = state
        loss_function = training_loss(self.recipe)

        def loss_of(weights: Any) -> Any:
            logits, changed, penalties = self.model.stateless_call(
                weights, others, _shape_for(self.model, batch), training=True, return_losses=True
            )
            return loss_function(targets, logits) + sum(penalties), (logits, changed)

        (loss, (logits, others)), gradients = jax.value_and_grad(loss_of, has_aux=True)(weights)
        weights, optimizer = self.model.optimizer.stateless_apply(optimizer, gradients, weights)
        is_digit = ops.cast(labels != NO_DIGIT, "float32")
        known = ops.minimum(labels, NO_DIGIT - 1)
        correct = ops.cast(ops.argmax(logits, axis=1) == known, "float32")
        log_probabilities = ops.log_softmax(logits)
        entropy = -ops.take_along_axis(log_probabilities, known[:, None], axis=1)[:, 0]
        counted = [
            loss,
            ops.sum(is_digit),
            ops.sum(is_digit * correct),
            ops.sum(is_digit * entropy),
        ]
        return (weights, others, optimizer), loss, ops.stack(counted)

    def _measure_statistics(self) -> None:
        # Compiled, since there is a measurement after each epoch.
        values = [variable.value for variable in self.model.variables]
        changed = self._compiled_statistics(values, self._statistics_batches)
        for variable, value in zip(self.model.non_trainable_variables, changed, strict=True):
            variable.assign(value)

    @cached_property
    def _statistics_batches(self) -> Any:
        sample = shaped(self._statistics_sample, self.model)
        size = min(EVALUATION_BATCH_SIZE, len(sample))
        whole = sample[: len(sample) // size * size]
        return import_jax().numpy.asarray(whole.reshape(-1, size, *sample.shape[1:]))

    @cached_property
    def _compiled_statistics(self) -> Any:
        keras, model = import_keras(), self.model

        def measure(values: Any, batches: Any) -> Any:
            mapping = zip(model.variables, values, strict=True)
            with keras.StatelessScope(state_mapping=mapping) as scope:
                measure_statistics(model, batches)
            return [scope.get_current_value(variable) for variable in model.non_trainable_variables]

        return import_jax().jit(measure)


def _in_compute_dtype(recipe: Recipe) -> keras.Model:
    """Build a network that computes in the recipe's type on an accelerator."""
    if recipe.compute_dtype == "float32" or not has_accelerator():
        return recipe.network()
    keras = import_keras()
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(f"mixed_{recipe.compute_dtype}")
    try:
        return recipe.network()
    finally:
        keras.config.set_dtype_policy(before)


def _shape_for(network: keras.Model, batch: Any) -> Any:
    return import_keras().ops.reshape(batch, (-1, *network.input_shape[1:]))
