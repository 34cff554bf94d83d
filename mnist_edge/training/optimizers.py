"""The optimizers of the recipes, each a function of learning rate and number of steps."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from mnist_edge.training.frameworks import import_keras

if TYPE_CHECKING:
    import keras


def sgd(learning_rate: float, steps_per_epoch: int, total_steps: int) -> keras.Optimizer:
    """Build plain stochastic gradient descent with a constant rate."""
    return import_keras().optimizers.SGD(learning_rate)


def adam(learning_rate: float, steps_per_epoch: int, total_steps: int) -> keras.Optimizer:
    """Build Adam with Keras' defaults and a constant rate."""
    return import_keras().optimizers.Adam(learning_rate)


def adam_one_cycle(learning_rate: float, steps_per_epoch: int, total_steps: int) -> keras.Optimizer:
    """Build Adam with a rate that rises over the first tenth and decays along a cosine to 0."""
    return import_keras().optimizers.Adam(_one_cycle(learning_rate, total_steps))


def averaged_adam_one_cycle(
    learning_rate: float, steps_per_epoch: int, total_steps: int
) -> keras.Optimizer:
    """Build ``adam_one_cycle`` with an exponential moving average of the weights, decay 0.998."""
    plain = adam_one_cycle(learning_rate, steps_per_epoch, total_steps)
    return _averaging(type(plain), decay=0.998).from_config(plain.get_config())


def slowly_averaged_adam_one_cycle(
    learning_rate: float, steps_per_epoch: int, total_steps: int
) -> keras.Optimizer:
    """Build ``adam_one_cycle`` with averaged weights, decay 0.999, for long schedules."""
    plain = adam_one_cycle(learning_rate, steps_per_epoch, total_steps)
    return _averaging(type(plain), decay=0.999).from_config(plain.get_config())


def averaged_adamw_one_cycle(
    learning_rate: float, steps_per_epoch: int, total_steps: int
) -> keras.Optimizer:
    """Build ``averaged_adam_one_cycle`` with decoupled weight decay, 1e-4 of the rate per step.

    For networks that are large enough to learn the digits by heart (I. Loshchilov, F. Hutter,
    Decoupled Weight Decay Regularization, 2019).
    """
    base = import_keras().optimizers.AdamW
    schedule = _one_cycle(learning_rate, total_steps)
    return _averaging(base, decay=0.998)(schedule, weight_decay=1e-4)


def averaged_sgd(learning_rate: float, steps_per_epoch: int, total_steps: int) -> keras.Optimizer:
    """Build gradient descent with a rate that decays by 0.99 per epoch and averaged weights.

    The weights' exponential moving average has decay 0.99; ``mean_absolute_gradient`` is that of
    the last step.
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


def _one_cycle(learning_rate: float, total_steps: int) -> Any:
    """Build a schedule that rises over the first tenth and decays along a cosine to 0."""
    warmup = max(1, total_steps // 10)
    return import_keras().optimizers.schedules.CosineDecay(
        learning_rate / 25,
        decay_steps=max(1, total_steps - warmup),
        warmup_target=learning_rate,
        warmup_steps=warmup,
    )


def _averaging(base: type[Any], *, decay: float) -> type[Any]:
    """Derive an optimizer that also keeps ``averages`` of the weights.

    They are exponential moving averages with decay ``min(decay, (1 + n) / (10 + n))`` at step n, so
    that early averages follow the weights closely.
    """
    ops = import_keras().ops

    class Averaging(base):  # type: ignore[misc]  # a class that is known at run time only
        def build(self, variables: list[Any]) -> None:
            if self.built:
                return
            super().build(variables)
            self.averages = [
                self.add_variable_from_reference(variable, name="average") for variable in variables
            ]
            for average, variable in zip(self.averages, variables, strict=True):
                average.assign(ops.copy(variable))

        def apply(self, grads: list[Any], trainable_variables: list[Any] | None = None) -> None:
            step = ops.cast(self.iterations, "float32")
            super().apply(grads, trainable_variables)
            factor = ops.minimum(decay, (1 + step) / (10 + step))
            variables = trainable_variables or self._trainable_variables
            for average, variable in zip(self.averages, variables, strict=True):
                average.assign(factor * average + (1 - factor) * variable)

    return Averaging
