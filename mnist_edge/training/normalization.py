"""Batch normalization: a faster layer for TensorFlow, and statistics for averaged weights."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mnist_edge.training.frameworks import import_keras, import_tensorflow

if TYPE_CHECKING:
    import keras


def with_fused_normalization(model: keras.Model) -> keras.Model:
    """Copy a network with batch normalization as one fused TensorFlow kernel during training.

    Keras 3 composes it of several operations, with which a step of a small network takes a third
    longer. With a backend other than TensorFlow the network is returned unchanged.
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
            for moving, batch in ((self.moving_mean, mean), (self.moving_variance, variance)):
                moving.assign(self.momentum * moving + (1 - self.momentum) * batch)
            return outputs

    def fused(layer: Any) -> Any:
        layer_type = type(layer)
        if layer_type is keras.layers.BatchNormalization:
            layer_type = FusedBatchNormalization
        return layer_type.from_config(layer.get_config())

    copy = keras.models.clone_model(model, clone_function=fused)
    copy.set_weights(model.get_weights())
    return copy


def has_normalization(model: keras.Model) -> bool:
    """Return whether any layer is a batch normalization."""
    return bool(_normalization_layers(model))


def measure_statistics(model: keras.Model, batches: Iterable[NDArray[np.uint8]]) -> None:
    """Measure the mean and variance of each batch normalization anew, with the current weights.

    Averaged weights need statistics of their own (P. Izmailov et al., Averaging Weights Leads to
    Wider Optima and Better Generalization, 2018, section 3.2).

    Args:
        model: the network, whose batch-normalization layers are updated.
        batches: ``(n, *input) uint8`` each, all of one size except the last.
    """
    layers = _normalization_layers(model)
    momenta = [layer.momentum for layer in layers]
    for index, batch in enumerate(batches):
        for layer in layers:
            # The moving average becomes the mean of all batches so far.
            layer.momentum = index / (index + 1)
        model(batch, training=True)
    for layer, momentum in zip(layers, momenta, strict=True):
        layer.momentum = momentum


def _normalization_layers(model: keras.Model) -> list[Any]:
    layer_type = import_keras().layers.BatchNormalization
    return [layer for layer in model.layers if isinstance(layer, layer_type)]
