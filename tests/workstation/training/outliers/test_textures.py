from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from mnist_edge.training.outliers import textures
from mnist_edge.training.outliers.primitives import Ink, Random

FRAMES = [
    textures.noise,
    textures.clouds,
    textures.plain,
    textures.stripes,
    textures.scene,
    textures.dust,
    textures.blob,
]


@pytest.mark.parametrize("draw", FRAMES, ids=lambda draw: draw.__name__)
def test_a_texture_is_a_whole_frame_of_levels(draw: Callable[[Random], Ink]) -> None:
    random = np.random.default_rng(1)
    frames = [draw(random) for _ in range(15)]
    assert {frame.shape for frame in frames} == {(28, 28)}
    assert {frame.dtype for frame in frames} == {np.dtype(np.float32)}
    assert all(0 <= frame.min() <= frame.max() <= 1 for frame in frames)


def test_stripes_cross_the_frame_three_times_or_more() -> None:
    random = np.random.default_rng(1)
    for _ in range(20):
        frame = textures.stripes(random)
        above = frame > frame.mean()
        changes = max(
            (above[1:] != above[:-1]).sum(0).max(), (above.T[1:] != above.T[:-1]).sum(0).max()
        )
        assert changes >= 3


def test_dust_is_a_few_specks() -> None:
    random = np.random.default_rng(1)
    frames = np.stack([textures.dust(random) for _ in range(50)])
    inner = frames[:, 2:-2, 2:-2]
    lowest = inner.min(axis=(1, 2), keepdims=True)
    assert (inner - lowest > 40 / 255).mean(axis=(1, 2)).max() < 0.2
