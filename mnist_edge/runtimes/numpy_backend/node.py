"""An operator with the tensors around it, and what every kernel asks of them."""

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
from mnist_edge.runtimes.selection import install_command

Kernel: TypeAlias = Callable[[NDArray[Any]], NDArray[Any]]
"""What runs an operator: ``(n, *shape)`` to an array of as many values as n of what it makes."""

_ACTIVATIONS = {0: (None, None), 1: (0.0, None), 2: (-1.0, 1.0), 3: (0.0, 6.0)}
"""Real bounds of the activations that an operator may end in, by their number in the schema: none,
ReLU, ReLU between -1 and 1, ReLU6."""

_FAR = 1e6
"""Steps from 0.0 beyond every integer of 8 bits."""


@dataclass(frozen=True, kw_only=True)
class Node:
    """One step of a model, with what is known of it before it runs."""

    name: str
    """The operator's name in the schema."""
    given: Tensor
    """The tensor that it is run on."""
    constants: tuple[Tensor | None, ...]
    """Its other inputs in order: weights, bias, axes."""
    made: Tensor
    """The tensor that it makes."""
    options: FlatbufferTable
    """Its settings."""

    def require(self, holds: bool, otherwise: str) -> None:
        """Refuses what the kernels do not do.

        Args:
            holds: what must be.
            otherwise: how to call it where it is not, after "with".

        Raises:
            UnsuitableModel: it does not hold.
        """
        if not holds:
            raise unsuitable(f"{self.name} with {otherwise}")

    def require_int8(self) -> None:
        """Refuses any but one int8 tensor in and one out, each with one scale.

        Raises:
            UnsuitableModel: another.
        """
        for tensor in (self.given, self.made):
            self.require(
                tensor.dtype == "int8" and len(tensor.scales) == 1,
                f"{tensor.dtype} tensors of {len(tensor.scales)} scales",
            )

    def require_shape(self, shape: tuple[int, ...]) -> None:
        """Refuses a tensor made that has another shape than it comes to.

        Raises:
            UnsuitableModel: another.
        """
        self.require(self.made.shape == shape, f"shape {self.made.shape}, not {shape}")

    def constant(
        self, number: int, dtype: str, dimensions: int | None = None
    ) -> tuple[Tensor, NDArray[Any]]:
        """One of the other inputs, which must be a constant, and its values.

        Args:
            number: which, from 0.
            dtype: the type it must have.
            dimensions: how many it must have; None for any.

        Raises:
            UnsuitableModel: it is something else, or is not there.
        """
        found = self.constants[number] if number < len(self.constants) else None
        if found is None or found.data is None:
            raise unsuitable(f"{self.name} without constant input {number + 1}")
        self.require(
            found.dtype == dtype and dimensions in (None, len(found.shape)),
            f"{found.dtype} of shape {found.shape}",
        )
        return found, found.data

    def rescaling(self, real: NDArray[np.float64] | float) -> FixedPointFactor:
        """Real factors in integers.

        Raises:
            UnsuitableModel: larger than accumulators have room for.
        """
        try:
            return to_fixed_point(real)
        except OverflowError as error:
            raise unsuitable(f"{self.name} with {error}") from error

    def clamp(self, activation: int) -> Kernel:
        """What brings integers into the range of the tensor made, and into its type.

        Args:
            activation: its number in the schema.

        Raises:
            UnsuitableModel: it is none that clamps, or the tensor is not of 8 bits.
        """
        self.require(activation in _ACTIVATIONS, f"activation {activation}")
        self.require(self.made.dtype in ("int8", "uint8"), f"{self.made.dtype} to make")
        dtype = np.dtype(self.made.dtype)
        limits = np.iinfo(dtype)
        lowest, highest = (
            None if bound is None else self._quantized(bound) for bound in _ACTIVATIONS[activation]
        )
        least = limits.min if lowest is None else max(limits.min, lowest)
        greatest = limits.max if highest is None else min(limits.max, highest)
        return lambda values: np.minimum(np.maximum(values, least), greatest).astype(dtype)

    def finish(self, activation: int) -> Kernel:
        """As ``clamp``, once the zero point of the tensor made is added."""
        clamp, offset = self.clamp(activation), self.made.zero_point
        return lambda values: clamp(values + offset)

    def _quantized(self, real: float) -> int:
        # The clip keeps what so small a scale as no model has would make infinite.
        steps = np.clip(np.float32(real) / np.float32(self.made.scale), -_FAR, _FAR)
        return self.made.zero_point + int(np.copysign(np.floor(abs(steps) + 0.5), steps))


def unsuitable(what: str) -> UnsuitableModel:
    """The error for what the numpy runtime does not do."""
    return UnsuitableModel(
        f"the numpy runtime runs int8 models of the commonest operators, not {what}; a TFLite "
        f"runtime may run it: {install_command()}"
    )
