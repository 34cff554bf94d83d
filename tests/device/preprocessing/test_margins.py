"""A strip of digits gets a margin of either of its tones."""

from __future__ import annotations

from typing import cast

import numpy as np
import pytest
from numpy.typing import NDArray

from mnist_edge.preprocessing.flat_background import Ink
from mnist_edge.preprocessing.margins import add_margins

PAPER, INK = (250, 240, 230), (20, 30, 90)


def strip(height: int, width: int) -> NDArray[np.uint8]:
    """Draw a picture whose lower half is ink."""
    rgb = np.full((height, width, 3), PAPER, np.uint8)
    rgb[height // 2 :] = INK
    return rgb


def test_the_margins_have_the_light_tone_and_the_dark_one() -> None:
    light, dark = add_margins(strip(120, 300), side=960)
    assert tuple(light.rgb[0, 0]) == PAPER
    assert tuple(dark.rgb[0, 0]) == INK
    for margined in (light, dark):
        assert margined.factor == 1
        inner = margined.rgb[margined.margin : -margined.margin]
        inner = inner[:, margined.margin : -margined.margin]
        assert (inner == strip(120, 300)).all()


def test_a_known_ink_leaves_the_margin_of_its_paper() -> None:
    for ink, paper in (("dark", PAPER), ("light", INK)):
        (margined,) = add_margins(strip(120, 300), side=960, ink=cast("Ink", ink))
        assert tuple(margined.rgb[0, 0]) == paper


@pytest.mark.parametrize(
    ("size", "factor"),
    [((20, 200), 4), ((40, 200), 2), ((20, 400), 2), ((20, 900), 1), ((1, 40), 4), ((100, 50), 1)],
)
def test_a_small_strip_is_enlarged_up_to_the_longest_side(
    size: tuple[int, int], factor: int
) -> None:
    for margined in add_margins(strip(*size), side=960):
        assert margined.factor == factor
        assert margined.rgb.shape[:2] == tuple(factor * one + 2 * margined.margin for one in size)


@pytest.mark.parametrize("level", [0, 128, 255])
def test_a_picture_of_one_tone_gets_none(level: int) -> None:
    assert add_margins(np.full((30, 90, 3), level, np.uint8), side=960) == []


def test_tones_that_differ_like_noise_get_none() -> None:
    noise = np.random.default_rng(0).normal(200, 3, (60, 200, 1)).repeat(3, axis=2)
    assert add_margins(noise.astype(np.uint8), side=960) == []
