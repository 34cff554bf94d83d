"""What an operator checks of its tensors before it runs."""

from __future__ import annotations

import numpy as np
import pytest

from mnist_edge.errors import UnsuitableModel
from mnist_edge.runtimes.numpy_backend.tflite_schema import Activation
from tests.support.numpy_nodes import a_node, a_tensor


@pytest.mark.parametrize(
    ("activation", "limits"),
    [
        (Activation.NONE, (-128, 127)),
        (Activation.RELU, (-20, 127)),
        (Activation.RELU_N1_TO_1, (-30, -10)),
        (Activation.RELU6, (-20, 40)),
    ],
)
def test_an_activation_clips_between_its_bounds_in_steps(
    activation: Activation, limits: tuple[int, int]
) -> None:
    node = a_node(output=a_tensor((1, 4), scale=0.1, zero_point=-20))
    assert node.clamp_range(activation) == limits
    finish = node.add_zero_point_and_clamp(activation)
    assert finish(np.array([-1000, 1000])).tolist() == list(limits)
    assert finish(np.array([5])).dtype == np.int8


def test_a_scale_smaller_than_any_models_clips_nothing_within_8_bits() -> None:
    node = a_node(output=a_tensor((1, 4), scale=1e-30, zero_point=0))
    assert node.clamp_range(Activation.RELU6) == (0, 127)


def test_unsupported_tensors_and_options_are_named() -> None:
    node = a_node(constants=(None, a_tensor((3,), data=np.zeros(3, np.int8))))
    with pytest.raises(UnsuitableModel, match="ADD without constant input 1"):
        node.constant(0, "int8")
    with pytest.raises(UnsuitableModel, match="ADD without constant input 3"):
        node.constant(2, "int8")
    with pytest.raises(UnsuitableModel, match=r"ADD with int8 of shape \(3,\)"):
        node.constant(1, "int8", 2)
    assert node.constant(1, "int8", 1)[1].tolist() == [0, 0, 0]
    with pytest.raises(UnsuitableModel, match=r"ADD with shape \(1, 4\), not \(2, 4\)"):
        node.require_shape((2, 4))
    with pytest.raises(UnsuitableModel, match="ADD with activation 5"):
        node.clamp_range(5)
    with pytest.raises(UnsuitableModel, match="ADD with float32 tensors"):
        a_node(input=a_tensor((1, 4), dtype="float32")).require_int8()
