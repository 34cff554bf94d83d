"""Batch normalization, quicker where TensorFlow trains, and fitting to averaged weights."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mnist_edge.training.frameworks import import_keras, import_tensorflow

if TYPE_CHECKING:
    import keras


def with_fused_normalization(model: keras.Model) -> keras.Model:
    """The same network, its batch normalization one TensorFlow kernel while it trains.

    Keras 3 puts it together of several, which takes a step of a small network a third longer. With
    another backend than TensorFlow the network comes back as it is.
    """
    keras = import_keras()
    if keras.backend.backend() != "tensorflow":
        return model
    fused_batch_norm = import_tensorflow().compat.v1.nn.fused_batch_norm

    class FusedBatchNormalization(keras.layers.BatchNormalization):  # type: ignore[misc, name-defined]  # keras is lazy
        def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
            if not training or len(inputs.shape) != 4:
                return super().call(inputs, training=training, mask=mask)
            outputs, mean, variance = fused_batch_norm(
                inputs, self.gamma.value, self.beta.value, epsilon=self.epsilon, is_training=True
            )
            for moving, now in ((self.moving_mean, mean), (self.moving_variance, variance)):
                moving.assign(self.momentum * moving + (1 - self.momentum) * now)
            return outputs

    def fused(layer: Any) -> Any:
        kind = type(layer)
        chosen = FusedBatchNormalization if kind is keras.layers.BatchNormalization else kind
        return chosen.from_config(layer.get_config())

    copy = keras.models.clone_model(model, clone_function=fused)
    copy.set_weights(model.get_weights())
    return copy


def has_normalization(model: keras.Model) -> bool:
    """Whether any layer normalizes batches."""
    return bool(_normalizing(model))


def measure_statistics(model: keras.Model, batches: Iterable[NDArray[np.uint8]]) -> None:
    """Sets each layer's mean and variance to those over the batches, with the weights as they are.

    Averaged weights need statistics of their own (P. Izmailov et al., Averaging Weights Leads to
    Wider Optima and Better Generalization, 2018, section 3.2).

    Args:
        model: whose batch-normalization layers are set.
        batches: ``(n, *input) uint8`` each, all but the last of one size.
    """
    layers = _normalizing(model)
    momenta = [layer.momentum for layer in layers]
    for index, batch in enumerate(batches):
        for layer in layers:
            # The mean of all batches so far.
            layer.momentum = index / (index + 1)
        model(batch, training=True)
    for layer, momentum in zip(layers, momenta, strict=True):
        layer.momentum = momentum


def _normalizing(model: keras.Model) -> list[Any]:
    kind = import_keras().layers.BatchNormalization
    return [layer for layer in model.layers if isinstance(layer, kind)]
