"""What the kernels with weights compute, beside the real numbers that their integers stand for.

That they give the runtime's own integers is tested model by model, in ``test_executor.py``.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from mnist_edge.errors import UnsuitableModel
from mnist_edge.runtimes.numpy_backend import matmul_kernels
from mnist_edge.runtimes.numpy_backend.flatbuffer import EMPTY_TABLE
from mnist_edge.runtimes.numpy_backend.model_graph import Tensor
from mnist_edge.runtimes.numpy_backend.node import Node
from tests.support.numpy_nodes import a_node, a_tensor

RANDOM = np.random.default_rng(1)


def a_dense_layer(weights: Tensor, bias: Tensor | None, **parts: Any) -> Node:
    units, length = weights.shape
    return a_node(
        **{
            "input": a_tensor((1, length), scale=0.1, zero_point=-12),
            "output": a_tensor((1, units), scale=2.0, zero_point=3),
            "constants": (weights, bias),
            "options": EMPTY_TABLE,
            **parts,
        }
    )


def some_weights(units: int, length: int) -> Tensor:
    data = RANDOM.integers(-127, 128, (units, length)).astype(np.int8)
    return a_tensor((units, length), scale=0.05, data=data)


# Sums of 5,000 products exceed what float32 holds exactly.
@pytest.mark.parametrize("length", [1, 40, 5_000])
def test_a_dense_layer_computes_the_real_sums_to_half_a_step(length: int) -> None:
    weights = some_weights(7, length)
    bias = a_tensor((7,), dtype="int32", data=RANDOM.integers(-900, 900, 7).astype(np.int32))
    values = RANDOM.integers(-128, 128, (5, 1, length)).astype(np.int8)
    found = matmul_kernels.prepare_fully_connected(a_dense_layer(weights, bias))(values)
    assert weights.data is not None
    assert bias.data is not None
    sums = (values[:, 0] + 12.0) @ weights.data.T.astype(float) + bias.data
    steps = np.clip(sums * 0.1 * 0.05 / 2.0 + 3, -128, 127)
    assert np.abs(found.reshape(5, 7) - steps).max() <= 0.5 + 1e-6


def test_a_missing_bias_is_zero() -> None:
    weights = some_weights(3, 4)
    zero = a_tensor((3,), dtype="int32", data=np.zeros(3, np.int32))
    values = RANDOM.integers(-128, 128, (2, 1, 4)).astype(np.int8)
    with_zero, without = (
        matmul_kernels.prepare_fully_connected(a_dense_layer(weights, bias))(values)
        for bias in (zero, None)
    )
    assert with_zero.tolist() == without.tolist()


def test_weights_that_do_not_fit_are_refused() -> None:
    weights = some_weights(3, 4)
    for parts, message in (
        ({"input": a_tensor((1, 6))}, r"shape \(1, 6\) in rows of 4"),
        ({"output": a_tensor((1, 5))}, r"shape \(1, 5\), not \(1, 3\)"),
        ({"constants": (weights, a_tensor((3,)))}, "without constant input 2"),
        ({"constants": (None,)}, "without constant input 1"),
    ):
        with pytest.raises(UnsuitableModel, match=message):
            matmul_kernels.plan_fully_connected(a_dense_layer(weights, None, **parts))


@pytest.mark.parametrize("plan", [matmul_kernels.plan_conv, matmul_kernels.plan_depthwise_conv])
def test_a_convolution_of_no_image_is_refused(plan: Any) -> None:
    filters = a_tensor((1, 3, 3, 2), data=np.ones((1, 3, 3, 2), np.int8))
    with pytest.raises(UnsuitableModel, match=r"shape \(1, 4\)"):
        plan(a_node(constants=(filters,), options=EMPTY_TABLE))
