"""What is changed in a graph before it is converted."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from converters.frozen_graph import Network, cut_softmax, free_batch, freeze
from mnist_edge.errors import UnsuitableModel
from mnist_edge.training.frameworks import import_tensorflow

DIGITS = np.random.default_rng(1).random((6, 28, 28), np.float32)
WEIGHTS = np.random.default_rng(2).normal(0, 0.1, (784, 10)).astype(np.float32)


def frozen(forward: Any, *, batch: int | None = None, shape: tuple[int, ...] = (28, 28)) -> Network:
    tensorflow = import_tensorflow()
    spec = tensorflow.TensorSpec((batch, *shape), tensorflow.float32)
    function = tensorflow.function(forward, autograph=False)
    return freeze(function.get_concrete_function(spec), name="net")


def logits(digits: Any) -> Any:
    tensorflow = import_tensorflow()
    return tensorflow.matmul(tensorflow.reshape(digits, (-1, 784)), WEIGHTS)


def test_the_softmax_is_cut_off_with_what_comes_after_it_and_changes_nothing() -> None:
    softmax = import_tensorflow().nn.softmax
    network, cut = cut_softmax(frozen(lambda digits: softmax(softmax(logits(digits))) * 1.0 + 0.0))
    assert cut == ("softmax", "softmax")
    np.testing.assert_allclose(network.run(DIGITS), DIGITS.reshape(6, 784) @ WEIGHTS, atol=1e-4)


def test_logits_stay_as_they_are() -> None:
    network = frozen(lambda digits: 2.0 * logits(digits))
    same, cut = cut_softmax(network)
    assert (same.output, cut) == (network.output, ())


def test_a_fixed_batch_is_freed() -> None:
    tensorflow = import_tensorflow()

    def forward(digits: Any) -> Any:
        return tensorflow.matmul(tensorflow.reshape(digits, (3, 784)), WEIGHTS)

    freed = free_batch(frozen(forward, batch=3), DIGITS, name="net")
    assert freed.batch is None
    np.testing.assert_allclose(freed.run(DIGITS), DIGITS.reshape(6, 784) @ WEIGHTS, atol=1e-4)


def test_a_network_that_mixes_the_digits_of_a_batch_is_refused() -> None:
    tensorflow = import_tensorflow()

    def forward(digits: Any) -> Any:
        return logits(digits) - tensorflow.reduce_mean(logits(digits), axis=0, keepdims=True)

    with pytest.raises(UnsuitableModel, match="net works only in batches of 3"):
        free_batch(frozen(forward, batch=3), DIGITS, name="net")


def test_every_reason_why_it_is_no_digit_model_is_given_at_once() -> None:
    weights = np.full((30, 9), np.nan, np.float32)
    with pytest.raises(UnsuitableModel) as refused:
        frozen(lambda values: import_tensorflow().matmul(values, weights), shape=(30,))
    for reason in ("its input shape is (30,)", "its output shape is (9,)", "NaN or infinite"):
        assert reason in str(refused.value)
