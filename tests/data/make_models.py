"""Converts the tiny models in ``tests/data/models``, each of a few kilobytes.

Run from the root of the repository: ``python tests/data/make_models.py``.

- ``quadrants-*``: ten logits from the mean of each quarter of the digit, one file a type of
  input and output; logit 0 is the top left's mean, 1 the top right's, 2 and 3 the bottom's, the
  others are far below.
- ``flat``: as ``quadrants-float32``, but takes the 784 pixels in one row.
- ``zero``: int8, answers 0 whatever it is given.
- ``wide``, ``eleven``, ``pair``, ``whole``: sound models of something else: 32x32 pixels, eleven
  logits, two outputs, int32 pixels.
- ``greedy``: ``quadrants-int8``, damaged so that it claims 16 million tensors.
- ``regression-*``: one softmax regression on the digits halved to 14x14, which reads about nine in
  ten; each file takes its input as another of ``mnist_edge.runtimes.input_scaling``, in another
  type and shape. ``regression.npy`` has the weights, for pixels divided by 255, the bias in the
  last row.
- ``signatures``: two signatures, of which the second reads digits, as ``regression-float32`` does.
- ``stateless``: reads a variable that has no value.
- ``operators-*``: small networks of random weights and int8, which between them have the operators,
  strides, paddings and activations that the numpy runtime knows; ``operators-float`` takes and
  gives float32, and the ADD of ``operators-added`` is known to the generated C alone.
- ``edgetpu``, ``custom``, ``flex``: nothing but an operator that no TFLite runtime brings.
"""

from __future__ import annotations

import struct
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from mnist_edge.data.mnist import load_mnist
from mnist_edge.metrics.confidence import softmax
from mnist_edge.training.frameworks import import_tensorflow

_TARGET = Path(__file__).parent / "models"
_FAR_BELOW = -100.0
"""Logit of the digits that ``quadrants`` never answers."""
_MISSING = {
    "edgetpu": b"edgetpu-custom-op",
    "custom": b"Mystery-Op:v2",
    "flex": b"FlexErfinv",
}
"""The operator that each of the models has which nothing can run."""


def main() -> None:
    """Convert every model and writes it."""
    tf = import_tensorflow()
    _TARGET.mkdir(exist_ok=True)

    def quadrants(pixels: Any) -> Any:
        weights = np.eye(4, 10, dtype=np.float32)
        bias = np.where(np.arange(10) < 4, 0, _FAR_BELOW).astype(np.float32)
        means = tf.nn.avg_pool2d(pixels, 14, 14, "VALID")
        return tf.matmul(tf.reshape(means, (1, 4)), weights) + bias

    def zero(pixels: Any) -> Any:
        return 0.001 * quadrants(pixels) + np.eye(1, 10, dtype=np.float32)

    def eleven(pixels: Any) -> Any:
        return tf.concat([quadrants(pixels), [[0.0]]], axis=1)

    def pair(pixels: Any) -> Any:
        return quadrants(pixels), zero(pixels)

    digit = (1, 28, 28, 1)
    for name in ("float32", "int8", "uint8", "int16"):
        _write(tf, f"quadrants-{name}", quadrants, digit, io=name)
    _write(tf, "flat", lambda row: quadrants(tf.reshape(row, digit)), (1, 784))
    _write(tf, "zero", zero, digit, io="int8")
    _write(tf, "wide", lambda pixels: quadrants(pixels[:, :28, :28]), (1, 32, 32, 1))
    _write(tf, "eleven", eleven, digit)
    _write(tf, "pair", pair, digit)
    _write(tf, "whole", lambda whole: quadrants(tf.cast(whole, tf.float32)), digit, taken="int32")
    _damage("quadrants-int8", "greedy")
    _write_regressions(tf)
    _write_signatures(tf)
    _write_stateless(tf)
    _write_operators(tf)
    for name, operator in _MISSING.items():
        _leave_one_operator("quadrants-float32", name, operator)


def _write_regressions(tf: Any) -> None:
    train = load_mnist().train.take(np.arange(10_000))
    trained = _train(_halved(train.images / 255), train.labels)
    np.save(_TARGET / "regression.npy", trained)
    digits = train.images[:96]

    def write(
        name: str,
        shape: tuple[int, ...],
        scale: float,
        offset: float = 0.0,
        *,
        ends_in_softmax: bool = False,
        io: str = "float32",
        transposed: bool = False,
    ) -> None:
        """For an input of ``scale * pixels / 255 + offset``."""
        batch, channels = (shape[0], shape[3]) if len(shape) == 4 else (1, 1)
        # Of each pixel every channel has its share.
        weights = np.repeat(trained[:-1] / scale / channels, channels, axis=0)
        bias = trained[-1] - trained[:-1].sum(axis=0) / scale * offset

        def forward(pixels: Any) -> Any:
            squares = tf.reshape(pixels, (batch, 28, 28, channels))
            if transposed:
                squares = tf.transpose(squares, (0, 2, 1, 3))
            halved = tf.reshape(tf.nn.avg_pool2d(squares, 2, 2, "VALID"), (batch, -1))
            logits = tf.matmul(halved, weights) + bias
            return tf.nn.softmax(logits) if ends_in_softmax else logits

        read = digits[..., np.newaxis] / 255 * scale + offset
        samples = np.repeat(read, channels, axis=-1).reshape(-1, *shape).astype(np.float32)
        _write(tf, name, forward, shape, io=io, calibrated_on=samples)

    write("regression-float32", (1, 784), 1.0, ends_in_softmax=True)
    write("regression-uint8", (1, 28, 28, 1), 1.0, ends_in_softmax=True, io="uint8")
    write("regression-int8", (1, 28, 28), 2.0, -1.0, io="int8")
    write("regression-rgb", (1, 28, 28, 3), -1.0, 1.0, io="uint8")
    write("regression-transposed", (1, 28, 28), 1.0, io="int8", transposed=True)
    write("regression-batch", (8, 28, 28, 1), 1 / 0.3081, -0.1307 / 0.3081)


def _write_signatures(tf: Any) -> None:
    trained = np.load(_TARGET / "regression.npy")

    class Module(tf.Module):  # type: ignore[misc]
        @tf.function(input_signature=[tf.TensorSpec((1, 10), tf.float32)])  # type: ignore[untyped-decorator]
        def best(self, scores: Any) -> Any:
            return {"digit": tf.argmax(scores, -1)}

        @tf.function(input_signature=[tf.TensorSpec((1, 28, 28, 1), tf.float32)])  # type: ignore[untyped-decorator]
        def infer(self, image: Any) -> Any:
            halved = tf.reshape(tf.nn.avg_pool2d(image, 2, 2, "VALID"), (1, -1))
            return {"scores": tf.nn.softmax(tf.matmul(halved, trained[:-1]) + trained[-1])}

    module = Module()
    signatures = {name: getattr(module, name).get_concrete_function() for name in ("best", "infer")}
    with tempfile.TemporaryDirectory() as folder:
        tf.saved_model.save(module, folder, signatures=signatures)
        converter = tf.lite.TFLiteConverter.from_saved_model(folder, signature_keys=[*signatures])
        (_TARGET / "signatures.tflite").write_bytes(converter.convert())


def _write_stateless(tf: Any) -> None:
    import keras

    model = keras.Sequential(
        [keras.Input((28, 28)), keras.layers.Flatten(), keras.layers.Dense(10)]
    )
    # A module does not track the variables of a network of Keras 3.
    module = tf.Module()
    module.model = model
    spec = tf.TensorSpec((1, 28, 28), tf.float32)
    function = tf.function(lambda image: {"scores": model(image)}, input_signature=[spec])
    with tempfile.TemporaryDirectory() as folder:
        tf.saved_model.save(module, folder, signatures=function.get_concrete_function())
        converter = tf.lite.TFLiteConverter.from_saved_model(folder)
        (_TARGET / "stateless.tflite").write_bytes(converter.convert())


def _write_operators(tf: Any) -> None:
    nn, random = tf.nn, np.random.default_rng(0)
    samples = load_mnist().train.images[:96, ..., np.newaxis].astype(np.float32)

    def weights(*shape: int) -> Any:
        return random.normal(0, 2 / np.sqrt(np.prod(shape[:-1])), shape).astype(np.float32)

    def dense(values: Any, matrix: Any) -> Any:
        return tf.matmul(tf.reshape(values, (1, -1)), matrix) + bias

    bias, small, wide = weights(1, 10), weights(3, 3, 1, 4), weights(5, 5, 1, 6)
    twofold, apart = weights(3, 3, 4, 2), weights(2, 2, 8, 1)
    one, ten = weights(1, 1, 6, 6), weights(1, 1, 6, 10)
    from_pooled, from_mean, from_maximum = weights(72, 10), weights(6, 10), weights(100, 10)
    from_padded = weights(96, 10)

    def depthwise(pixels: Any) -> Any:
        found = nn.relu6(nn.conv2d(pixels / 255, small, 2, "VALID") - 0.1)
        found = nn.relu(nn.depthwise_conv2d(found, twofold, (1, 1, 1, 1), "SAME"))
        found = nn.depthwise_conv2d(found, apart, (1, 2, 2, 1), "VALID")
        return dense(nn.avg_pool2d(found, 3, 2, "SAME"), from_pooled)

    def mean(pixels: Any) -> Any:
        found = nn.relu(nn.conv2d(pixels, wide / 255, 3, "SAME"))
        return dense(tf.reduce_mean(nn.conv2d(found, one, 1, "SAME"), (1, 2)), from_mean)

    def kept(pixels: Any) -> Any:
        found = nn.relu(nn.conv2d(pixels, wide / 255, 3, "SAME"))
        found = tf.reduce_mean(found, (1, 2), keepdims=True)
        return tf.reshape(nn.conv2d(found, ten, 1, "VALID"), (1, 10))

    def padded(pixels: Any) -> Any:
        found = nn.conv2d(pixels, wide / 255, 3, "SAME")
        found = nn.relu(tf.pad(found, ((0, 0), (1, 2), (0, 1), (0, 0))))
        found = nn.conv2d(found, one, 2, "VALID")
        found = nn.relu6(tf.pad(found, ((0, 0), (1, 0), (1, 1), (0, 0))))
        return dense(nn.max_pool2d(found, 2, 2, "SAME"), from_padded)

    def added(pixels: Any) -> Any:
        found = nn.relu(nn.conv2d(pixels, wide / 255, 3, "SAME"))
        found = nn.relu(found + nn.conv2d(found, one, 1, "SAME"))
        found = found + nn.max_pool2d(found, 2, 1, "SAME")
        return dense(tf.reduce_mean(found, (1, 2)), from_mean)

    def maximum(row: Any) -> Any:
        scaled = tf.reshape(row * (1 / 255), (1, 28, 28, 1))
        return nn.softmax(dense(nn.max_pool2d(scaled, 4, 3, "SAME"), from_maximum))

    digit, square = (1, 28, 28, 1), (1, 28, 28)
    for name, forward, shape, io in (
        ("depthwise", depthwise, digit, "int8"),
        ("mean", mean, digit, "int8"),
        ("kept", kept, digit, "int8"),
        ("maximum", maximum, square, "uint8"),
        ("padded", padded, digit, "int8"),
        ("added", added, digit, "int8"),
        ("float", mean, digit, None),
    ):
        calibration = samples.reshape(-1, *shape)
        _write(tf, f"operators-{name}", forward, shape, io=io, calibrated_on=calibration)


def _halved(images: Any) -> Any:
    """Digits of 14x14 in one row each."""
    return images.reshape(-1, 14, 2, 14, 2).mean(axis=(2, 4)).reshape(-1, 196)


def _train(rows: Any, labels: Any) -> Any:
    """A softmax regression by gradient descent with momentum: ``(197, 10)``, the bias last."""
    inputs = np.pad(rows, ((0, 0), (0, 1)), constant_values=1)
    right = np.eye(10)[labels]
    weights, velocity = np.zeros((197, 10)), np.zeros((197, 10))
    for _ in range(300):
        gradient = inputs.T @ (softmax(inputs @ weights) - right) / len(rows)
        velocity = 0.9 * velocity - 0.1 * gradient
        weights += velocity
    # What another machine's BLAS adds up otherwise is lost.
    return weights.round(3).astype(np.float32)


def _write(
    tf: Any,
    name: str,
    forward: Callable[[Any], Any],
    shape: tuple[int, ...],
    *,
    io: str | None = "float32",
    taken: str = "float32",
    calibrated_on: Any = None,
) -> None:
    """Convert a function: to float32, to another type throughout, or, for None, inside alone."""
    function = tf.function(forward).get_concrete_function(tf.TensorSpec(shape, taken))
    converter = tf.lite.TFLiteConverter.from_concrete_functions([function])
    if io != "float32":
        ops = tf.lite.OpsSet
        wide = ops.EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.target_spec.supported_ops = [wide if io == "int16" else ops.TFLITE_BUILTINS_INT8]
        if io is not None:
            converter.inference_input_type = converter.inference_output_type = getattr(tf, io)
        samples = _extremes(shape) if calibrated_on is None else calibrated_on
        converter.representative_dataset = lambda: ([sample] for sample in samples)
    (_TARGET / f"{name}.tflite").write_bytes(converter.convert())


def _damage(name: str, damaged: str) -> None:
    from tensorflow.lite.python import schema_py_generated as schema

    content = bytearray((_TARGET / f"{name}.tflite").read_bytes())
    subgraph = schema.Model.GetRootAs(bytes(content), 0).Subgraphs(0)
    # The first field of a subgraph is the vector of its tensors, with its length before it.
    table = subgraph._tab  # noqa: SLF001  # the schema offers no way to write
    struct.pack_into("<I", content, table.Vector(table.Offset(4)) - 4, 16_000_000)
    (_TARGET / f"{damaged}.tflite").write_bytes(content)


def _leave_one_operator(name: str, written: str, operator: bytes) -> None:
    """Make a model of one custom operator from the ends of another model."""
    from tensorflow.lite.python import schema_py_generated as schema
    from tensorflow.lite.tools import flatbuffer_utils

    model = flatbuffer_utils.read_model(_TARGET / f"{name}.tflite")
    graph = model.subgraphs[0]
    code, alone = model.operatorCodes[0], graph.operators[-1]
    code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.CUSTOM
    code.customCode = operator
    alone.opcodeIndex, alone.builtinOptionsType, alone.builtinOptions = 0, 0, None
    alone.inputs, alone.outputs = graph.inputs, graph.outputs
    model.operatorCodes, graph.operators = [code], [alone]
    (_TARGET / f"{written}.tflite").write_bytes(flatbuffer_utils.convert_object_to_bytearray(model))


def _extremes(shape: tuple[int, ...]) -> list[Any]:
    """Pixels at both ends of their range, for the integer types to be ranged by."""
    return [np.full(shape, pixel, np.float32) for pixel in (0, 255)]


if __name__ == "__main__":
    main()
