"""Uneven light: gradients, lamps, shadows."""

from __future__ import annotations

import numpy as np
from numpy.random import Generator

from benchmarks.accuracy.hard_pictures.fields import Field, soft_edge


def gradient(rng: Generator, size: tuple[int, int], depth: float) -> Field:
    """Return light that falls off from one side to the other by ``depth``."""
    distance = distance_from_line(rng, size)
    low, high = distance.min(), distance.max()
    light: Field = 1 - np.float32(depth) * (distance - low) / (high - low)
    return light


def vignette(rng: Generator, size: tuple[int, int], depth: float) -> Field:
    """Return the pool of light under a lamp."""
    center = rng.uniform(0.3, 0.7, 2) * size
    rows, columns = np.ogrid[: size[0], : size[1]]
    squares = (rows - center[0]) ** 2 + (columns - center[1]) ** 2
    light: Field = (1 - depth * squares / squares.max()).astype(np.float32)
    return light


def shadow(rng: Generator, size: tuple[int, int], depth: float) -> Field:
    """Return the shadow of a hand or a phone: one or two straight, slightly soft edges."""
    inside = soft_edge(distance_from_line(rng, size) / rng.uniform(1, 0.02 * max(size) + 1))
    if rng.random() < 0.5:
        inside = inside * soft_edge(
            distance_from_line(rng, size) / rng.uniform(1, 0.02 * max(size) + 1)
        )
    light: Field = 1 - np.float32(depth) * inside
    return light


def distance_from_line(rng: Generator, size: tuple[int, int]) -> Field:
    """Return the signed distance, in pixels, from a line through the middle of a picture."""
    angle = rng.uniform(0, 2 * np.pi)
    at = rng.uniform(0.3, 0.7, 2) * size
    rows, columns = np.ogrid[: size[0], : size[1]]
    distance = (rows - at[0]) * np.cos(angle) + (columns - at[1]) * np.sin(angle)
    return np.asarray(distance, np.float32)
