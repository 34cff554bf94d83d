"""What goes wrong with the light and where it is caught: noise, brightness, fog."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mnist_edge import DIGIT_SHAPE, DIGIT_SIDE
from mnist_edge.data.corruptions.keyed_random import Images, KeyedRandom

SHOT_NOISE_PHOTONS = (30.0, 12.0, 6.0, 3.0, 1.5)
"""Shot noise: photons that full ink sends to a pixel on average, by severity."""
IMPULSE_SHARES = (0.02, 0.05, 0.09, 0.14, 0.2)
"""Impulse noise: share of the pixels that are stuck, by severity."""
BRIGHTNESS_OFFSETS = (0.03, 0.06, 0.1, 0.25, 0.5)
"""Brightness: what is added to each pixel, as a share of full ink, by severity."""
FOG_AMOUNTS = (0.05, 0.12, 0.25, 0.6, 1.5)
"""Fog: how much of it is added to the light of full ink, by severity."""
_ROUGHNESS = 2.0
"""By what the fog's steps fall from each scale to the one half as large."""
_FOG_SIDE = 32
"""Side of the fog, a power of two that a digit fits in."""


def shot_noise(pictures: Images, severity: int, rng: KeyedRandom) -> Images:
    """Light comes in photons, and few of them: their number is Poisson's.

    Paper that is black sends none, and stays black.
    """
    photons = SHOT_NOISE_PHOTONS[severity - 1]
    most = int(photons + 8 * np.sqrt(photons)) + 2
    counts = np.arange(most)
    # One row a grey level: the chance of that many photons or fewer.
    mean = photons * np.arange(256)[:, np.newaxis] / 255
    logarithms = counts * np.log(np.maximum(mean, 1e-300)) - mean
    logarithms -= np.concatenate(([0.0], np.cumsum(np.log(counts[1:]))))
    below = np.minimum(np.cumsum(np.exp(logarithms), axis=1), 1.0)
    below[:, -1] = 1.0
    # The rows laid end to end ascend, so that one search finds every pixel's number in its row.
    levels = np.rint(255 * pictures).astype(np.int64)
    ends = (below + np.arange(256)[:, np.newaxis]).ravel()
    found = np.searchsorted(ends, levels + rng.uniform(*DIGIT_SHAPE), side="right")
    seen: Images = ((found - levels * most) / photons).astype(np.float32)
    return seen


def impulse_noise(pictures: Images, severity: int, rng: KeyedRandom) -> Images:
    """Salt and pepper: some pixels are stuck, half of them at black, half at white."""
    chance = rng.uniform(*DIGIT_SHAPE)
    flipped = IMPULSE_SHARES[severity - 1]
    salted = np.where(chance < flipped, np.float32(1), pictures)
    return np.where(chance < flipped / 2, np.float32(0), salted)


def brightness(pictures: Images, severity: int, rng: KeyedRandom) -> Images:
    """Everything is brighter by the same, and what was bright is white."""
    return pictures + np.float32(BRIGHTNESS_OFFSETS[severity - 1])


def fog(pictures: Images, severity: int, rng: KeyedRandom) -> Images:
    """Patches of fog before the digit: light of its own, and less contrast behind."""
    amount = np.float32(FOG_AMOUNTS[severity - 1])
    added = amount * _plasma(rng)[:, :DIGIT_SIDE, :DIGIT_SIDE].astype(np.float32)
    return (pictures + added) / (1 + amount)


def _plasma(rng: KeyedRandom) -> NDArray[np.float64]:
    """``(n, 32, 32)`` clouds, from 0 to 1 in each, that would go on where they end.

    Midpoints are displaced by the diamond-square method (A. Fournier, D. Fussell and L. Carpenter,
    Computer Rendering of Stochastic Models, 1982): squares get a middle, then diamonds do, from
    the mean of their four corners and a random step that is smaller at each scale.
    """
    heights = rng.between(-1, 1, _FOG_SIDE, _FOG_SIDE)
    step, reach = _FOG_SIDE, 1.0
    heights[:, ::step, ::step] = 0
    while step > 1:
        half = step // 2
        corners = heights[:, ::step, ::step]
        middles = heights[:, half::step, half::step]
        below = np.roll(corners, -1, axis=1)
        middles *= reach
        middles += (corners + below + np.roll(corners + below, -1, axis=2)) / 4
        # Above and below the middles of the sides that lie across, left and right of the others.
        across = heights[:, ::step, half::step]
        across *= reach
        across += (
            corners + np.roll(corners, -1, axis=2) + middles + np.roll(middles, 1, axis=1)
        ) / 4
        along = heights[:, half::step, ::step]
        along *= reach
        along += (corners + below + middles + np.roll(middles, 1, axis=2)) / 4
        step, reach = half, reach / _ROUGHNESS
    heights -= heights.min(axis=(1, 2), keepdims=True)
    clouds: NDArray[np.float64] = heights / heights.max(axis=(1, 2), keepdims=True)
    return clouds
