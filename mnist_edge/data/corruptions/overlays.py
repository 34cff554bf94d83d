"""Corruptions drawn over a digit: a stripe, spatter, lines."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mnist_edge import DIGIT_SHAPE
from mnist_edge.data.corruptions.blurs import gaussian_blur
from mnist_edge.data.corruptions.geometry import center_offsets
from mnist_edge.data.corruptions.keyed_random import Images, KeyedRandom

STRIPE_WIDTHS = (2, 4, 6, 8, 10)
"""Stripe, by severity: width in pixels."""
SPATTER_THRESHOLDS = (1.9, 1.6, 1.3, 1.05, 0.8)
"""Spatter, by severity: standard deviations above the mean from which noise becomes a drop."""
DOTTED_LINES = ((1, 0.4), (1, 0.8), (1, 1.2), (2, 1.2), (3, 1.2))
"""Dotted line, by severity: number of lines, and radius of their dots in pixels."""
ZIGZAGS = ((1, 0.1), (1, 0.35), (1, 0.6), (2, 0.6), (3, 0.6))
"""Zigzag, by severity: number of lines, and half their stroke width in pixels."""

_DROP_SIGMA = 1.2
"""Standard deviation, in pixels, of the blur that turns noise into drops."""
_DROP_EDGE = 0.35
"""Standard deviations of the noise over which a drop goes from transparent to opaque."""
_DROP_INK = (0.4, 1.0)
"""Range of the drops' ink: liquid to mud."""
_DOT_SPACING = 4.0
"""Distance between dots in pixels."""
_ZIGZAG_PERIOD, _ZIGZAG_AMPLITUDE = 8.0, 2.5
"""Length of a zigzag from peak to peak, and height of the peaks above its middle, in pixels."""
_MAX_LINE_OFFSET = 5.0
"""Maximum distance of a line from the picture's center in pixels."""


def stripe(images: Images, severity: int, rng: KeyedRandom) -> Images:
    """Invert a vertical band in the middle."""
    half = STRIPE_WIDTHS[severity - 1] // 2
    striped = images.copy()
    striped[:, :, 14 - half : 14 + half] = 1 - striped[:, :, 14 - half : 14 + half]
    return striped


def spatter(images: Images, severity: int, rng: KeyedRandom) -> Images:
    """Cover the digit with drops of one shade of gray."""
    noise = gaussian_blur(rng.normal(*DIGIT_SHAPE).astype(np.float32), _DROP_SIGMA)
    noise /= noise.std(axis=(1, 2), keepdims=True)
    threshold = np.float32(SPATTER_THRESHOLDS[severity - 1])
    cover = np.clip((noise - threshold) / np.float32(_DROP_EDGE), 0, 1)
    ink = rng.between(*_DROP_INK, 1, 1).astype(np.float32)
    covered: Images = images * (1 - cover) + ink * cover
    return covered


def dotted_line(images: Images, severity: int, rng: KeyedRandom) -> Images:
    """Draw straight dotted lines through the picture, at any angle."""
    lines, radius = DOTTED_LINES[severity - 1]
    for _ in range(lines):
        along, across = _random_line(rng)
        phase = np.mod(along + rng.between(0, _DOT_SPACING, 1, 1), _DOT_SPACING)
        images = _draw_ink(images, np.hypot(phase - _DOT_SPACING / 2, across), radius)
    return images


def zigzag(images: Images, severity: int, rng: KeyedRandom) -> Images:
    """Draw zigzag lines through the picture, at any angle."""
    lines, radius = ZIGZAGS[severity - 1]
    for _ in range(lines):
        along, across = _random_line(rng)
        phase = np.mod(along + rng.between(0, _ZIGZAG_PERIOD, 1, 1), _ZIGZAG_PERIOD)
        height = _ZIGZAG_AMPLITUDE * (4 * np.abs(phase / _ZIGZAG_PERIOD - 1 / 2) - 1)
        # From the distance across to the distance from the stroke, by its slope.
        slope = np.hypot(1, 4 * _ZIGZAG_AMPLITUDE / _ZIGZAG_PERIOD)
        images = _draw_ink(images, np.abs(across - height) / slope, radius)
    return images


def _random_line(rng: KeyedRandom) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return each pixel's position along a random line and its offset from it, ``(n, 28, 28)``."""
    angle = rng.between(0, np.pi, 1, 1)
    shift = rng.between(-_MAX_LINE_OFFSET, _MAX_LINE_OFFSET, 1, 1)
    rows, columns = center_offsets()
    cosine, sine = np.cos(angle), np.sin(angle)
    return cosine * columns + sine * rows, cosine * rows - sine * columns + shift


def _draw_ink(images: Images, distance: NDArray[np.float64], radius: float) -> Images:
    """Add full ink where the distance is below the radius, with an edge one pixel wide."""
    ink = np.clip(radius + 1 / 2 - distance, 0, 1).astype(np.float32)
    return np.maximum(images, ink)
