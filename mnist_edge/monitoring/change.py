"""Tell whether regions of a picture look as they did when they were last read."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from PIL import Image

_CELL = 6
"""Pixels of the sides of a part, over which the noise is averaged."""


class ChangeDetector:
    """Compares regions with those of the picture that was read last.

    Args:
        threshold: change of brightness in a part of a region that counts, of 255.
    """

    def __init__(self, threshold: float) -> None:
        self._threshold = threshold
        self._before: dict[str, NDArray[np.float32]] = {}

    def has_changed(self, regions: Mapping[str, NDArray[np.uint8]]) -> bool:
        """Compare regions with those that were remembered; True if there are none.

        Light that changes for the whole region is no change.

        Args:
            regions: name to ``(height, width, 3) uint8``.
        """
        return any(
            name not in self._before
            or self._before[name].shape != (now := _brightness(pixels)).shape
            or bool(np.abs(now - self._before[name]).max() > self._threshold)
            for name, pixels in regions.items()
        )

    def remember(self, regions: Mapping[str, NDArray[np.uint8]]) -> None:
        """Take note of the regions that are read now."""
        self._before = {name: _brightness(pixels) for name, pixels in regions.items()}


def _brightness(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return the brightness of each part of a region, relative to the whole."""
    gray = Image.fromarray(pixels).convert("L")
    size = (max(1, gray.width // _CELL), max(1, gray.height // _CELL))
    parts = np.asarray(gray.resize(size, Image.Resampling.BOX), np.float32)
    return parts - np.float32(np.median(parts))
