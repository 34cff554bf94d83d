"""What comes to lie over a digit: a stripe, drops, lines."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mnist_edge import DIGIT_SHAPE, DIGIT_SIDE
from mnist_edge.data.corruptions.blurs import gaussian_blur
from mnist_edge.data.corruptions.keyed_random import Images, KeyedRandom

STRIPE_WIDTHS = (2, 4, 6, 8, 10)
"""Stripe: its width in pixels, by severity."""
SPATTER_THRESHOLDS = (1.9, 1.6, 1.3, 1.05, 0.8)
"""Spatter: how many standard deviations the liquid must stand out to be a drop, by severity."""
DOTTED_LINES = ((1, 0.4), (1, 0.8), (1, 1.2), (2, 1.2), (3, 1.2))
"""Dotted line: how many, and the radius of their dots in pixels, by severity."""
ZIGZAGS = ((1, 0.1), (1, 0.35), (1, 0.6), (2, 0.6), (3, 0.6))
"""Zigzag: how many, and half the width of their strokes in pixels, by severity."""

_DROP = 1.2
"""Standard deviation of the blur that gathers the liquid into drops, in pixels."""
_SHARP = 0.35
"""Standard deviations over which a drop goes from nothing to full."""
_DROP_INK = (0.4, 1.0)
"""Shares of full ink that a digit's drops have between them: liquid, mud."""
_SPACING = 4.0
"""Pixels from dot to dot."""
_WAVE, _HEIGHT = 8.0, 2.5
"""A zigzag's length from peak to peak, and how far the peaks lie off its middle, in pixels."""
_OFF = 5.0
"""Pixels that a line may pass the middle of the picture by."""


def stripe(pictures: Images, severity: int, rng: KeyedRandom) -> Images:
    """A vertical band in the middle is its own negative."""
    half = STRIPE_WIDTHS[severity - 1] // 2
    striped = pictures.copy()
    striped[:, :, 14 - half : 14 + half] = 1 - striped[:, :, 14 - half : 14 + half]
    return striped


def spatter(pictures: Images, severity: int, rng: KeyedRandom) -> Images:
    """Drops that cover the digit where they fall, all of one grey."""
    liquid = gaussian_blur(rng.normal(*DIGIT_SHAPE).astype(np.float32), _DROP)
    liquid /= liquid.std(axis=(1, 2), keepdims=True)
    cover = np.clip(
        (liquid - np.float32(SPATTER_THRESHOLDS[severity - 1])) / np.float32(_SHARP), 0, 1
    )
    ink = rng.between(*_DROP_INK, 1, 1).astype(np.float32)
    covered: Images = pictures * (1 - cover) + ink * cover
    return covered


def dotted_line(pictures: Images, severity: int, rng: KeyedRandom) -> Images:
    """A straight line of dots through the picture, at any angle."""
    lines, radius = DOTTED_LINES[severity - 1]
    for _ in range(lines):
        along, across = _line(rng)
        nearest = np.mod(along + rng.between(0, _SPACING, 1, 1), _SPACING) - _SPACING / 2
        pictures = _drawn(pictures, np.hypot(nearest, across), radius)
    return pictures


def zigzag(pictures: Images, severity: int, rng: KeyedRandom) -> Images:
    """A zigzag line through the picture, at any angle."""
    lines, radius = ZIGZAGS[severity - 1]
    for _ in range(lines):
        along, across = _line(rng)
        phase = np.mod(along + rng.between(0, _WAVE, 1, 1), _WAVE)
        peaks = _HEIGHT * (4 * np.abs(phase / _WAVE - 1 / 2) - 1)
        # Its strokes rise by 4 heights a wave, and are as much nearer than straight above them.
        steep = np.hypot(1, 4 * _HEIGHT / _WAVE)
        pictures = _drawn(pictures, np.abs(across - peaks) / steep, radius)
    return pictures


def _line(rng: KeyedRandom) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """``(n, 28, 28)`` each: how far pixels lie along a line, and how far off it."""
    angle, off = rng.between(0, np.pi, 1, 1), rng.between(-_OFF, _OFF, 1, 1)
    apart = np.arange(DIGIT_SIDE)[:, np.newaxis] - (DIGIT_SIDE - 1) / 2
    cosine, sine = np.cos(angle), np.sin(angle)
    return cosine * apart.T + sine * apart, cosine * apart - sine * apart.T + off


def _drawn(pictures: Images, distance: NDArray[np.float64], radius: float) -> Images:
    """Images with full ink wherever the distance is below the radius, its edge a pixel wide."""
    ink = np.clip(radius + 1 / 2 - distance, 0, 1).astype(np.float32)
    return np.maximum(pictures, ink)
