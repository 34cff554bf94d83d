"""Convert the network of Keras' example mnist_convnet to int8, with untrained weights.

    python -m benchmarks.peers.mnist_convnet mnist_convnet.tflite

Its speed and size do not depend on what it has learnt. It is converted as every model here, but not
verified: untrained, it reads nothing. `accuracy/models.py` starts this in a process of its own,
since TensorFlow and tflite-runtime break each other.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from mnist_edge.training.frameworks import import_keras

if TYPE_CHECKING:
    import keras

PARAMETERS = 34_826
"""Weights and biases: 320 and 18,496 of the convolutions, 16,010 of the dense layer."""
QUOTED_ACCURACY = 0.991
"""About what the example reaches on the test digits after its 12 epochs, in float32, as it says
itself (https://keras.io/examples/vision/mnist_convnet/): not measured here."""

_SEED = 1


def network() -> keras.Model:
    """Build the network: from pixels divided by 255 to probabilities."""
    keras = import_keras()
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            layers.Conv2D(32, 3, activation="relu"),
            layers.MaxPooling2D(2),
            layers.Conv2D(64, 3, activation="relu"),
            layers.MaxPooling2D(2),
            layers.Flatten(),
            layers.Dropout(0.5),
            layers.Dense(10, activation="softmax"),
        ]
    )


def to_int8() -> bytes:
    """Return the bytes of its ``.tflite`` file: raw pixels in, logits out."""
    from converters import conversion, schemes, tf_converter
    from converters.calibration_set import draw_calibration_set
    from mnist_edge.data.mnist import load_mnist

    import_keras().utils.set_random_seed(_SEED)
    mnist = load_mnist()
    with tempfile.TemporaryDirectory(prefix="mnist-edge-") as temporary:
        path = Path(temporary) / "mnist_convnet.keras"
        network().save(path)
        prepared = conversion.prepare(path, mnist, pixels="pixels/255")
    (int8,) = schemes.find_schemes(["int8"])
    content = tf_converter.to_tflite(
        prepared.model.network, prepared.scaling, int8, draw_calibration_set(mnist).images
    )
    return conversion.finish(content, recipe=prepared.model.recipe, scheme=int8)


def _main() -> None:
    parser = argparse.ArgumentParser(description="Keras' mnist_convnet, untrained, in int8.")
    parser.add_argument("out", type=Path, help="the .tflite file to write")
    parser.parse_args().out.write_bytes(to_int8())


if __name__ == "__main__":
    _main()
