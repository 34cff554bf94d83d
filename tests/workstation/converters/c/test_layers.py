"""Random small graphs of the known operators: in C they give the runtime's integers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mnist_edge.data.mnist import Mnist
from mnist_edge.training.frameworks import import_tensorflow
from tests.support.c_programs import SANITIZERS, assert_equal_in_c, manifest_for

PADDINGS = ("SAME", "VALID")
SEEDS = range(12)


class Steps:
    """The operators of a random graph, each of an image, with random weights and sizes."""

    def __init__(self, random: np.random.Generator) -> None:
        self.tf, self.random = import_tensorflow(), random

    def weights(self, *shape: int) -> Any:
        deviation = 1.5 / np.sqrt(np.prod(shape[:-1]))
        return self.random.normal(0, deviation, shape).astype(np.float32)

    def window(self, found: Any) -> tuple[int, int, str]:
        size, stride = self.random.integers(1, 4, 2).tolist()
        return min(size, *found.shape[1:3]), min(stride, 2), PADDINGS[self.random.integers(2)]

    def conv(self, found: Any) -> Any:
        size, stride, side = self.window(found)
        kernel = self.weights(size, int(self.random.integers(1, size + 1)), found.shape[3], 3)
        convolved = self.tf.nn.conv2d(found, kernel, stride, side)
        return self.tf.nn.bias_add(convolved, self.weights(1, 3)[0])

    def depthwise(self, found: Any) -> Any:
        size, stride, side = self.window(found)
        kernel = self.weights(size, size, found.shape[3], int(self.random.integers(1, 3)))
        return self.tf.nn.depthwise_conv2d(found, kernel, (1, stride, stride, 1), side)

    def max_pool(self, found: Any) -> Any:
        return self.tf.nn.max_pool2d(found, *self.window(found))

    def average_pool(self, found: Any) -> Any:
        return self.tf.nn.avg_pool2d(found, *self.window(found))

    def pad(self, found: Any) -> Any:
        before, after = self.random.integers(0, 3, 2)
        return self.tf.pad(found, ((0, 0), (before, after), (after, before), (0, 0)))

    def add(self, found: Any) -> Any:
        depth = found.shape[3]
        return found + self.tf.nn.conv2d(found, self.weights(1, 1, depth, depth), 1, "SAME")

    def relu(self, found: Any) -> Any:
        return self.tf.nn.relu(found)

    def relu6(self, found: Any) -> Any:
        return self.tf.nn.relu6(found)

    def mean(self, found: Any) -> Any:
        return self.tf.reduce_mean(found, (1, 2), keepdims=True)


KINDS = (
    *(Steps.conv, Steps.conv, Steps.depthwise, Steps.depthwise, Steps.max_pool),
    *(Steps.average_pool, Steps.pad, Steps.add, Steps.relu, Steps.relu6, Steps.mean),
)


def random_graph(seed: int, digits: Any) -> bytes:
    """Convert a network of some random layers, and a dense layer or a softmax at the end."""
    tf, random = import_tensorflow(), np.random.default_rng(seed)
    steps = Steps(random)
    kinds = [KINDS[index] for index in random.integers(0, len(KINDS), random.integers(2, 6))]
    ends_in_softmax, io = bool(random.integers(2)), ("int8", "uint8")[random.integers(2)]
    per_tensor = bool(random.integers(2))
    state = random.bit_generator.state

    def forward(pixels: Any) -> Any:
        random.bit_generator.state = state
        found = tf.nn.conv2d(pixels / 128, steps.weights(3, 3, 1, 4), 3, "SAME")
        for kind in kinds:
            found = kind(steps, found)
        row = tf.reshape(found, (1, -1))
        logits = tf.matmul(row, steps.weights(row.shape[1], 10)) + steps.weights(1, 10)[0]
        return tf.nn.softmax(logits) if ends_in_softmax else logits

    spec = tf.TensorSpec((1, 28, 28, 1), "float32")
    function = tf.function(forward).get_concrete_function(spec)
    converter = tf.lite.TFLiteConverter.from_concrete_functions([function])
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter._experimental_disable_per_channel = per_tensor  # noqa: SLF001
    converter.inference_input_type = converter.inference_output_type = getattr(tf, io)
    samples = digits[:30, np.newaxis, ..., np.newaxis].astype(np.float32)
    converter.representative_dataset = lambda: ([sample] for sample in samples)
    content: bytes = converter.convert()
    return content


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:Statistics for quantized inputs")
@pytest.mark.parametrize("seed", SEEDS)
def test_a_random_graph_gives_the_runtimes_integers(
    seed: int, mnist: Mnist, tmp_path: Path
) -> None:
    pytest.importorskip("tflite_runtime")
    content = random_graph(seed, mnist.train.images)
    noise = np.random.default_rng(seed).integers(0, 256, (40, 28, 28), np.uint8)
    digits = np.concatenate([mnist.validation.images[:40], noise])
    manifest = manifest_for(content)
    assert_equal_in_c(tmp_path, content, manifest, digits, "-O1", *SANITIZERS)
