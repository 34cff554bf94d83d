"""A third-party int8 file with float input and output, the commonest form of them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from mnist_edge.modelstore.loading import load_model
from mnist_edge.runtimes import input_scaling, scaling_ranking, unverified
from mnist_edge.runtimes.sandbox import open_model
from tests.support.paths import ROOT

# TensorFlow and the device's runtime do not share a process.
PROGRAM = """
import sys
import keras, numpy as np, tensorflow as tf
from mnist_edge.data.mnist import load_mnist
keras.utils.set_random_seed(0)
digits = load_mnist().train
images = digits.images[:6000, ..., np.newaxis] / np.float32(255)
layers = keras.layers
model = keras.Sequential([
    keras.Input((28, 28, 1)),
    layers.Conv2D(8, 3, strides=2, activation="relu"),
    layers.Conv2D(16, 3, strides=2, activation="relu"),
    layers.Flatten(),
    layers.Dense(10, activation="softmax"),
])
model.compile(keras.optimizers.Adam(4e-3), "sparse_categorical_crossentropy")
model.fit(images, digits.labels[:6000], epochs=1, verbose=0, batch_size=64)
converter = tf.lite.TFLiteConverter.from_keras_model(model)
converter.optimizations = [tf.lite.Optimize.DEFAULT]
converter.representative_dataset = lambda: ([images[i : i + 1]] for i in range(100))
open(sys.argv[1], "wb").write(converter.convert())
"""


@pytest.mark.slow
def test_the_scaling_is_inferred_from_the_range_of_a_quantize_operator(tmp_path: Path) -> None:
    path = tmp_path / "float-ends.tflite"
    subprocess.run(
        [sys.executable, "-c", PROGRAM, path],
        check=True,
        capture_output=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    stored = load_model(path)
    interpreter = open_model(stored)
    assert interpreter.input.dtype == interpreter.output.dtype == "float32"
    # It quantizes its input to 0..1: what is larger would be clipped.
    assert not interpreter.supports(input_scaling.RAW_PIXELS)
    ranking = unverified.rank_supported_scalings(interpreter)
    assert scaling_ranking.choose_scaling(ranking, name="it").name == "pixels/255"
    # Half a step of the softmax's int8 output, and not the smallest float.
    blank = ranking.best.scaling.apply(np.zeros((1, 28, 28), np.uint8))
    assert interpreter.logits_of_scaled(blank).min() > -8
