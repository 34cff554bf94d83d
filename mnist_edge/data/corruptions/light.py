"""Corruptions by light and sensor: noise, brightness, fog."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mnist_edge import DIGIT_SHAPE, DIGIT_SIDE
from mnist_edge.data.corruptions.keyed_random import Images, KeyedRandom

SHOT_NOISE_PHOTONS = (30.0, 12.0, 6.0, 3.0, 1.5)
"""Shot noise, by severity: mean number of photons per pixel of full ink."""
IMPULSE_SHARES = (0.02, 0.05, 0.09, 0.14, 0.2)
"""Impulse noise, by severity: share of pixels set to black or white."""
BRIGHTNESS_OFFSETS = (0.03, 0.06, 0.1, 0.25, 0.5)
"""Brightness, by severity: offset added to each pixel, as a share of full ink."""
FOG_AMOUNTS = (0.05, 0.12, 0.25, 0.6, 1.5)
"""Fog, by severity: its brightness relative to full ink."""
_ROUGHNESS = 2.0
"""Factor by which the displacement of the fog falls when its scale halves."""
_FOG_SIDE = 32
"""Side of the fog pattern: a power of two that covers a digit."""


def shot_noise(images: Images, severity: int, rng: KeyedRandom) -> Images:
    """Draw each pixel's photon count from a Poisson distribution.

    The black background sends no photons and stays black.
    """
    photons = SHOT_NOISE_PHOTONS[severity - 1]
    size = int(photons + 8 * np.sqrt(photons)) + 2
    counts = np.arange(size)
    # The Poisson distribution function, one row per gray level.
    mean = photons * np.arange(256)[:, np.newaxis] / 255
    logarithms = counts * np.log(np.maximum(mean, 1e-300)) - mean
    logarithms -= np.concatenate(([0.0], np.cumsum(np.log(counts[1:]))))
    cumulative = np.minimum(np.cumsum(np.exp(logarithms), axis=1), 1.0)
    cumulative[:, -1] = 1.0
    # The concatenated rows ascend, so one search inverts every pixel's distribution function.
    levels = np.rint(255 * images).astype(np.int64)
    table = (cumulative + np.arange(256)[:, np.newaxis]).ravel()
    indices = np.searchsorted(table, levels + rng.uniform(*DIGIT_SHAPE), side="right")
    noisy: Images = ((indices - levels * size) / photons).astype(np.float32)
    return noisy


def impulse_noise(images: Images, severity: int, rng: KeyedRandom) -> Images:
    """Add salt-and-pepper noise: some pixels turn black or white, half of them each."""
    draws = rng.uniform(*DIGIT_SHAPE)
    share = IMPULSE_SHARES[severity - 1]
    salted = np.where(draws < share, np.float32(1), images)
    return np.where(draws < share / 2, np.float32(0), salted)


def brightness(images: Images, severity: int, rng: KeyedRandom) -> Images:
    """Add a constant to every pixel; bright pixels saturate."""
    return images + np.float32(BRIGHTNESS_OFFSETS[severity - 1])


def fog(images: Images, severity: int, rng: KeyedRandom) -> Images:
    """Lay patches of fog over the digit, which add light and reduce contrast."""
    amount = np.float32(FOG_AMOUNTS[severity - 1])
    added = amount * _plasma(rng)[:, :DIGIT_SIDE, :DIGIT_SIDE].astype(np.float32)
    return (images + added) / (1 + amount)


def _plasma(rng: KeyedRandom) -> NDArray[np.float64]:
    """Return ``(n, 32, 32)`` plasma fractals, each scaled to 0..1 and periodic at its borders.

    The diamond-square algorithm (A. Fournier, D. Fussell and L. Carpenter, Computer Rendering of
    Stochastic Models, 1982): the center of each square, then of each diamond, is the mean of its
    four corners plus a random displacement that shrinks with the scale.
    """
    heights = rng.between(-1, 1, _FOG_SIDE, _FOG_SIDE)
    step, amplitude = _FOG_SIDE, 1.0
    heights[:, ::step, ::step] = 0
    while step > 1:
        half = step // 2
        corners = heights[:, ::step, ::step]
        centers = heights[:, half::step, half::step]
        below = np.roll(corners, -1, axis=1)
        centers *= amplitude
        centers += (corners + below + np.roll(corners + below, -1, axis=2)) / 4
        # Midpoints of horizontal sides lie between two corners and two centers; so do the vertical.
        horizontal = heights[:, ::step, half::step]
        horizontal *= amplitude
        horizontal += (
            corners + np.roll(corners, -1, axis=2) + centers + np.roll(centers, 1, axis=1)
        ) / 4
        vertical = heights[:, half::step, ::step]
        vertical *= amplitude
        vertical += (corners + below + centers + np.roll(centers, 1, axis=2)) / 4
        step, amplitude = half, amplitude / _ROUGHNESS
    heights -= heights.min(axis=(1, 2), keepdims=True)
    clouds: NDArray[np.float64] = heights / heights.max(axis=(1, 2), keepdims=True)
    return clouds
