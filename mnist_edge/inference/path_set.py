"""A set of a million paths in the memory of a few pictures."""

from __future__ import annotations

import hashlib

import numpy as np
from numpy.typing import NDArray

_MAX_RECENT = 1 << 14
"""Number of digests that are kept unsorted before they are merged with the others."""


class PathSet:
    """A set of paths that keeps a 64-bit digest of each.

    Among a million different paths, two have the same digest with a probability of 3e-8 (half the
    square of their number over 2 to the 64th).
    """

    def __init__(self) -> None:
        self._sorted: NDArray[np.uint64] = np.empty(0, np.uint64)
        self._recent: set[int] = set()

    def add(self, path: str) -> None:
        """Add a path."""
        self._recent.add(_digest(path))
        if len(self._recent) >= _MAX_RECENT:
            self._sorted = self._merged()
            self._recent.clear()

    def __contains__(self, path: object) -> bool:
        digest = _digest(str(path))
        if digest in self._recent:
            return True
        index = int(np.searchsorted(self._sorted, np.uint64(digest)))
        return index < len(self._sorted) and int(self._sorted[index]) == digest

    def __len__(self) -> int:
        return len(self._merged())

    def _merged(self) -> NDArray[np.uint64]:
        recent = np.fromiter(self._recent, np.uint64, len(self._recent))
        return np.union1d(self._sorted, recent)


def _digest(path: str) -> int:
    content = path.encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.blake2b(content, digest_size=8).digest(), "big")
