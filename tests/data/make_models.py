"""Converts the tiny models in ``tests/data/models``, each a kilobyte or two.

Run from the root of the repository: ``python tests/data/make_models.py``.

- ``quadrants-*``: ten logits from the mean of each quarter of the digit, one file a type of
  input and output; logit 0 is the top left's mean, 1 the top right's, 2 and 3 the bottom's, the
  others are far below.
- ``flat``: as ``quadrants-float32``, but takes the 784 pixels in one row.
- ``zero``: int8, answers 0 whatever it is given.
- ``wide``, ``eleven``, ``pair``, ``whole``: sound models of something else: 32x32 pixels, eleven
  logits, two outputs, int32 pixels.
- ``greedy``: ``quadrants-int8``, damaged so that it claims 16 million tensors.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from mnist_edge.training.backend import import_tensorflow

_TARGET = Path(__file__).parent / "models"
_FAR_BELOW = -100.0
"""Logit of the digits that ``quadrants`` never answers."""


def main() -> None:
    """Converts every model and writes it."""
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


def _write(
    tf: Any,
    name: str,
    forward: Callable[[Any], Any],
    shape: tuple[int, ...],
    *,
    io: str = "float32",
    taken: str = "float32",
) -> None:
    function = tf.function(forward).get_concrete_function(tf.TensorSpec(shape, taken))
    converter = tf.lite.TFLiteConverter.from_concrete_functions([function])
    if io != "float32":
        ops = tf.lite.OpsSet
        wide = ops.EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.target_spec.supported_ops = [wide if io == "int16" else ops.TFLITE_BUILTINS_INT8]
        converter.inference_input_type = converter.inference_output_type = getattr(tf, io)
        converter.representative_dataset = lambda: _extremes(shape)
    (_TARGET / f"{name}.tflite").write_bytes(converter.convert())


def _damage(name: str, damaged: str) -> None:
    from tensorflow.lite.python import schema_py_generated as schema

    content = bytearray((_TARGET / f"{name}.tflite").read_bytes())
    subgraph = schema.Model.GetRootAs(bytes(content), 0).Subgraphs(0)
    # The first field of a subgraph is the vector of its tensors, with its length before it.
    table = subgraph._tab  # noqa: SLF001  # the schema offers no way to write
    struct.pack_into("<I", content, table.Vector(table.Offset(4)) - 4, 16_000_000)
    (_TARGET / f"{damaged}.tflite").write_bytes(content)


def _extremes(shape: tuple[int, ...]) -> Iterator[list[Any]]:
    """Pixels at both ends of their range, for the integer types to be ranged by."""
    for pixel in (0, 255):
        yield [np.full(shape, pixel, np.float32)]


if __name__ == "__main__":
    main()
