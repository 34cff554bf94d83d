"""Measure the picture of an explanation."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mnist_edge.inference.explain import ACCENT, PANEL_SIZE, panel_corner

SIZE = (panel_corner(4)[0], panel_corner(0)[1] + PANEL_SIZE + 20)
"""Width and height of the explanation of one digit."""


def panel(image: Image.Image, index: int) -> NDArray[np.uint8]:
    """Crop a panel with ten pixels around it, which boxes and frames may use."""
    left, top = panel_corner(index)
    return np.asarray(
        image.crop((left - 10, top - 10, left + PANEL_SIZE + 10, top + PANEL_SIZE + 10))
    )


def inside(image: Image.Image, index: int) -> NDArray[np.uint8]:
    """Crop a panel."""
    return panel(image, index)[10:-10, 10:-10]


def extent(mask: NDArray[np.bool_]) -> tuple[int, int, int, int]:
    """Return left, top, right and bottom of a mask's pixels, the last two exclusive."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def bars(image: Image.Image) -> list[tuple[int, bool]]:
    """Return the length of each digit's bar in pixels, and whether it is highlighted."""
    columns = inside(image, 3)[:, 22:-72]
    found = []
    for digit in range(10):
        line = columns[digit * PANEL_SIZE // 10 + PANEL_SIZE // 20].astype(int)
        filled = (line != 240).any(axis=1)
        accented = bool((line == ACCENT).all(axis=1).any())
        found.append((int(filled.sum()), accented))
    return found
