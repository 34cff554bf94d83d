"""Arrays and random choices that drawing is made of: smooth noise, soft edges, blur."""

from __future__ import annotations

from typing import Any, TypeAlias, TypeVar

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from PIL import Image

Field: TypeAlias = NDArray[np.float32]
T = TypeVar("T")


def clouds(rng: Generator, size: tuple[int, ...], cell: float | tuple[float, float]) -> Field:
    """Draw smooth noise of about unit strength, with lumps ``cell`` pixels wide."""
    cells = np.maximum(2, np.ceil(np.divide(size, cell))).astype(int) + 2
    return resize(rng.standard_normal(cells, np.float32), (size[0], size[1]))


def resize(field: Field, size: tuple[int, int]) -> Field:
    """Resample to a size (rows, columns), bicubically."""
    image = Image.fromarray(field).resize((size[1], size[0]), Image.Resampling.BICUBIC)
    return np.array(image)


def soft_edge(distance: NDArray[Any]) -> Field:
    """Return 1 where the distance is below 0, else 0, with a ramp one pixel wide between."""
    return np.clip(0.5 - distance, 0, 1).astype(np.float32)


def blur(field: Field, sigma: float) -> Field:
    """Blur with a Gaussian; a wide one is done on a smaller picture."""
    if sigma < 0.2:
        return field
    if sigma > 4:
        width, height = (max(2, round(side * 2 / sigma)) for side in reversed(field.shape))
        small = Image.fromarray(field).resize((width, height), Image.Resampling.BOX)
        return resize(blur(np.asarray(small), 1.9), (field.shape[0], field.shape[1]))
    reach = int(np.ceil(3 * sigma))
    kernel = np.exp(-np.square(np.arange(-reach, reach + 1) / sigma) / 2).astype(np.float32)
    kernel /= kernel.sum()
    for axis in (0, 1):
        field = np.moveaxis(field, axis, 0)
        padded = np.pad(field, ((reach, reach), (0, 0)), mode="edge")
        parts = (weight * padded[i : i + len(field)] for i, weight in enumerate(kernel))
        field = np.moveaxis(np.sum(np.stack(list(parts)), 0), 0, axis)
    return np.ascontiguousarray(field)


def to_unit_box(points: Field) -> Field:
    """Move and scale points so that they start at 0 and their longest side is 1."""
    points = points - points.min(0)
    scaled: Field = points / max(float(points.max()), 1e-6)
    return scaled


def rotation(degrees: float) -> NDArray[np.float64]:
    """Return the 2x2 matrix of a rotation."""
    cosine, sine = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return np.array([(cosine, -sine), (sine, cosine)])


def pick(rng: Generator, items: tuple[T, ...]) -> T:
    """Choose one item at random."""
    return items[rng.integers(len(items))]
