from __future__ import annotations

import numpy as np
import pytest

from converters.frozen_graph import Network
from converters.raw_pixels import trace_raw_pixels
from mnist_edge.data.mnist import Mnist
from mnist_edge.runtimes import input_scaling
from mnist_edge.training.frameworks import import_tensorflow


def _identity(shape: tuple[int, ...]) -> Network:
    """Make a network that returns its input."""
    tensorflow = import_tensorflow()
    forward = tensorflow.function(tensorflow.identity).get_concrete_function(
        tensorflow.TensorSpec((None, *shape), tensorflow.float32)
    )
    (taken,), (given,) = forward.inputs, forward.outputs
    return Network(
        graph=forward.graph.as_graph_def(),
        input=taken.name,
        output=given.name,
        shape=shape,
        batch=None,
    )


@pytest.mark.parametrize("name", input_scaling.INPUT_SCALINGS)
def test_a_scaling_is_the_same_in_numpy_and_in_the_graph(name: str, small_mnist: Mnist) -> None:
    reading = input_scaling.find_input_scaling(name)
    constant = import_tensorflow().constant
    blank = np.zeros((1, 28, 28), np.uint8)
    for shape in ((28, 28), (28, 28, 1), (784,)):
        forward = trace_raw_pixels(_identity(shape), reading)
        for image in [*small_mnist.test.images[:10, None], blank]:
            expected = reading.apply(image).reshape(1, *shape)
            given = forward(constant(image.reshape(1, *shape).astype(np.float32)))
            np.testing.assert_allclose(given, expected, atol=1e-4 * np.abs(expected).max())
