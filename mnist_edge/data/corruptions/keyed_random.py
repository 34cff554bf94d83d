"""Random numbers that belong to a digit's place, whatever batch it is read in."""

from __future__ import annotations

import hashlib

import numpy as np
from numpy.typing import NDArray

Images = NDArray[np.float32]
"""``(n, 28, 28)``, the share of full ink in each pixel, 0..1."""

_WORDS = 4
"""Numbers of 64 bits that one step of Philox' counter gives."""


class KeyedRandom:
    """Random numbers for digits that stand one after the other.

    A counter is enciphered (J. Salmon et al., Parallel Random Numbers: As Easy as 1, 2, 3, 2011:
    Philox), so that each digit has a stretch of the counter to itself and the numbers of any digit
    can be had without those before it. Only the generator's bits are numpy's, which numpy keeps
    from release to release; what is made of them is made here.

    Args:
        key: what the numbers are for: others for another key.
        first: where the first digit stands, 0 or more.
        count: how many digits.
    """

    def __init__(self, key: str, *, first: int, count: int) -> None:
        self._key, self._first, self._count = key, first, count
        self._calls = 0

    def uniform(self, *shape: int) -> NDArray[np.float64]:
        """``(count, *shape)`` numbers, 0 or more and below 1; others with each call."""
        self._calls += 1
        digest = hashlib.sha256(f"{self._key}/{self._calls}".encode()).digest()
        wanted = int(np.prod(shape, dtype=np.int64))
        steps = -(-wanted // _WORDS)
        philox = np.random.Philox(
            key=int.from_bytes(digest[:16], "little"), counter=self._first * steps
        )
        raw = philox.random_raw(self._count * steps * _WORDS)
        # The upper 53 bits are all that a float64 holds.
        numbers = (raw >> np.uint64(11)) * 2.0**-53
        return numbers.reshape(self._count, -1)[:, :wanted].reshape(self._count, *shape)

    def between(self, low: float, high: float, *shape: int) -> NDArray[np.float64]:
        """``(count, *shape)`` numbers, ``low`` or more and below ``high``."""
        return low + (high - low) * self.uniform(*shape)

    def sign(self) -> NDArray[np.float64]:
        """``(count,)``, each -1.0 or 1.0."""
        return np.where(self.uniform() < 1 / 2, -1.0, 1.0)

    def normal(self, *shape: int) -> NDArray[np.float64]:
        """``(count, *shape)`` numbers of the standard normal distribution.

        G. Box and M. Muller, A Note on the Generation of Random Normal Deviates, 1958.
        """
        radius = np.sqrt(-2 * np.log1p(-self.uniform(*shape)))
        found: NDArray[np.float64] = radius * np.cos(2 * np.pi * self.uniform(*shape))
        return found
