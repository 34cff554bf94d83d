from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from converters.c.confidence import confidence_table, threshold_bits
from mnist_edge.metrics.confidence import softmax
from mnist_edge.modelstore.loading import load_model
from mnist_edge.modelstore.manifest import ModelManifest, TensorSpec
from tests.support.paths import NANO

UNIT = 1 << 27


@pytest.fixture(scope="module")
def manifest() -> ModelManifest:
    found = load_model(NANO).manifest
    assert found is not None
    return found


def test_likelihoods_add_up_to_the_softmax(manifest: ModelManifest) -> None:
    table = confidence_table(manifest, ends_in_softmax=False).likelihoods
    steps = np.random.default_rng(0).integers(-128, 128, (200, 10))
    below = steps.max(axis=1, keepdims=True) - steps
    found = np.where(below < len(table), table[np.minimum(below, len(table) - 1)], 0)
    expected = softmax(steps * manifest.output.scale, temperature=manifest.temperature)
    assert np.allclose(found / found.sum(axis=1, keepdims=True), expected, atol=1e-7)
    assert table[0] == UNIT
    assert 10 * UNIT < 1 << 32
    assert len(table) < 256
    assert table[-1] > 0


def test_probabilities_are_sharpened_by_the_temperature(manifest: ModelManifest) -> None:
    output = TensorSpec(shape=(1, 10), dtype="int8", scale=1 / 256, zero_point=-128)
    model = replace(manifest, output=output, temperature=0.5)
    table = confidence_table(model, ends_in_softmax=True).likelihoods
    assert len(table) == 256
    shares = np.array([200, 40, 16, *[0] * 7])
    probabilities = np.maximum(shares / 256, 1 / 512)
    expected = softmax(np.log(probabilities), temperature=0.5)
    assert np.allclose(table[shares] / table[shares].sum(), expected, atol=1e-6)


def test_the_threshold_is_never_lowered(manifest: ModelManifest) -> None:
    for share in (0.0, 0.5, 0.88, 1.0):
        bits = threshold_bits(replace(manifest, min_confidence=share))
        assert share <= bits / 65_536 <= share + 1 / 65_536
