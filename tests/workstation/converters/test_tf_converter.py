"""Files that TensorFlow writes, compared with Keras and between runtimes."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest

from converters import schemes, tf_converter
from converters.compact import parse_model
from converters.conversion import Prepared
from mnist_edge.data.mnist import Mnist
from mnist_edge.modelstore import SCHEMES
from mnist_edge.runtimes.input_scaling import RAW_PIXELS
from mnist_edge.runtimes.sandbox import run_sandboxed
from mnist_edge.training import training_run
from mnist_edge.training.frameworks import import_keras
from tests.support.paths import NANO
from tests.support.peers import run_on_litert


@pytest.mark.slow
def test_ai_edge_litert_gives_the_logits_of_tflite_runtime(nano: Path, small_mnist: Mnist) -> None:
    digits = small_mnist.validation.images
    models = [nano / f"{scheme}.tflite" for scheme in SCHEMES]
    for model, theirs in zip(models, run_on_litert(models, digits), strict=True):
        ours = run_sandboxed(model.read_bytes(), digits, name=model.stem)
        assert ours.runtime.startswith("tflite-runtime")
        # Integers may end up two steps apart. Each runtime measures a dynamic model's activations
        # in its own way, where logits reach beyond 20.
        bound = 2.01 * ours.output.scale or (0.1 if model.stem == "dynamic" else 1e-4)
        assert np.abs(theirs - ours.logits).max() <= bound
        # Where two logits are that close, either answer is right.
        second, first = np.sort(ours.logits, axis=1)[:, -2:].T
        clear = first - second > 2 * bound
        assert clear.mean() > 0.99
        answers, same = (logits.argmax(axis=1) for logits in (theirs, ours.logits))
        assert np.array_equal(answers[clear], same[clear])


@pytest.mark.slow
def test_float32_on_the_device_gives_the_logits_that_keras_gives(
    prepared: Prepared, small_mnist: Mnist
) -> None:
    model = import_keras().models.load_model(NANO / "model.keras", compile=False)
    keras = training_run.predict_logits(model, small_mnist.validation)
    np.testing.assert_allclose(prepared.reference, keras, atol=1e-3)
    content = tf_converter.to_tflite(
        prepared.model.network, RAW_PIXELS, schemes.float32(), small_mnist.train.images[:10]
    )
    device = run_sandboxed(content, small_mnist.validation.images, name="nano").logits
    np.testing.assert_allclose(device, keras, atol=1e-3)


def test_normalization_is_folded_reproducibly(prepared: Prepared, small_mnist: Mnist) -> None:
    model = parse_model(
        tf_converter.to_tflite(
            prepared.model.network, RAW_PIXELS, schemes.float32(), small_mnist.train.images[:10]
        )
    )
    found = {buffer.data.tobytes() for buffer in model.buffers if buffer.data is not None}
    keras = import_keras()
    layers = keras.models.load_model(NANO / "model.keras", compile=False).layers
    pairs = [
        (layer, following)
        for layer, following in itertools.pairwise(layers)
        if isinstance(following, keras.layers.BatchNormalization)
    ]
    assert len(pairs) > 1
    # The first takes the pixels' scale as well.
    for convolution, normalization in pairs[1:]:
        gamma, _, _, variance = normalization.get_weights()
        spread = (variance + np.float32(normalization.epsilon)).astype(np.float64)
        # Rounded once: a processor's own reciprocal root is off by a bit or two.
        factor = (1 / np.sqrt(spread)).astype(np.float32) * gamma
        weights = convolution.get_weights()[0] * factor
        assert weights.transpose(3, 0, 1, 2).tobytes() in found
