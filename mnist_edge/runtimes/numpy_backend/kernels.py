"""Pooling, means, softmax and conversions, each as tflite-runtime's kernel for x86-64 computes it.

Each function checks a ``Node``, prepares what does not depend on the input, and returns the kernel:
a function of ``(n, *shape)`` arrays that runs the operator on each of the n by itself.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mnist_edge.runtimes.numpy_backend.fixed_point import FixedPointFactor
from mnist_edge.runtimes.numpy_backend.im2col import SlidingWindows, plan_windows
from mnist_edge.runtimes.numpy_backend.node import Kernel, Node
from mnist_edge.runtimes.numpy_backend.tflite_schema import (
    Activation,
    MulOptions,
    Pool2DOptions,
    ReducerOptions,
    SoftmaxOptions,
)

_MAX_PAD = 1 << 10
"""Rows, columns or channels of padding beyond which a file is not taken for a digit model."""


def prepare_max_pool(node: Node) -> Kernel:
    """Prepare MAX_POOL_2D: the maximum of each window."""
    windows, shape = plan_pool(node), node.input.shape[1:]
    clamp = node.clamp(node.options.scalar(Pool2DOptions.ACTIVATION))
    lowest = np.iinfo(np.int8).min

    def run(values: NDArray[Any]) -> NDArray[Any]:
        patches = windows.over(values.reshape(-1, *shape), lowest)
        maximum = patches[:, :, :, 0, 0]
        for index in range(1, math.prod(windows.size)):
            row, column = divmod(index, windows.size[1])
            maximum = np.maximum(maximum, patches[:, :, :, row, column])
        return clamp(maximum)

    return run


def prepare_average_pool(node: Node) -> Kernel:
    """Prepare AVERAGE_POOL_2D: the mean of each window without padding, halves away from zero."""
    windows, shape = plan_pool(node), node.input.shape[1:]
    clamp = node.clamp(node.options.scalar(Pool2DOptions.ACTIVATION))
    counts = windows.over(np.ones((1, *shape[:2], 1), np.int64), 0).sum(axis=(3, 4))

    def run(values: NDArray[Any]) -> NDArray[Any]:
        sums = windows.over(values.reshape(-1, *shape), 0).sum(axis=(3, 4), dtype=np.int64)
        return clamp(np.sign(sums) * ((np.abs(sums) + counts // 2) // counts))

    return run


def prepare_mean(node: Node) -> Kernel:
    """Prepare MEAN over some dimensions."""
    plan, clamp = plan_mean(node), node.clamp(Activation.NONE)
    array_axes = tuple(axis + 1 for axis in plan.axes)

    def run(values: NDArray[Any]) -> NDArray[Any]:
        sums = values.sum(axis=array_axes, dtype=np.int64)
        return clamp(plan.factor.round_half_away(sums - plan.subtracted) + plan.added)

    return run


@dataclass(frozen=True, kw_only=True)
class MeanPlan:
    """A mean as integers: the sum, less ``subtracted``, by ``factor``, and ``added`` to it."""

    axes: tuple[int, ...]
    """The dimensions that are reduced, ascending."""
    factor: FixedPointFactor
    subtracted: int
    added: int


def plan_mean(node: Node) -> MeanPlan:
    """Check a MEAN and compute its integers.

    Raises:
        UnsuitableModel: it is not supported.
    """
    node.require_int8()
    _, axes = node.constant(0, "int32", 1)
    shape = node.input.shape
    valid = all(-len(shape) <= axis < len(shape) for axis in axes.tolist())
    node.require(valid and len(axes) > 0, f"axes {axes.tolist()[:8]} of shape {shape}")
    reduced = sorted({axis % len(shape) for axis in axes.tolist()})
    keeps = bool(node.options.scalar(ReducerOptions.KEEP_DIMS))
    sizes = [1 if axis in reduced else size for axis, size in enumerate(shape)]
    node.require_shape(
        tuple(size for axis, size in enumerate(sizes) if keeps or axis not in reduced)
    )
    count = math.prod(shape[axis] for axis in reduced)
    is_global_pool = keeps and len(shape) == 4 and sorted(axes.tolist()) == [1, 2]
    plan = _plan_global_mean if is_global_pool else _plan_any_mean
    factor, (subtracted, added) = plan(node, count)
    return MeanPlan(axes=tuple(reduced), factor=factor, subtracted=subtracted, added=added)


def _plan_any_mean(node: Node, count: int) -> tuple[FixedPointFactor, tuple[int, int]]:
    """Return the factor from a sum to a mean, and what is subtracted before and added after."""
    whole = node.fixed_point(node.input.scale / node.output.scale)
    # The division is part of the factor, shifted so that it loses no precision.
    bits = min(count.bit_length() - 1, 31 + int(whole.shift))
    factor = FixedPointFactor((whole.multiplier << bits) // count, whole.shift - bits)
    return factor, (count * node.input.zero_point, node.output.zero_point)


def _plan_global_mean(node: Node, count: int) -> tuple[FixedPointFactor, tuple[int, int]]:
    """Return the same for a mean over the whole image that keeps its dimensions.

    The runtime has a kernel of its own for it.
    """
    scales = np.float32(node.input.scale), np.float32(node.output.scale)
    factor = node.fixed_point(float(scales[0] / (np.float32(count) * scales[1])))
    # It rounds the zero point by itself, in float32.
    zero = np.float32(node.input.zero_point) * scales[0] / scales[1]
    node.require(bool(np.isfinite(zero)), f"scale {node.input.scale}")
    rounded = int(np.trunc(zero + np.copysign(np.float32(0.5), zero)))
    return factor, (0, node.output.zero_point - rounded)


def prepare_reshape(node: Node) -> Kernel:
    """Prepare RESHAPE: the same values; every output is brought to its tensor's shape anyway."""
    shapes = node.input.shape, node.output.shape
    same_type = node.input.dtype == node.output.dtype
    same_size = math.prod(shapes[0]) == math.prod(shapes[1])
    node.require(same_type and same_size, f"shapes {shapes[0]} and {shapes[1]}")
    return lambda values: values


def prepare_softmax(node: Node) -> Kernel:
    """Prepare SOFTMAX of the last dimension, by a table of exponentials in float32."""
    node.require_int8()
    quantization = node.output.scale, node.output.zero_point
    node.require(
        quantization == (1 / 256, -128), f"an output of scale and zero point {quantization}"
    )
    node.require_shape(node.input.shape)
    beta = node.options.scalar(SoftmaxOptions.BETA)
    node.require(0 < beta < math.inf, f"beta {beta}")
    table = softmax_table(node.input.scale, beta)
    scale = np.float32(node.output.scale)
    finish = node.add_zero_point_and_clamp(Activation.NONE)

    def run(values: NDArray[Any]) -> NDArray[Any]:
        wide = values.astype(np.int64)
        powers = table[wide.max(axis=-1, keepdims=True) - wide]
        # In order, as the runtime adds: numpy's sum adds in an order of its own.
        total = np.cumsum(powers, axis=-1)[..., -1:]
        steps = powers * (np.float32(1) / (total * scale))
        # In float64, where adding a half does not round.
        return finish(np.floor(steps.astype(np.float64) + 0.5).astype(np.int64))

    return run


def softmax_table(scale: float, beta: float) -> NDArray[np.float32]:
    """Return the exponentials of a softmax, ``(256,)``, by the distance from the largest input.

    Args:
        scale: the input's scale.
        beta: the operator's factor of the exponents.
    """
    slope = np.float32(-scale) * np.float32(beta)
    exponents = slope * np.arange(256, dtype=np.float32)
    # Rounded to float32 once; numpy's own exponential of float32 may be one step off.
    table: NDArray[np.float32] = np.exp(exponents.astype(np.float64)).astype(np.float32)
    return table


def prepare_mul(node: Node) -> Kernel:
    """Prepare MUL by a constant: one number, or as many as the input has."""
    node.require_int8()
    node.require_shape(node.input.shape)
    constant, data = node.constant(0, "int8")
    node.require(
        len(constant.scales) == 1 and constant.shape in ((), (1,), node.input.shape),
        f"a constant of shape {constant.shape}",
    )
    multipliers = data.astype(np.int64) - constant.zero_point
    # In float32, as in the runtime.
    product = np.float32(node.input.scale) * np.float32(constant.scale)
    factor = node.fixed_point(float(product / np.float32(node.output.scale)))
    finish = node.add_zero_point_and_clamp(node.options.scalar(MulOptions.ACTIVATION))
    zero_point = node.input.zero_point
    return lambda values: finish(
        factor.round_half_away((values.astype(np.int64) - zero_point) * multipliers)
    )


def prepare_relu(node: Node) -> Kernel:
    """Prepare RELU or RELU6, with another scale or zero point at the output."""
    node.require_int8()
    node.require_shape(node.input.shape)
    factor = node.fixed_point(node.input.scale / node.output.scale)
    finish = node.add_zero_point_and_clamp(Activation[node.name])
    zero_point = node.input.zero_point
    return lambda values: finish(factor.round_half_away(values.astype(np.int64) - zero_point))


def prepare_pad(node: Node) -> Kernel:
    """Prepare PAD: the integer of 0.0 around the values."""
    pads = plan_pad(node)
    return lambda values: np.pad(
        values.reshape(-1, *node.input.shape),
        ((0, 0), *pads),
        constant_values=node.output.zero_point,
    )


def plan_pad(node: Node) -> list[tuple[int, int]]:
    """Check a PAD and return what it adds before and after each dimension.

    Raises:
        UnsuitableModel: it is not supported.
    """
    node.require_int8()
    before, after = node.input, node.output
    _, pads = node.constant(0, "int32", 2)
    node.require(pads.shape == (len(before.shape), 2), f"pads of shape {pads.shape}")
    # Bounded before it is added up: a damaged file's would overflow.
    node.require(bool((pads >= 0).all() and (pads <= _MAX_PAD).all()), "pads out of range")
    same = (before.scale, before.zero_point) == (after.scale, after.zero_point)
    node.require(same, "two scales")
    shape = np.array(before.shape) + pads.sum(axis=1)
    node.require_shape(tuple(shape.tolist()))
    return [(int(first), int(last)) for first, last in pads]


def prepare_quantize(node: Node) -> Kernel:
    """Prepare QUANTIZE: from real values, or from another integer type, scale or zero point."""
    node.require_shape(node.input.shape)
    finish = node.add_zero_point_and_clamp(Activation.NONE)
    scale, zero_point = np.float32(node.output.scale), node.input.zero_point
    node.require(len(node.output.scales) == 1, f"{len(node.output.scales)} scales")
    if node.input.dtype == "float32":

        def run(values: NDArray[Any]) -> NDArray[Any]:
            steps = (values / scale).astype(np.float64)
            steps = np.copysign(np.floor(np.abs(steps) + 0.5), steps)
            return finish(np.clip(np.nan_to_num(steps), -1e9, 1e9).astype(np.int64))

        return run
    _require_8_bits(node, f"{node.input.dtype} and {len(node.input.scales)} scales")
    factor = node.fixed_point(node.input.scale / node.output.scale)
    return lambda values: finish(factor.round_half_away(values.astype(np.int64) - zero_point))


def prepare_dequantize(node: Node) -> Kernel:
    """Prepare DEQUANTIZE: the real values, each rounded to float32 once."""
    node.require_shape(node.input.shape)
    types = f"{node.input.dtype} to {node.output.dtype}"
    _require_8_bits(node, types)
    node.require(node.output.dtype == "float32", types)
    scale, zero_point = node.input.scale, node.input.zero_point
    return lambda values: ((values.astype(np.int64) - zero_point) * scale).astype(np.float32)


def _require_8_bits(node: Node, found: str) -> None:
    node.require(node.input.dtype in ("int8", "uint8") and len(node.input.scales) == 1, found)


def plan_pool(node: Node) -> SlidingWindows:
    """Check a pooling operator and compute its windows.

    Raises:
        UnsuitableModel: it is not supported.
    """
    node.require_int8()
    before, after, options = node.input, node.output, node.options
    node.require(len(before.shape) == 4, f"shape {before.shape}")
    same = (before.scale, before.zero_point) == (after.scale, after.zero_point)
    node.require(same, "two scales")
    windows = plan_windows(
        node,
        (options.scalar(Pool2DOptions.FILTER_H), options.scalar(Pool2DOptions.FILTER_W)),
        (options.scalar(Pool2DOptions.STRIDE_H), options.scalar(Pool2DOptions.STRIDE_W)),
        options.scalar(Pool2DOptions.PADDING),
    )
    node.require_shape((before.shape[0], *windows.count, before.shape[3]))
    return windows
