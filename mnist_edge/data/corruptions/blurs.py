"""What glass, movement and an edge detector leave of a digit."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mnist_edge import DIGIT_SHAPE, DIGIT_SIDE
from mnist_edge.data.corruptions.geometry import sample_bilinear
from mnist_edge.data.corruptions.keyed_random import Images, KeyedRandom

GLASS_BLURS = ((0.4, 1, 0.4), (0.5, 1, 0.7), (0.6, 1, 1.0), (0.6, 2, 0.7), (0.7, 2, 1.0))
"""Glass blur: standard deviation of the blur in pixels, how far pixels are shuffled, and what share
of them, by severity."""
MOTION_LENGTHS = (2.0, 3.0, 4.0, 6.0, 9.0)
"""Motion blur: length of the movement in pixels, by severity."""
CANNY_SIGMAS = (0.4, 0.7, 1.0, 1.4, 1.8)
"""Canny edges: standard deviation of the blur before the edges are looked for, in pixels, by
severity: the stronger it is, the further out and the rounder they are."""

_WEAK, _STRONG = 0.06, 0.12
"""Slopes of edges, as a share of the steepest that full ink can have: what hangs on to a strong one
and what is one by itself."""
_STEEPEST = 4.0
"""What Sobel's operator makes of a step from paper to ink."""


def glass_blur(pictures: Images, severity: int, rng: KeyedRandom) -> Images:
    """Frosted glass: each place shows what lies near it, and all of it softly."""
    deviation, reach, share = GLASS_BLURS[severity - 1]
    moved = np.floor(rng.between(-reach, reach + 1, 2, *DIGIT_SHAPE)).astype(np.int64)
    moved *= rng.uniform(1, *DIGIT_SHAPE) < share
    apart = np.arange(DIGIT_SIDE)
    rows = np.clip(apart[:, np.newaxis] + moved[:, 0], 0, DIGIT_SIDE - 1)
    columns = np.clip(apart + moved[:, 1], 0, DIGIT_SIDE - 1)
    numbers = np.arange(len(pictures))[:, np.newaxis, np.newaxis]
    return gaussian_blur(pictures[numbers, rows, columns], deviation)


def motion_blur(pictures: Images, severity: int, rng: KeyedRandom) -> Images:
    """The camera moves along a straight line in any direction while it looks."""
    length = MOTION_LENGTHS[severity - 1]
    direction = rng.between(0, np.pi, 1, 1)
    apart = np.arange(DIGIT_SIDE)[:, np.newaxis] - (DIGIT_SIDE - 1) / 2
    # One look a pixel of the way: strokes are wider than that.
    looks = np.linspace(-length / 2, length / 2, round(length) + 1)
    seen = np.zeros_like(pictures)
    for way in looks:
        seen += sample_bilinear(
            pictures, apart + way * np.sin(direction), apart.T + way * np.cos(direction)
        )
    return seen / np.float32(len(looks))


def canny_edges(pictures: Images, severity: int, rng: KeyedRandom) -> Images:
    """The outlines of the strokes alone, in full ink.

    Blur, slope, the ridges of the slope, and of these what hangs on to a strong one (J. Canny, A
    Computational Approach to Edge Detection, 1986).
    """
    down, right = _slopes(gaussian_blur(pictures, CANNY_SIGMAS[severity - 1]))
    slope = np.hypot(down, right) / _STEEPEST
    ridge = _ridges(slope, down, right)
    weak, edges = ridge & (slope > _WEAK), ridge & (slope > _STRONG)
    while True:
        grown = weak & _near(edges)
        if np.array_equal(grown, edges):
            return edges.astype(np.float32)
        edges = grown


def gaussian_blur(pictures: Images, deviation: float) -> Images:
    """Images blurred; what lies beyond the edge takes no part.

    Args:
        pictures: ``(n, 28, 28)``.
        deviation: standard deviation in pixels, above 0.
    """
    apart = np.arange(DIGIT_SIDE)
    weights = np.exp(-((apart - apart[:, np.newaxis]) ** 2) / (2 * deviation**2))
    shares = (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)
    blurred: Images = shares @ pictures @ shares.T
    return blurred


def _slopes(pictures: Images) -> tuple[Images, Images]:
    """How fast ink grows downwards and to the right, by Sobel's operator."""
    padded = np.pad(pictures, ((0, 0), (1, 1), (1, 1)), mode="edge")
    across = padded[:, :, :-2] + 2 * padded[:, :, 1:-1] + padded[:, :, 2:]
    along = padded[:, :-2] + 2 * padded[:, 1:-1] + padded[:, 2:]
    return across[:, 2:] - across[:, :-2], along[:, :, 2:] - along[:, :, :-2]


def _ridges(slope: Images, down: Images, right: Images) -> NDArray[np.bool_]:
    """Where the slope is steepest along its own direction, of which there are four."""
    padded = np.pad(slope, ((0, 0), (1, 1), (1, 1)))
    eighths = np.rint(4 * np.arctan2(down, right) / np.pi).astype(np.int64) % 4
    ridge = np.zeros(slope.shape, np.bool_)
    for turned, (row, column) in enumerate(((0, 1), (1, 1), (1, 0), (1, -1))):
        ahead = padded[:, 1 + row : 29 + row, 1 + column : 29 + column]
        behind = padded[:, 1 - row : 29 - row, 1 - column : 29 - column]
        # Of two that are as steep one is the edge.
        ridge |= (eighths == turned) & (slope > ahead) & (slope >= behind)
    return ridge


def _near(edges: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """What is an edge or touches one, at a corner or not."""
    padded = np.pad(edges, ((0, 0), (1, 1), (1, 1)))
    tall = padded[:, :-2] | padded[:, 1:-1] | padded[:, 2:]
    wide: NDArray[np.bool_] = tall[:, :, :-2] | tall[:, :, 1:-1] | tall[:, :, 2:]
    return wide
