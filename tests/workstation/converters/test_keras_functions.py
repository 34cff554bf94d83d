"""From a model's file to a function of TensorFlow's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from converters import formats
from converters.keras_functions import load_function
from mnist_edge.errors import UnsuitableModel
from mnist_edge.training.frameworks import import_tensorflow
from tests.support.foreign_models import keras_3


@pytest.fixture
def two_signatures(tmp_path: Path) -> Path:
    """A SavedModel whose default signature reads no digits, beside one that reads a single one."""
    tensorflow = import_tensorflow()
    module = tensorflow.Module()
    module.weights = tensorflow.Variable(np.eye(784, 10, dtype=np.float32))

    def read(digit: Any) -> dict[str, Any]:
        row = tensorflow.reshape(digit, (1, 784))
        return {"answers": tensorflow.matmul(row, module.weights)[0]}

    def names(count: Any) -> dict[str, Any]:
        return {"name": tensorflow.strings.as_string(count)}

    signatures = {
        name: tensorflow.function(function).get_concrete_function(
            tensorflow.TensorSpec(shape, tensorflow.float32)
        )
        for name, function, shape in (
            ("serving_default", names, ()),
            ("read", read, (28, 28)),
        )
    }
    tensorflow.saved_model.save(module, str(tmp_path), signatures)
    return tmp_path


def test_the_signature_that_reads_digits_is_taken_and_given_a_batch(two_signatures: Path) -> None:
    function, framework = load_function(formats.identify(two_signatures))
    assert framework.startswith("tensorflow 2.")
    digit = np.arange(784, dtype=np.float32).reshape(1, 28, 28)
    assert function(import_tensorflow().constant(digit)).numpy().tolist() == [[*range(10)]]


@pytest.mark.slow
def test_a_recurrent_layer_is_unrolled_and_answers_as_before(tmp_path: Path) -> None:
    keras = keras_3()
    layers = [keras.Input((28, 28)), keras.layers.SimpleRNN(3), keras.layers.Dense(10)]
    model = keras.Sequential(layers)
    model.save(tmp_path / "rnn.keras")
    function, framework = load_function(formats.identify(tmp_path / "rnn.keras"))
    assert framework.startswith("keras 3.")
    assert not [op for op in function.graph.get_operations() if "While" in op.type]
    digits = np.random.default_rng(1).random((2, 28, 28), np.float32)
    found = function(import_tensorflow().constant(digits))
    np.testing.assert_allclose(found, model(digits), atol=1e-5)


def test_a_model_of_two_inputs_is_refused_by_its_file(tmp_path: Path) -> None:
    keras = keras_3()
    inputs = [keras.Input((28, 28)), keras.Input((28, 28))]
    row = keras.layers.Flatten()(keras.layers.Add()(inputs))
    keras.Model(inputs, keras.layers.Dense(10)(row)).save(tmp_path / "two.keras")
    with pytest.raises(UnsuitableModel, match=r"two\.keras: it has 2 input\(s\) and 1 output"):
        load_function(formats.identify(tmp_path / "two.keras"))
