from __future__ import annotations

import numpy as np
import pytest

from mnist_edge.data.mnist import Mnist
from mnist_edge.training import networks
from mnist_edge.training.frameworks import import_keras
from mnist_edge.training.normalization import measure_statistics, with_fused_normalization


def test_fused_normalization_computes_what_keras_does(small_mnist: Mnist) -> None:
    keras = import_keras()
    plain = networks.nano_cnn()
    fused = with_fused_normalization(plain)
    pixels = small_mnist.train.images[:64, ..., np.newaxis].astype(np.float32)
    for training in (True, False):
        ours, theirs = (np.asarray(model(pixels, training=training)) for model in (fused, plain))
        np.testing.assert_allclose(ours, theirs, atol=1e-3)
    names = [layer.name for layer in plain.layers]
    assert names == [layer.name for layer in fused.layers]
    for ours, theirs in zip(fused.weights, plain.weights, strict=True):
        # TensorFlow's kernel divides by one less than the number of pixels.
        np.testing.assert_allclose(np.asarray(ours), np.asarray(theirs), rtol=2e-3, atol=1e-4)
    assert keras.backend.backend() != "tensorflow" or fused is not plain


def test_measured_statistics_are_the_means_over_the_batches(small_mnist: Mnist) -> None:
    keras = import_keras()
    layers = keras.layers
    model = keras.Sequential([keras.Input((28, 28, 1)), layers.BatchNormalization()])
    (layer,) = model.layers
    layer.moving_mean.assign(np.array([1e6], np.float32))
    images = small_mnist.train.images[:300, ..., np.newaxis]
    measure_statistics(model, (images[start : start + 100] for start in (0, 100, 200)))
    parts = images.reshape(3, -1).astype(np.float64)
    assert float(layer.moving_mean[0]) == pytest.approx(parts.mean(), rel=1e-4)
    assert float(layer.moving_variance[0]) == pytest.approx(parts.var(axis=1).mean(), rel=1e-3)
    assert layer.momentum == pytest.approx(0.99)
