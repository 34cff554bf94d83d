"""Train a small Keras model of your own, convert it to int8, and read a digit with it.

python examples/own_model_converted.py out

It needs the workstation extra (TensorFlow); a model saved by your own script does as well.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import keras

from mnist_edge.data.mnist import load_mnist


def main(out: Path) -> None:
    """Write ``own.keras`` and a folder ``converted`` with its int8 file and manifest."""
    out.mkdir(parents=True, exist_ok=True)
    digits = load_mnist()
    model = keras.Sequential(
        [
            keras.Input((28, 28)),
            keras.layers.Rescaling(1 / 255),  # in the model, so that nobody scales twice
            keras.layers.Flatten(),
            keras.layers.Dense(32, activation="relu"),
            keras.layers.Dense(10),  # logits: softmax is taken once, by the classifier
        ]
    )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("adam", loss)
    model.fit(digits.train.images, digits.train.labels, batch_size=256, epochs=3, verbose=2)
    model.save(out / "own.keras")
    program = [sys.executable, "-m", "mnist_edge"]
    converted = out / "converted"
    subprocess.run(
        [*program, "convert", out / "own.keras", "--quantize", "float32,int8", "--out", converted],
        check=True,
    )
    picture = Path("mnist_edge/samples/digit.png")
    subprocess.run([*program, "predict", picture, "--model", converted], check=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
