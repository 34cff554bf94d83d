"""The input scaling of a network as part of its graph, so that its file takes raw pixels."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from converters.frozen_graph import Network
from mnist_edge import DIGIT_SHAPE
from mnist_edge.runtimes.input_scaling import InputScaling
from mnist_edge.training.frameworks import import_tensorflow


def trace_raw_pixels(
    network: Network, scaling: InputScaling, *, channels: int | None = None
) -> Any:
    """Trace a function of one raw digit, with the input scaling as part of its graph.

    Args:
        network: with a free batch, up to its logits.
        scaling: the input scaling of the network.
        channels: None for the network's own shape, 3 for a color picture.

    Returns:
        A ``ConcreteFunction`` from ``(1, *shape)`` or ``(1, 28, 28, 3)``, 0..255, to ``(1, 10)``.
    """
    tensorflow = import_tensorflow()
    shape = (1, *DIGIT_SHAPE, channels) if channels else (1, *network.shape)

    def forward(pixels: Any) -> Any:
        gray = _to_gray(pixels) if channels else pixels
        return network(tensorflow.reshape(_scale(gray, scaling), (1, *network.shape)))

    return tensorflow.function(forward, autograph=False).get_concrete_function(
        tensorflow.TensorSpec(shape, tensorflow.float32, name="pixels")
    )


def _scale(pixels: Any, scaling: InputScaling) -> Any:
    """``InputScaling.apply`` as operations of the graph."""
    tensorflow = import_tensorflow()
    if scaling.transposed:
        images = tensorflow.reshape(pixels, (1, *DIGIT_SHAPE))
        pixels = tensorflow.reshape(tensorflow.transpose(images, (0, 2, 1)), pixels.shape)
    if not scaling.unit_axes:
        return pixels * scaling.scale + scaling.offset
    values = 255.0 - pixels if scaling.inverted else pixels
    image = tensorflow.reshape(values, (1, *DIGIT_SHAPE))
    if scaling.unit_axes == (1, 2):
        flat = tensorflow.reshape(values, (1, math.prod(DIGIT_SHAPE)))
        return tensorflow.math.l2_normalize(flat, axis=-1)
    if scaling.unit_axes == (2,):
        return tensorflow.math.l2_normalize(image, axis=-1)
    # The runtime normalizes along the last axis only.
    transposed = tensorflow.transpose(image, (0, 2, 1))
    return tensorflow.transpose(tensorflow.math.l2_normalize(transposed, axis=-1), (0, 2, 1))


def _to_gray(pixels: Any) -> Any:
    """Convert ``(1, 28, 28, 3)`` to ``(1, 28, 28, 1)``: ITU-R BT.601 luma, like Pillow's mode L."""
    tensorflow = import_tensorflow()
    weights = np.array([0.299, 0.587, 0.114], np.float32).reshape(1, 1, 3, 1)
    return tensorflow.nn.conv2d(pixels, weights, strides=1, padding="VALID")
