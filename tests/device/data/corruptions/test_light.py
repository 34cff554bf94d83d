from __future__ import annotations

import numpy as np
import pytest

from mnist_edge.data.corruptions import SEVERITIES, corrupt
from mnist_edge.data.corruptions.light import BRIGHTNESS_OFFSETS, IMPULSE_SHARES, SHOT_NOISE_PHOTONS
from tests.support.images import full


@pytest.mark.parametrize("severity", SEVERITIES)
def test_shot_noise_follows_the_poisson_distribution(severity: int) -> None:
    photons = SHOT_NOISE_PHOTONS[severity - 1]
    # A gray level at which few pixels saturate.
    gray = round(255 * 0.3)
    found = corrupt(full(200, gray=gray), "shot-noise", severity=severity) / 255 * photons
    counts = np.rint(found)
    whole = found < photons
    assert whole.mean() > 0.5
    np.testing.assert_allclose(found[whole], counts[whole], atol=0.51 / 255 * photons)
    mean = photons * gray / 255
    share = np.exp(-mean)
    assert (counts == 0).mean() == pytest.approx(share, abs=0.01)
    assert (counts[whole] == 1).sum() / counts.size == pytest.approx(share * mean, abs=0.01)


@pytest.mark.parametrize("severity", SEVERITIES)
def test_impulse_noise_is_half_salt_and_half_pepper(severity: int) -> None:
    found = corrupt(full(200, gray=100), "impulse-noise", severity=severity)
    assert set(np.unique(found)) == {0, 100, 255}
    for stuck in (0, 255):
        assert (found == stuck).mean() == pytest.approx(IMPULSE_SHARES[severity - 1] / 2, rel=0.1)


@pytest.mark.parametrize("severity", SEVERITIES)
def test_brightness_adds_the_same_everywhere(severity: int) -> None:
    images = np.arange(784, dtype=np.int64).reshape(1, 28, 28) % 256
    found = corrupt(images.astype(np.uint8), "brightness", severity=severity)
    added = 255 * BRIGHTNESS_OFFSETS[severity - 1]
    np.testing.assert_allclose(found, np.minimum(images + added, 255), atol=0.51)


def test_fog_varies_smoothly_and_reduces_contrast() -> None:
    found = corrupt(full(50, gray=0), "fog", severity=5).astype(float)
    assert (found.min(axis=(1, 2)) < 40).all()
    assert (found.max(axis=(1, 2)) > 110).all()
    assert found.max() <= 255
    # It is smooth: neighbors differ far less than distant pixels.
    beside = np.abs(np.diff(found, axis=2)).mean()
    far = np.abs(found[:, :, 14:] - found[:, :, :14]).mean()
    assert beside < far / 2
    behind = corrupt(full(50), "fog", severity=5).astype(float) - found
    np.testing.assert_allclose(behind, 255 / 2.5, atol=1)
