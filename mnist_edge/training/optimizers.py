"""Optimizers as the recipes want them, each a function of its learning rate and of the steps."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from mnist_edge.training.frameworks import import_keras

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


def averaged_adam_one_cycle(
    learning_rate: float, steps_per_epoch: int, total_steps: int
) -> keras.Optimizer:
    """``adam_one_cycle``, averaging the weights it passes with decay 0.998."""
    plain = adam_one_cycle(learning_rate, steps_per_epoch, total_steps)
    return _averaging(type(plain), decay=0.998).from_config(plain.get_config())


def averaged_sgd(learning_rate: float, steps_per_epoch: int, total_steps: int) -> keras.Optimizer:
    """Gradient descent whose rate falls by 0.99 an epoch, averaging the weights it passes.

    The decay of the averages is 0.99; ``mean_absolute_gradient`` is the last step's.
    """
    keras = import_keras()
    ops = keras.ops

    class AveragedSGD(_averaging(keras.optimizers.SGD, decay=0.99)):  # type: ignore[misc]  # keras is lazy
        def build(self, variables: list[Any]) -> None:
            if self.built:
                return
            super().build(variables)
            self.mean_absolute_gradient = self.add_variable(
                (), initializer="zeros", dtype="float32", name="mean_absolute_gradient"
            )

        def apply(self, grads: list[Any], trainable_variables: list[Any] | None = None) -> None:
            super().apply(grads, trainable_variables)
            total = sum(ops.sum(ops.abs(gradient)) for gradient in grads)
            size = sum(math.prod(gradient.shape) for gradient in grads)
            self.mean_absolute_gradient.assign(total / size)

    schedule = keras.optimizers.schedules.ExponentialDecay(learning_rate, steps_per_epoch, 0.99)
    return AveragedSGD(schedule)


def _averaging(base: type[Any], *, decay: float) -> type[Any]:
    """An optimizer that keeps ``averages`` of the weights as well.

    They are exponential moving averages with decay ``min(decay, (1 + n) / (10 + n))`` at step n, so
    that early averages follow.
    """
    ops = import_keras().ops

    class Averaging(base):  # type: ignore[misc]  # a class that is known when it runs
        def build(self, variables: list[Any]) -> None:
            if self.built:
                return
            super().build(variables)
            self.averages = [
                self.add_variable_from_reference(variable, name="average") for variable in variables
            ]
            for average, variable in zip(self.averages, variables, strict=True):
                average.assign(variable)

        def apply(self, grads: list[Any], trainable_variables: list[Any] | None = None) -> None:
            step = ops.cast(self.iterations, "float32")
            super().apply(grads, trainable_variables)
            kept = ops.minimum(decay, (1 + step) / (10 + step))
            variables = trainable_variables or self._trainable_variables
            for average, variable in zip(self.averages, variables, strict=True):
                average.assign(kept * average + (1 - kept) * variable)

    return Averaging
