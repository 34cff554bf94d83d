"""Optimizers as the recipes want them, each a function of its learning rate and of the steps."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from mnist_edge.training.backend import import_keras

if TYPE_CHECKING:
    import keras


def sgd(learning_rate: float, steps_per_epoch: int, total_steps: int) -> keras.Optimizer:
    """Plain stochastic gradient descent at a constant rate."""
    return import_keras().optimizers.SGD(learning_rate)


def adam(learning_rate: float, steps_per_epoch: int, total_steps: int) -> keras.Optimizer:
    """Adam with Keras' defaults at a constant rate."""
    return import_keras().optimizers.Adam(learning_rate)


def adam_one_cycle(learning_rate: float, steps_per_epoch: int, total_steps: int) -> keras.Optimizer:
    """Adam, its rate climbing over the first tenth and falling along a cosine to 0."""
    keras = import_keras()
    warmup = max(1, total_steps // 10)
    return keras.optimizers.Adam(
        keras.optimizers.schedules.CosineDecay(
            learning_rate / 25,
            decay_steps=max(1, total_steps - warmup),
            warmup_target=learning_rate,
            warmup_steps=warmup,
        )
    )


def averaged_sgd(learning_rate: float, steps_per_epoch: int, total_steps: int) -> keras.Optimizer:
    """Gradient descent whose rate falls by 0.99 an epoch, averaging the weights it passes.

    ``averages`` are exponential moving averages with decay ``min(0.99, (1 + n) / (10 + n))``
    at step n, so that early averages follow; ``mean_absolute_gradient`` is the last step's.
    """
    keras = import_keras()
    ops = keras.ops

    class AveragedSGD(keras.optimizers.SGD):  # type: ignore[misc, name-defined]  # keras is lazy
        def build(self, variables: list[Any]) -> None:
            if self.built:
                return
            super().build(variables)
            self.averages = [
                self.add_variable_from_reference(variable, name="average") for variable in variables
            ]
            for average, variable in zip(self.averages, variables, strict=True):
                average.assign(variable)
            self.mean_absolute_gradient = self.add_variable(
                (), initializer="zeros", dtype="float32", name="mean_absolute_gradient"
            )

        def apply(self, grads: list[Any], trainable_variables: list[Any] | None = None) -> None:
            step = ops.cast(self.iterations, "float32")
            super().apply(grads, trainable_variables)
            decay = ops.minimum(0.99, (1 + step) / (10 + step))
            variables = trainable_variables or self._trainable_variables
            for average, variable in zip(self.averages, variables, strict=True):
                average.assign(decay * average + (1 - decay) * variable)
            total = sum(ops.sum(ops.abs(gradient)) for gradient in grads)
            size = sum(math.prod(variable.shape) for variable in variables)
            self.mean_absolute_gradient.assign(total / size)

    schedule = keras.optimizers.schedules.ExponentialDecay(learning_rate, steps_per_epoch, 0.99)
    return AveragedSGD(schedule)
