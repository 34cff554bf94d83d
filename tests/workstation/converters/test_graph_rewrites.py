"""Operations without integers are replaced by others that compute the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from converters import conversion, frozen_graph
from converters.conversion import Converted
from mnist_edge.data.mnist import Mnist
from mnist_edge.errors import UnsuitableModel
from mnist_edge.training.frameworks import import_tensorflow
from tests.support.brought_models import convert
from tests.support.foreign_models import keras_2, save


def _frozen(forward: Any) -> tuple[Any, Any]:
    """A function of digits, and the same frozen."""
    tensorflow = import_tensorflow()
    spec = tensorflow.TensorSpec((None, 28, 28), tensorflow.float32)
    function = tensorflow.function(forward, autograph=False)
    return function, frozen_graph.freeze(function.get_concrete_function(spec), name="model")


@pytest.mark.parametrize("sizes", [[1, 5, 4], [3, -1, 2], [-1, 4], [8, -1]])
@pytest.mark.parametrize("axis", [1, -1, -2])
def test_a_split_into_parts_of_given_sizes_becomes_slices(sizes: list[int], axis: int) -> None:
    tensorflow = import_tensorflow()

    def forward(digits: Any) -> Any:
        parts = tensorflow.split(digits[:, :10, :10], sizes, axis)
        rows = [
            tensorflow.reduce_sum(part * (1 + number), (1, 2)) for number, part in enumerate(parts)
        ]
        return tensorflow.stack([*rows, *([rows[0]] * (10 - len(rows)))], axis=1)

    function, network = _frozen(forward)
    assert "SplitV" not in {node.op for node in network.graph.node}
    digits = np.random.default_rng(0).random((3, 28, 28), np.float32)
    np.testing.assert_allclose(network.run(digits), function(digits).numpy(), rtol=1e-5)


@pytest.mark.slow
def test_the_grus_of_keras_2_become_int8(few: Mnist, tmp_path: Path) -> None:
    keras = keras_2()
    model = keras.Sequential(
        [
            keras.layers.InputLayer((28, 28)),
            keras.layers.GRU(4, reset_after=False),
            keras.layers.Dense(10),
        ]
    )
    random = np.random.default_rng(0)
    model.set_weights([random.normal(0, 0.3, weight.shape) for weight in model.get_weights()])
    path = save(model, tmp_path / "gru.h5")
    own = model(few.validation.images[:4] / np.float32(255))
    prepared = conversion.prepare(path, few, pixels="pixels/255")
    np.testing.assert_allclose(prepared.reference[:4], own, atol=1e-5)
    converted = convert(prepared, tmp_path)
    assert isinstance(converted, Converted), converted


def test_what_quantization_aware_training_rounds_is_let_be_and_its_range_known() -> None:
    tensorflow = import_tensorflow()
    weights = np.random.default_rng(0).normal(0, 1, (784, 10)).astype(np.float32)

    def forward(digits: Any) -> Any:
        rounded = tensorflow.quantization.fake_quant_with_min_max_vars(digits, 0.0, 1.0)
        rows = tensorflow.reshape(rounded, (-1, 784))
        own = tensorflow.quantization.fake_quant_with_min_max_vars_per_channel(
            weights, weights.min(axis=0), weights.max(axis=0)
        )
        return tensorflow.quantization.fake_quant_with_min_max_vars(rows @ own, -99.0, 99.0)

    _, network = _frozen(forward)
    assert not any("Quant" in node.op for node in network.graph.node)
    assert network.input_range == (0.0, 1.0)
    digits = np.random.default_rng(1).random((3, 28, 28), np.float32)
    np.testing.assert_allclose(
        network.run(digits), digits.reshape(3, 784) @ weights, rtol=1e-4, atol=1e-4
    )


@pytest.mark.parametrize(
    ("scope", "message"),
    [
        ("prune_low_magnitude_dense", "model = tfmot.sparsity.keras.strip_pruning(model)"),
        ("cluster_dense", "model = tfmot.clustering.keras.strip_clustering(model)"),
        ("gru", "stateful=True"),
    ],
)
def test_a_network_that_changes_its_variables_is_refused_in_one_line(
    scope: str, message: str
) -> None:
    tensorflow = import_tensorflow()
    state = tensorflow.Variable(tensorflow.zeros((10,)))

    def forward(digits: Any) -> Any:
        with tensorflow.name_scope("model"), tensorflow.name_scope(scope):
            state.assign(digits[0, 0, :10])
        return tensorflow.reshape(digits, (-1, 784))[:, :10] + state

    with pytest.raises(UnsuitableModel) as caught:
        _frozen(forward)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
