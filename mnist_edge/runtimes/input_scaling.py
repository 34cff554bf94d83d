"""The pixel scalings that networks are trained with, by name.

This project's own models take raw pixels and need none of them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from mnist_edge.errors import UnknownName

_MAX_CLIPPING = 0.05
"""Share of a scaling's range by which a quantized input may clip it."""
_TRANSPOSED = "-transposed"
"""End of the name of a scaling whose digits are transposed."""

_EPSILON = 1e-12
"""Smallest sum of squares to divide by: a blank vector stays blank."""


@dataclass(frozen=True, kw_only=True)
class InputScaling:
    """A model's input for given pixels: ``scale * pixels + offset``, or unit vectors.

    Digits may be transposed besides, as those of EMNIST's files are.
    """

    name: str
    """Its name for ``--pixels``."""
    scale: float = 1.0
    """Input units per gray level; negative if ink and paper are swapped."""
    offset: float = 0.0
    """Input value of a pixel of 0."""
    unit_axes: tuple[int, ...] = ()
    """Axes of ``(n, 28, 28)`` along which pixels are scaled to vectors of unit length, if any."""
    inverted: bool = False
    """Whether ink and paper are swapped, which scale and offset already include."""
    transposed: bool = False
    """Whether rows and columns are swapped."""

    def apply(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Compute the model's input for some digits.

        Args:
            pixels: ``(n, 28, 28)``, 0 background, 255 ink.

        Returns:
            ``(n, 28, 28)``.
        """
        if self.transposed:
            pixels = pixels.transpose(0, 2, 1)
        if not self.unit_axes:
            values = pixels * np.float32(self.scale) + np.float32(self.offset)
            return values.astype(np.float32)
        values = (255 - pixels if self.inverted else pixels).astype(np.float32)
        squares = np.square(values).sum(axis=self.unit_axes, keepdims=True)
        return np.asarray(values / np.sqrt(np.maximum(squares, _EPSILON)), np.float32)

    def fits(self, minimum: float, maximum: float) -> bool:
        """Return whether a quantized input of some range holds the values of black and white.

        The range comes from the values that a network was trained on. A scaling that it would clip
        is not the network's own, but what is left of the contrast might still win.
        """
        first, last = self.offset, 255 * self.scale + self.offset
        values = np.array([0.0, 1.0] if self.unit_axes else [first, last])
        clipped = np.abs(np.clip(values, minimum, maximum) - values).max()
        return bool(clipped <= _MAX_CLIPPING * np.ptp(values))

    def transpose(self) -> InputScaling:
        """Return the same scaling of transposed digits."""
        return replace(self, name=f"{self.name}{_TRANSPOSED}", transposed=True)


def _input_scalings() -> tuple[InputScaling, ...]:
    plain = (
        InputScaling(name="pixels"),
        InputScaling(name="pixels/255", scale=1 / 255),
        InputScaling(name="pixels/127.5-1", scale=1 / 127.5, offset=-1.0),
        InputScaling(name="pixels/255-0.5", scale=1 / 255, offset=-0.5),
        # Mean and standard deviation of MNIST's training pixels, as PyTorch's examples have them:
        # https://github.com/pytorch/examples/blob/main/mnist/main.py
        InputScaling(name="pixels-standardized", scale=1 / (255 * 0.3081), offset=-0.1307 / 0.3081),
        # keras.utils.normalize(x, axis=1) on (n, 28, 28), on its default axis, and on (n, 784).
        InputScaling(name="pixels-unit-columns", unit_axes=(1,)),
        InputScaling(name="pixels-unit-rows", unit_axes=(2,)),
        InputScaling(name="pixels-unit-image", unit_axes=(1, 2)),
    )
    inverted = (
        replace(
            scaling,
            name=scaling.name.replace("pixels", "inverted", 1),
            inverted=True,
            scale=-scaling.scale,
            offset=255 * scaling.scale + scaling.offset,
        )
        for scaling in plain
    )
    return (*plain, *inverted)


INPUT_SCALINGS: dict[str, InputScaling] = {scaling.name: scaling for scaling in _input_scalings()}
"""Every input scaling of upright digits by name, the one of this project's models first."""
RAW_PIXELS = INPUT_SCALINGS["pixels"]
"""The input of this project's own models: the pixels themselves."""


def find_input_scaling(name: str) -> InputScaling:
    """Return the input scaling of a name.

    Args:
        name: one of ``INPUT_SCALINGS``, with ``-transposed`` at its end for transposed digits.

    Raises:
        UnknownName: there is none.
    """
    upright = name.removesuffix(_TRANSPOSED)
    if upright not in INPUT_SCALINGS:
        raise UnknownName("pixel scaling", name, INPUT_SCALINGS)
    return INPUT_SCALINGS[name] if name == upright else INPUT_SCALINGS[upright].transpose()
