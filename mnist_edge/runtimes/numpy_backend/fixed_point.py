"""Real factors as integers, and rounding by them: the arithmetic between two int8 tensors.

Jacob et al. 2017, Quantization and Training of Neural Networks for Efficient
Integer-Arithmetic-Only Inference, section 2.2, https://arxiv.org/abs/1712.05877. Which operator
rounds how was measured on tflite-runtime 2.14.0, x86-64: all round twice, first to 31 bits; then
matrix products, and so convolutions, round halves up, and all other operators away from zero.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

_FRACTION_BITS = 31
_MAX_SHIFT = 30
"""Bits by which a factor may shift an accumulator of 32 bits to the left."""


@dataclass(frozen=True)
class FixedPointFactor:
    """Factors of ``multiplier / 2**31 * 2**shift``, a single one or one per channel."""

    multiplier: NDArray[np.int64]
    """``2**30..2**31 - 1``, or 0."""
    shift: NDArray[np.int64]
    """``-31..30``."""

    def round_half_away(self, values: NDArray[np.int64]) -> NDArray[np.int64]:
        """Multiply, round to 31 bits and then to integers, halves away from zero.

        Args:
            values: integers, channels last, within 32 bits after multiplication by ``2**shift``.
        """
        high, right = self._high(values), self._right
        rounded: NDArray[np.int64] = (high + self._half - ((high < 0) & (right > 0))) >> right
        return rounded

    def round_half_up(self, values: NDArray[np.int64]) -> NDArray[np.int64]:
        """Multiply, round to 31 bits and then to integers, halves up.

        Args:
            values: as for ``round_half_away``.
        """
        rounded: NDArray[np.int64] = (self._high(values) + self._half) >> self._right
        return rounded

    @cached_property
    def _left(self) -> NDArray[np.int64]:
        left: NDArray[np.int64] = self.multiplier << np.maximum(self.shift, 0)
        return left

    @cached_property
    def _right(self) -> NDArray[np.int64]:
        return np.maximum(-self.shift, 0)

    @cached_property
    def _half(self) -> NDArray[np.int64]:
        half: NDArray[np.int64] = (1 << self._right) >> 1
        return half

    def _high(self, values: NDArray[np.int64]) -> NDArray[np.int64]:
        product: NDArray[np.int64] = values * self._left
        high: NDArray[np.int64] = (product + (1 << (_FRACTION_BITS - 1))) >> _FRACTION_BITS
        return high


def to_fixed_point(real: NDArray[np.float64] | float) -> FixedPointFactor:
    """Convert real factors to integers.

    Args:
        real: above 0.

    Raises:
        OverflowError: a factor is 2**30 or more, negative, or not finite.
    """
    if not (np.isfinite(real) & (np.asarray(real) >= 0)).all():
        raise OverflowError("a factor that is negative or not finite")
    fraction, shift = np.frexp(np.asarray(real, np.float64))
    multiplier = np.floor(fraction * (1 << _FRACTION_BITS) + 0.5).astype(np.int64)
    shift = shift.astype(np.int64)
    whole = multiplier == 1 << _FRACTION_BITS
    multiplier, shift = np.where(whole, multiplier // 2, multiplier), shift + whole
    # A factor this small turns any accumulator into 0.
    vanishing = shift < -_FRACTION_BITS
    multiplier, shift = np.where(vanishing, 0, multiplier), np.where(vanishing, 0, shift)
    if shift.max(initial=0) > _MAX_SHIFT:
        raise OverflowError(f"a factor of {np.max(real)}")
    return FixedPointFactor(multiplier, shift)
