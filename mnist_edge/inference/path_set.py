"""A set of a million paths in the memory of a few pictures."""

from __future__ import annotations

import hashlib

import numpy as np
from numpy.typing import NDArray

_RECENT = 1 << 14
"""Digests that are kept as they came; more are sorted in among the rest."""


class PathSet:
    """Paths, of each of which a digest of 64 bits is kept.

    Of a million paths that are all different, two have one digest with a probability of 3e-8 (half
    the square of their number over 2 to the 64th).
    """

    def __init__(self) -> None:
        self._sorted: NDArray[np.uint64] = np.empty(0, np.uint64)
        self._recent: set[int] = set()

    def add(self, path: str) -> None:
        """Puts a path in."""
        self._recent.add(_digest(path))
        if len(self._recent) >= _RECENT:
            recent = np.fromiter(self._recent, np.uint64, len(self._recent))
            self._sorted = np.union1d(self._sorted, recent)
            self._recent.clear()

    def __contains__(self, path: object) -> bool:
        digest = _digest(str(path))
        if digest in self._recent:
            return True
        place = int(np.searchsorted(self._sorted, np.uint64(digest)))
        return place < len(self._sorted) and int(self._sorted[place]) == digest

    def __len__(self) -> int:
        recent = np.fromiter(self._recent, np.uint64, len(self._recent))
        return len(np.union1d(self._sorted, recent))


def _digest(path: str) -> int:
    named = path.encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.blake2b(named, digest_size=8).digest(), "big")
