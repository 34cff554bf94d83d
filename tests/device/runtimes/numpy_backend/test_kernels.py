"""What the kernels without weights compute, beside the real numbers that their integers stand for.

The runtime rounds twice, so that some results are a step off.

That they give the runtime's own integers is tested model by model, in ``test_executor.py``.
"""

from __future__ import annotations

import struct
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from mnist_edge.errors import UnsuitableModel
from mnist_edge.runtimes.numpy_backend import kernels
from mnist_edge.runtimes.numpy_backend.flatbuffer import EMPTY_TABLE, FlatbufferTable
from mnist_edge.runtimes.numpy_backend.node import Node
from tests.support.numpy_nodes import a_node, a_tensor

# A table whose first field is a float: its vtable, the distance to it, the value.
BETA_OF_ONE = FlatbufferTable(struct.pack("<HHHHif", 6, 8, 4, 0, 8, 1.0), 8)
EVERY_BYTE = np.arange(-128, 128).astype(np.int8)


def node(name: str, **parts: Any) -> Node:
    """An operator of 256 values whose options have their defaults, but for what is given."""
    tensor = a_tensor((256,))
    given = {"input": tensor, "output": tensor, "options": EMPTY_TABLE, **parts}
    return replace(a_node(**given), name=name)


def a_constant(values: Any, dtype: str, **parts: Any) -> Any:
    data = np.array(values, dtype)
    return a_tensor(data.shape, dtype=dtype, data=data, **parts)


def test_quantized_values_come_back_to_half_a_step() -> None:
    real = np.linspace(-60, 60, 256).astype(np.float32)
    floats = a_tensor((256,), dtype="float32")
    steps = kernels.prepare_quantize(node("QUANTIZE", input=floats))(real[None])
    back = kernels.prepare_dequantize(node("DEQUANTIZE", output=floats))(steps)
    assert steps.dtype == np.int8
    assert np.abs(back - real).max() <= 0.25


def test_halves_are_quantized_away_from_zero_and_nan_to_zero() -> None:
    values = np.array([[0.25, -0.25, 0.75, np.nan, np.inf, -np.inf]], np.float32)
    run = kernels.prepare_quantize(
        node("QUANTIZE", input=a_tensor((6,), dtype="float32"), output=a_tensor((6,)))
    )
    assert run(values).tolist() == [[1, -1, 2, 0, 127, -128]]


@pytest.mark.parametrize(("name", "highest"), [("RELU", 127 * 0.1), ("RELU6", 6.0)])
def test_a_rectifier_clips_real_values_on_the_outputs_scale(name: str, highest: float) -> None:
    run = kernels.prepare_relu(node(name, output=a_tensor((256,), scale=0.1)))
    expected = np.clip(EVERY_BYTE * 0.5, 0, highest)
    assert np.abs(run(EVERY_BYTE[None]) * 0.1 - expected).max() <= 0.1


def test_a_product_with_a_constant_is_that_of_the_real_values_to_a_step() -> None:
    constant = a_constant([-3], "int8", scale=0.25)
    run = kernels.prepare_mul(node("MUL", constants=(constant,)))
    expected = np.clip(EVERY_BYTE * 0.5 * -0.75, -64, 63.5)
    assert np.abs(run(EVERY_BYTE[None]) * 0.5 - expected).max() <= 0.5


def test_a_mean_is_that_of_the_real_values_to_a_step() -> None:
    values = np.random.default_rng(1).integers(-128, 128, (3, 1, 50, 4)).astype(np.int8)
    run = kernels.prepare_mean(
        node(
            "MEAN",
            input=a_tensor((1, 50, 4), zero_point=-7),
            output=a_tensor((1, 4), scale=0.125, zero_point=5),
            constants=(a_constant([1], "int32"),),
        )
    )
    expected = (values + 7.0).mean(axis=2) * 0.5
    assert np.abs((run(values) - 5.0) * 0.125 - expected).max() <= 0.125


def test_a_softmax_gives_probabilities_in_steps_of_256() -> None:
    logits = np.random.default_rng(1).integers(-40, 40, (20, 1, 10)).astype(np.int8)
    ten = a_tensor((1, 10), scale=0.1)
    run = kernels.prepare_softmax(
        node(
            "SOFTMAX",
            input=ten,
            output=a_tensor((1, 10), scale=1 / 256, zero_point=-128),
            options=BETA_OF_ONE,
        )
    )
    powers = np.exp(logits * 0.1)
    expected = powers / powers.sum(axis=-1, keepdims=True)
    assert np.abs((run(logits) + 128.0) / 256 - expected).max() <= 1 / 256


def test_padding_is_the_integer_of_zero() -> None:
    run = kernels.prepare_pad(
        node(
            "PAD",
            input=a_tensor((1, 2), zero_point=9),
            output=a_tensor((1, 5), zero_point=9),
            constants=(a_constant([[0, 0], [1, 2]], "int32"),),
        )
    )
    assert run(np.array([[[3, 4]]], np.int8)).tolist() == [[[9, 3, 4, 9, 9]]]


def test_operators_that_a_kernel_would_compute_differently_are_refused() -> None:
    eight = a_tensor((8,))
    cases: list[tuple[Any, Node, str]] = [
        (kernels.prepare_reshape, node("RESHAPE", output=eight), r"shapes \(256,\) and \(8,\)"),
        (kernels.prepare_mul, node("MUL", constants=()), "out constant input 1"),
        (kernels.prepare_relu, node("RELU", output=eight), r"shape \(8,\), not \(256,\)"),
        (kernels.prepare_dequantize, node("DEQUANTIZE"), "int8 to int8"),
        (
            kernels.prepare_mean,
            node("MEAN", constants=(a_constant([3], "int32"),)),
            r"axes \[3\] of shape \(256,\)",
        ),
        (kernels.prepare_max_pool, node("MAX_POOL_2D"), r"shape \(256,\)"),
    ]
    for prepare, refused, message in cases:
        with pytest.raises(UnsuitableModel, match=f"{refused.name} with.*{message}"):
            prepare(refused)
