"""Pooling, means, softmax and changes of type, each as tflite-runtime's kernel for x86-64 has it.

A function takes a ``Node``, checks it and prepares what does not change, and gives what runs it:
a function of ``(n, *shape)`` arrays, of which each of the n is run by itself.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mnist_edge.runtimes.numpy_backend.fixed_point import FixedPointFactor
from mnist_edge.runtimes.numpy_backend.im2col import SlidingWindows, plan_windows
from mnist_edge.runtimes.numpy_backend.node import Kernel, Node


def prepare_max_pool(node: Node) -> Kernel:
    """MAX_POOL_2D: the greatest value of every window."""
    taken = _pool(node)
    shape, finish = node.given.shape[1:], node.clamp(node.options.scalar(5, "b"))
    lowest = np.iinfo(np.int8).min

    def run(values: NDArray[Any]) -> NDArray[Any]:
        patches = taken.over(values.reshape(-1, *shape), lowest)
        found = patches[:, :, :, 0, 0]
        for number in range(1, math.prod(taken.size)):
            row, column = divmod(number, taken.size[1])
            found = np.maximum(found, patches[:, :, :, row, column])
        return finish(found)

    return run


def prepare_average_pool(node: Node) -> Kernel:
    """AVERAGE_POOL_2D: the mean of what is in the picture of every window, halves from zero."""
    taken = _pool(node)
    shape, finish = node.given.shape[1:], node.clamp(node.options.scalar(5, "b"))
    counts = taken.over(np.ones((1, *shape[:2], 1), np.int64), 0).sum(axis=(3, 4))

    def run(values: NDArray[Any]) -> NDArray[Any]:
        sums = taken.over(values.reshape(-1, *shape), 0).sum(axis=(3, 4), dtype=np.int64)
        return finish(np.sign(sums) * ((np.abs(sums) + counts // 2) // counts))

    return run


def prepare_mean(node: Node) -> Kernel:
    """MEAN over some dimensions."""
    node.require_int8()
    _, axes = node.constant(0, "int32", 1)
    shape = node.given.shape
    known = all(-len(shape) <= axis < len(shape) for axis in axes.tolist())
    node.require(known and len(axes) > 0, f"axes {axes.tolist()[:8]} of shape {shape}")
    over = {axis % len(shape) for axis in axes.tolist()}
    keeps = bool(node.options.scalar(0, "b"))
    left = [1 if axis in over else size for axis, size in enumerate(shape)]
    node.require_shape(tuple(size for axis, size in enumerate(left) if keeps or axis not in over))
    count = math.prod(shape[axis] for axis in over)
    global_pool = keeps and len(shape) == 4 and sorted(axes.tolist()) == [1, 2]
    divided, constant = (_global_mean if global_pool else _general_mean)(node, count)
    clamp, behind = node.clamp(0), tuple(axis + 1 for axis in over)

    def run(values: NDArray[Any]) -> NDArray[Any]:
        sums = values.sum(axis=behind, dtype=np.int64)
        return clamp(divided.round_half_away(sums - constant[0]) + constant[1])

    return run


def _general_mean(node: Node, count: int) -> tuple[FixedPointFactor, tuple[int, int]]:
    """What makes a mean of a sum, and what is taken off before and added after."""
    whole = node.rescaling(node.given.scale / node.made.scale)
    # The division goes into the factor, which keeps its precision by the count's power of two.
    bits = min(count.bit_length() - 1, 31 + int(whole.shift))
    divided = FixedPointFactor((whole.multiplier << bits) // count, whole.shift - bits)
    return divided, (count * node.given.zero_point, node.made.zero_point)


def _global_mean(node: Node, count: int) -> tuple[FixedPointFactor, tuple[int, int]]:
    """The same where the mean of a picture keeps its dimensions, which has a kernel of its own."""
    scales = np.float32(node.given.scale), np.float32(node.made.scale)
    divided = node.rescaling(float(scales[0] / (np.float32(count) * scales[1])))
    # It rounds the zero point by itself, in float32.
    zero = np.float32(node.given.zero_point) * scales[0] / scales[1]
    node.require(bool(np.isfinite(zero)), f"scale {node.given.scale}")
    rounded = int(np.trunc(zero + np.copysign(np.float32(0.5), zero)))
    return divided, (0, node.made.zero_point - rounded)


def prepare_reshape(node: Node) -> Kernel:
    """RESHAPE: the same values in another shape, which every tensor made is brought to."""
    shapes = node.given.shape, node.made.shape
    alike = node.given.dtype == node.made.dtype and math.prod(shapes[0]) == math.prod(shapes[1])
    node.require(alike, f"shapes {shapes[0]} and {shapes[1]}")
    return lambda values: values


def prepare_softmax(node: Node) -> Kernel:
    """SOFTMAX of the last dimension, by a table of exponentials in float32."""
    node.require_int8()
    ends = node.made.scale, node.made.zero_point
    node.require(ends == (1 / 256, -128), f"an output of scale and zero point {ends}")
    node.require_shape(node.given.shape)
    beta = node.options.scalar(0, "f")
    node.require(0 < beta < math.inf, f"beta {beta}")
    slope = np.float32(-node.given.scale) * np.float32(beta)
    exponents = slope * np.arange(256, dtype=np.float32)
    # Rounded to float32 once; numpy's own exponential of float32 may be a step off.
    table = np.exp(exponents.astype(np.float64)).astype(np.float32)
    scale, finish = np.float32(node.made.scale), node.finish(0)

    def run(values: NDArray[Any]) -> NDArray[Any]:
        wide = values.astype(np.int64)
        powers = table[wide.max(axis=-1, keepdims=True) - wide]
        # One after the other: a plain sum adds in an order of its own.
        total = np.cumsum(powers, axis=-1)[..., -1:]
        steps = powers * (np.float32(1) / (total * scale))
        # In float64, where a half can be added without rounding.
        return finish(np.floor(steps.astype(np.float64) + 0.5).astype(np.int64))

    return run


def prepare_mul(node: Node) -> Kernel:
    """MUL by a constant: one number, or as many as the tensor has."""
    node.require_int8()
    node.require_shape(node.given.shape)
    other, data = node.constant(0, "int8")
    shapes = (), (1,), node.given.shape
    node.require(
        len(other.scales) == 1 and other.shape in shapes, f"a constant of shape {other.shape}"
    )
    factors = data.astype(np.int64) - other.zero_point
    # In float32 as the runtime has it.
    product = np.float32(node.given.scale) * np.float32(other.scale)
    rescaling = node.rescaling(float(product / np.float32(node.made.scale)))
    finish, offset = node.finish(node.options.scalar(0, "b")), node.given.zero_point
    return lambda values: finish(
        rescaling.round_half_away((values.astype(np.int64) - offset) * factors)
    )


def prepare_quantize(node: Node) -> Kernel:
    """QUANTIZE: from one integer type and scale to another, or from real values."""
    node.require_shape(node.given.shape)
    finish = node.finish(0)
    scale, offset = np.float32(node.made.scale), node.given.zero_point
    node.require(len(node.made.scales) == 1, f"{len(node.made.scales)} scales")
    if node.given.dtype == "float32":

        def run(values: NDArray[Any]) -> NDArray[Any]:
            steps = (values / scale).astype(np.float64)
            steps = np.copysign(np.floor(np.abs(steps) + 0.5), steps)
            return finish(np.clip(np.nan_to_num(steps), -1e9, 1e9).astype(np.int64))

        return run
    known = node.given.dtype in ("int8", "uint8") and len(node.given.scales) == 1
    node.require(known, f"{node.given.dtype} and {len(node.given.scales)} scales")
    rescaling = node.rescaling(node.given.scale / node.made.scale)
    return lambda values: finish(rescaling.round_half_away(values.astype(np.int64) - offset))


def prepare_dequantize(node: Node) -> Kernel:
    """DEQUANTIZE: the real values, each rounded to float32 once."""
    node.require_shape(node.given.shape)
    known = node.given.dtype in ("int8", "uint8") and len(node.given.scales) == 1
    node.require(known and node.made.dtype == "float32", f"{node.given.dtype} to {node.made.dtype}")
    scale, offset = node.given.scale, node.given.zero_point
    return lambda values: ((values.astype(np.int64) - offset) * scale).astype(np.float32)


def _pool(node: Node) -> SlidingWindows:
    """The windows of a pooling operator."""
    node.require_int8()
    given, made, options = node.given, node.made, node.options
    node.require(len(given.shape) == 4, f"shape {given.shape}")
    same = (given.scale, given.zero_point) == (made.scale, made.zero_point)
    node.require(same, "two scales")
    size = options.scalar(4, "i"), options.scalar(3, "i")
    strides = options.scalar(2, "i"), options.scalar(1, "i")
    taken = plan_windows(node, size, strides, options.scalar(0, "b"))
    node.require_shape((given.shape[0], *taken.count, given.shape[3]))
    return taken
