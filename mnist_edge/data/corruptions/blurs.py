"""Corruptions by blur: frosted glass, motion, and the edges that Canny's detector finds."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mnist_edge import DIGIT_SHAPE, DIGIT_SIDE
from mnist_edge.data.corruptions.geometry import center_offsets, sample_bilinear
from mnist_edge.data.corruptions.keyed_random import Images, KeyedRandom

GLASS_BLURS = ((0.4, 1, 0.4), (0.5, 1, 0.7), (0.6, 1, 1.0), (0.6, 2, 0.7), (0.7, 2, 1.0))
"""Glass blur, by severity: standard deviation of the blur in pixels, distance in pixels over which
pixels are shuffled, and share of pixels shuffled."""
MOTION_LENGTHS = (2.0, 3.0, 4.0, 6.0, 9.0)
"""Motion blur, by severity: length of the motion in pixels."""
CANNY_SIGMAS = (0.4, 0.7, 1.0, 1.4, 1.8)
"""Canny edges, by severity: standard deviation, in pixels, of the blur before edge detection. More
blur moves the edges outward and rounds them."""

_WEAK_EDGE, _STRONG_EDGE = 0.06, 0.12
"""Hysteresis thresholds, as shares of ``_MAX_GRADIENT``: a weak edge counts if it is connected to a
strong one."""
_MAX_GRADIENT = 4.0
"""Response of the Sobel operator to a step from paper to full ink."""


def glass_blur(images: Images, severity: int, rng: KeyedRandom) -> Images:
    """Look through frosted glass: shuffle pixels locally, then blur."""
    deviation, reach, share = GLASS_BLURS[severity - 1]
    shifts = np.floor(rng.between(-reach, reach + 1, 2, *DIGIT_SHAPE)).astype(np.int64)
    shifts *= rng.uniform(1, *DIGIT_SHAPE) < share
    positions = np.arange(DIGIT_SIDE)
    rows = np.clip(positions[:, np.newaxis] + shifts[:, 0], 0, DIGIT_SIDE - 1)
    columns = np.clip(positions + shifts[:, 1], 0, DIGIT_SIDE - 1)
    numbers = np.arange(len(images))[:, np.newaxis, np.newaxis]
    return gaussian_blur(images[numbers, rows, columns], deviation)


def motion_blur(images: Images, severity: int, rng: KeyedRandom) -> Images:
    """Average the picture along a straight motion in a random direction."""
    length = MOTION_LENGTHS[severity - 1]
    direction = rng.between(0, np.pi, 1, 1)
    rows, columns = center_offsets()
    # One exposure per pixel of motion is enough: strokes are wider than that.
    exposures = np.linspace(-length / 2, length / 2, round(length) + 1)
    total = np.zeros_like(images)
    for distance in exposures:
        total += sample_bilinear(
            images,
            rows + distance * np.sin(direction),
            columns + distance * np.cos(direction),
        )
    return total / np.float32(len(exposures))


def canny_edges(images: Images, severity: int, rng: KeyedRandom) -> Images:
    """Replace the digit by the outlines of its strokes, in full ink.

    Gaussian blur, gradient, non-maximum suppression and hysteresis thresholding (J. Canny, A
    Computational Approach to Edge Detection, 1986).
    """
    down, right = _gradients(gaussian_blur(images, CANNY_SIGMAS[severity - 1]))
    magnitude = np.hypot(down, right) / _MAX_GRADIENT
    maxima = _directional_maxima(magnitude, down, right)
    weak, edges = maxima & (magnitude > _WEAK_EDGE), maxima & (magnitude > _STRONG_EDGE)
    while True:
        grown = weak & _dilate_edges(edges)
        if np.array_equal(grown, edges):
            return edges.astype(np.float32)
        edges = grown


def gaussian_blur(images: Images, deviation: float) -> Images:
    """Blur images with weights normalized over the pixels inside the picture.

    Args:
        images: ``(n, 28, 28)``.
        deviation: standard deviation in pixels, above 0.
    """
    positions = np.arange(DIGIT_SIDE)
    weights = np.exp(-((positions - positions[:, np.newaxis]) ** 2) / (2 * deviation**2))
    kernel = (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)
    blurred: Images = kernel @ images @ kernel.T
    return blurred


def _gradients(images: Images) -> tuple[Images, Images]:
    """Return the gradients of ink downward and to the right, by the Sobel operator."""
    padded = np.pad(images, ((0, 0), (1, 1), (1, 1)), mode="edge")
    across = padded[:, :, :-2] + 2 * padded[:, :, 1:-1] + padded[:, :, 2:]
    along = padded[:, :-2] + 2 * padded[:, 1:-1] + padded[:, 2:]
    return across[:, 2:] - across[:, :-2], along[:, :, 2:] - along[:, :, :-2]


def _directional_maxima(magnitude: Images, down: Images, right: Images) -> NDArray[np.bool_]:
    """Mark pixels whose gradient is largest along its direction, rounded to one of four."""
    padded = np.pad(magnitude, ((0, 0), (1, 1), (1, 1)))
    directions = np.rint(4 * np.arctan2(down, right) / np.pi).astype(np.int64) % 4
    maxima = np.zeros(magnitude.shape, np.bool_)
    for direction, (row, column) in enumerate(((0, 1), (1, 1), (1, 0), (1, -1))):
        ahead = padded[:, 1 + row : 29 + row, 1 + column : 29 + column]
        behind = padded[:, 1 - row : 29 - row, 1 - column : 29 - column]
        # Of two equal neighbors, one is the edge.
        maxima |= (directions == direction) & (magnitude > ahead) & (magnitude >= behind)
    return maxima


def _dilate_edges(edges: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Mark edges and their eight neighbors."""
    padded = np.pad(edges, ((0, 0), (1, 1), (1, 1)))
    tall = padded[:, :-2] | padded[:, 1:-1] | padded[:, 2:]
    wide: NDArray[np.bool_] = tall[:, :, :-2] | tall[:, :, 1:-1] | tall[:, :, 2:]
    return wide
