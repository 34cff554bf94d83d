"""Convert models with all schemes, and damage them on purpose."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from converters import conversion, schemes
from converters.accuracy_gate import DEFAULT_GATE, AccuracyGate
from converters.calibration_set import draw_calibration_set
from converters.conversion import Converted, Prepared
from mnist_edge.data.mnist import Mnist
from mnist_edge.errors import ConversionError
from mnist_edge.training.frameworks import import_keras, import_tensorflow
from tests.support.paths import NANO

DROP_BOUND = 1.0
"""Allowed accuracy drop in percentage points: ten digits of a thousand."""


NO_DIGITS = np.zeros((0, 28, 28), np.uint8)


LEAST_AGREEMENT = 0.95
"""Minimum agreement of a hardly trained model; a planted fault leaves less than half."""


def convert_all(
    prepared: Prepared,
    folder: Path,
    chosen: list[schemes.Scheme],
    *,
    gate: AccuracyGate = DEFAULT_GATE,
    rescue: bool = False,
    keep: bool = False,
) -> list[Converted]:
    """Convert with each scheme; raise the first error."""
    made = []
    for outcome in conversion.convert_each(
        prepared,
        folder,
        chosen,
        calibration=draw_calibration_set(prepared.mnist),
        gate=gate,
        recover=rescue,
        keep=keep,
    ):
        if isinstance(outcome, ConversionError):
            raise outcome
        made.append(outcome)
    return made


def edit_model(content: bytes, edit: Callable[[Any], None]) -> bytes:
    """Change something in the flatbuffer of a ``.tflite``."""
    import_tensorflow()
    from tensorflow.lite.tools import flatbuffer_utils

    model = flatbuffer_utils.convert_bytearray_to_object(bytearray(content))
    edit(model)
    return bytes(flatbuffer_utils.convert_object_to_bytearray(model))


def lose_weight_scale(model: Any) -> None:
    # The first convolution's weights, every other filter ten times as large.
    graph = model.subgraphs[0]
    weights = graph.tensors[graph.operators[0].inputs[1]].quantization
    weights.scale = np.array(
        [scale * (10 if row % 2 else 1) for row, scale in enumerate(weights.scale)], np.float32
    )


def sound_model() -> bytes:
    return (NANO / "int8.tflite").read_bytes()


LARGE = np.where(np.arange(32) == 7, 1000.0, 1.0).astype(np.float32)
"""The factor of each hidden unit."""


def save_unbalanced(small_mnist: Mnist, path: Path) -> Path:
    """Save a network that is good in floats, with one hidden unit a thousand times as large."""
    keras = import_keras()
    keras.utils.set_random_seed(1)
    hidden = keras.layers.Dense(32, activation="relu")
    last = keras.layers.Dense(10)
    model = keras.Sequential([keras.Input((28, 28)), keras.layers.Flatten(), hidden, last])
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    model.fit(small_mnist.train.images / 255, small_mnist.train.labels, epochs=4, verbose=0)
    kernel, bias = hidden.get_weights()
    hidden.set_weights([kernel * LARGE, bias * LARGE])
    kernel, bias = last.get_weights()
    last.set_weights([kernel / LARGE[:, None], bias])
    model.save(path)
    return path
