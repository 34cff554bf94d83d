"""Random numbers that depend on a digit's position in its set, not on its batch."""

from __future__ import annotations

import hashlib

import numpy as np
from numpy.typing import NDArray

Images = NDArray[np.float32]
"""``(n, 28, 28)``, the ink of each pixel, 0..1."""

_WORDS_PER_STEP = 4
"""64-bit numbers that Philox generates at each step of its counter."""


class KeyedRandom:
    """Random numbers for consecutive digits of a set.

    The generator is counter-based (Philox: J. Salmon et al., Parallel Random Numbers: As Easy as 1,
    2, 3, 2011): each digit owns a range of the counter, so its numbers can be computed without
    those before it. Only the raw bits come from numpy, which keeps them stable between releases;
    the distributions are computed here.

    Args:
        key: seed and purpose; each key has its own numbers.
        first: index of the first digit, 0 or more.
        count: number of digits.
    """

    def __init__(self, key: str, *, first: int, count: int) -> None:
        self._key, self._first, self._count = key, first, count
        self._calls = 0

    def uniform(self, *shape: int) -> NDArray[np.float64]:
        """Draw ``(count, *shape)`` numbers in [0, 1); each call draws new ones."""
        self._calls += 1
        digest = hashlib.sha256(f"{self._key}/{self._calls}".encode()).digest()
        size = int(np.prod(shape, dtype=np.int64))
        steps = -(-size // _WORDS_PER_STEP)
        philox = np.random.Philox(
            key=int.from_bytes(digest[:16], "little"), counter=self._first * steps
        )
        raw = philox.random_raw(self._count * steps * _WORDS_PER_STEP)
        # A float64 holds 53 bits.
        numbers = (raw >> np.uint64(11)) * 2.0**-53
        return numbers.reshape(self._count, -1)[:, :size].reshape(self._count, *shape)

    def between(self, low: float, high: float, *shape: int) -> NDArray[np.float64]:
        """Draw ``(count, *shape)`` numbers in [low, high)."""
        return low + (high - low) * self.uniform(*shape)

    def sign(self) -> NDArray[np.float64]:
        """Draw ``(count,)`` numbers, each -1.0 or 1.0."""
        return np.where(self.uniform() < 1 / 2, -1.0, 1.0)

    def normal(self, *shape: int) -> NDArray[np.float64]:
        """Draw ``(count, *shape)`` numbers from the standard normal distribution.

        G. Box and M. Muller, A Note on the Generation of Random Normal Deviates, 1958.
        """
        radius = np.sqrt(-2 * np.log1p(-self.uniform(*shape)))
        values: NDArray[np.float64] = radius * np.cos(2 * np.pi * self.uniform(*shape))
        return values
