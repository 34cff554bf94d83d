"""An operator with its tensors, and the checks that the kernels share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from mnist_edge.errors import UnsuitableModel
from mnist_edge.runtimes.numpy_backend.fixed_point import FixedPointFactor, to_fixed_point
from mnist_edge.runtimes.numpy_backend.flatbuffer import FlatbufferTable
from mnist_edge.runtimes.numpy_backend.model_graph import Tensor
from mnist_edge.runtimes.numpy_backend.tflite_schema import Activation
from mnist_edge.runtimes.selection import install_command

Kernel: TypeAlias = Callable[[NDArray[Any]], NDArray[Any]]
"""Runs an operator n times: an array of shape ``(n, *input.shape)`` to one with as many values as
``(n, *output.shape)``."""

_BOUNDS: dict[int, tuple[float | None, float | None]] = {
    Activation.NONE: (None, None),
    Activation.RELU: (0.0, None),
    Activation.RELU_N1_TO_1: (-1.0, 1.0),
    Activation.RELU6: (0.0, 6.0),
}
"""Lowest and highest real value after each activation."""

_MAX_STEPS = 1e6
"""A number of quantization steps beyond every integer of 8 bits."""


@dataclass(frozen=True, kw_only=True)
class Node:
    """One step of a model, before it is prepared to run."""

    name: str
    """The schema's name of the operator."""
    input: Tensor
    """The tensor that it computes on."""
    constants: tuple[Tensor | None, ...]
    """Its other inputs in order: weights, bias, axes."""
    output: Tensor
    """The tensor that it computes."""
    options: FlatbufferTable
    """Its options."""

    def require(self, supported: bool, found: str) -> None:
        """Refuse what the kernels do not support.

        Args:
            supported: whether the model may go on.
            found: what the operator has if it is not, to follow "with" in the message.

        Raises:
            UnsuitableModel: it is not supported.
        """
        if not supported:
            raise unsupported(f"{self.name} with {found}")

    def require_int8(self) -> None:
        """Refuse an input or output that is not int8 with one scale.

        Raises:
            UnsuitableModel: one is not.
        """
        for tensor in (self.input, self.output):
            self.require(
                tensor.dtype == "int8" and len(tensor.scales) == 1,
                f"{tensor.dtype} tensors of {len(tensor.scales)} scales",
            )

    def require_shape(self, shape: tuple[int, ...]) -> None:
        """Refuse an output of another shape than the operator computes.

        Raises:
            UnsuitableModel: it has another.
        """
        self.require(self.output.shape == shape, f"shape {self.output.shape}, not {shape}")

    def constant(
        self, index: int, dtype: str, dimensions: int | None = None
    ) -> tuple[Tensor, NDArray[Any]]:
        """Return one of the constant inputs and its values.

        Args:
            index: which one, from 0.
            dtype: the type it must have.
            dimensions: the number of dimensions it must have; None for any.

        Raises:
            UnsuitableModel: it is missing, computed, or of another type or shape.
        """
        tensor = self.constants[index] if index < len(self.constants) else None
        if tensor is None or tensor.data is None:
            raise unsupported(f"{self.name} without constant input {index + 1}")
        self.require(
            tensor.dtype == dtype and dimensions in (None, len(tensor.shape)),
            f"{tensor.dtype} of shape {tensor.shape}",
        )
        return tensor, tensor.data

    def fixed_point(self, real: NDArray[np.float64] | float) -> FixedPointFactor:
        """Convert real factors to integers.

        Raises:
            UnsuitableModel: they are too large for the accumulators.
        """
        try:
            return to_fixed_point(real)
        except OverflowError as error:
            raise unsupported(f"{self.name} with {error}") from error

    def clamp_range(self, activation: int) -> tuple[int, int]:
        """Return the lowest and the highest integer of the output's type and an activation's range.

        Args:
            activation: its number in the schema.

        Raises:
            UnsuitableModel: the activation does not clip, or the output does not have 8 bits.
        """
        self.require(activation in _BOUNDS, f"activation {activation}")
        self.require(self.output.dtype in ("int8", "uint8"), f"an output of {self.output.dtype}")
        limits = np.iinfo(np.dtype(self.output.dtype))
        lowest, highest = (
            None if bound is None else self._quantized(bound) for bound in _BOUNDS[activation]
        )
        minimum = limits.min if lowest is None else max(limits.min, lowest)
        maximum = limits.max if highest is None else min(limits.max, highest)
        return int(minimum), int(maximum)

    def clamp(self, activation: int) -> Kernel:
        """Prepare the clipping of integers to ``clamp_range``.

        Raises:
            UnsuitableModel: as ``clamp_range``.
        """
        (minimum, maximum), dtype = self.clamp_range(activation), np.dtype(self.output.dtype)
        return lambda values: np.minimum(np.maximum(values, minimum), maximum).astype(dtype)

    def add_zero_point_and_clamp(self, activation: int) -> Kernel:
        """Prepare the addition of the output's zero point, followed by ``clamp``."""
        clamp, zero_point = self.clamp(activation), self.output.zero_point
        return lambda values: clamp(values + zero_point)

    def _quantized(self, real: float) -> int:
        # Without the clip, a scale smaller than any sound model's would overflow.
        steps = np.clip(np.float32(real) / np.float32(self.output.scale), -_MAX_STEPS, _MAX_STEPS)
        return self.output.zero_point + int(np.copysign(np.floor(abs(steps) + 0.5), steps))


class UnsupportedOperator(UnsuitableModel):
    """An operator that the numpy runtime does not support.

    Args:
        what: the operator, and what about it is not supported.
    """

    def __init__(self, what: str) -> None:
        super().__init__(
            f"the numpy runtime runs int8 models of the most common operators, not {what}; a "
            f"TFLite runtime may run it: {install_command()}"
        )
        self.what = what
        """The operator, and what about it is not supported."""


def unsupported(what: str) -> UnsupportedOperator:
    """Make the error for what the numpy runtime does not support."""
    return UnsupportedOperator(what)
