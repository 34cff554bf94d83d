from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from mnist_edge.preprocessing.binarization import binarize, blur, quantiles

SQUARE = (slice(30, 50), slice(40, 70))


def a_square(ink: tuple[int, int, int], paper: tuple[int, int, int]) -> NDArray[np.uint8]:
    """A square of ink on paper with the noise of a camera."""
    picture = np.empty((100, 120, 3))
    picture[:] = paper
    picture[SQUARE] = ink
    picture += np.random.default_rng(1).normal(0, 2, picture.shape)
    return np.clip(np.rint(picture), 0, 255).astype(np.uint8)


@pytest.mark.parametrize(
    ("ink", "paper"),
    [
        ((40, 40, 40), (220, 220, 220)),
        ((220, 220, 220), (40, 40, 40)),
        ((200, 40, 40), (200, 200, 200)),
        ((230, 230, 90), (230, 230, 230)),
    ],
    ids=["dark", "light", "red", "yellow"],
)
def test_ink_of_any_color_is_told_from_its_paper(
    ink: tuple[int, int, int], paper: tuple[int, int, int]
) -> None:
    ink_map = binarize(a_square(ink, paper))
    full = ink_map.full_contrast(np.ones((100, 120), np.bool_))
    mask = ink_map.ink_mask(full)
    assert mask[SQUARE].mean() > 0.9
    mask[SQUARE] = False
    assert mask.mean() < 0.02


def test_ink_that_is_known_to_be_light_is_not_found_as_dark() -> None:
    picture = a_square((40, 40, 40), (220, 220, 220))
    assert binarize(picture, "dark").contrast[SQUARE].min() > 50
    assert binarize(picture, "light").contrast[SQUARE].mean() < 5


def test_paper_alone_has_no_ink() -> None:
    picture = a_square((200, 200, 200), (200, 200, 200))
    assert binarize(picture).full_contrast(np.ones((100, 120), np.bool_)) == 0


@pytest.mark.parametrize("size", [1, 2, 59])
def test_quantiles_are_the_values_at_their_ranks(size: int) -> None:
    values = np.random.default_rng(size).integers(-9, 9, size).astype(np.float32)
    shares = (0.0, 0.25, 0.5, 1.0)
    expected = [float(np.sort(values)[round(share * (size - 1))]) for share in shares]
    assert quantiles(values, *shares) == expected


def test_a_blur_spreads_a_dot_and_keeps_its_sum_and_a_plain_level() -> None:
    dot = np.zeros((41, 41), np.float32)
    dot[20, 20] = 1000
    spread = blur(dot, 3)
    assert spread.sum() == pytest.approx(1000, rel=1e-4)
    assert spread.max() == spread[20, 20] < 100
    np.testing.assert_allclose(spread, spread.T, rtol=1e-4)
    np.testing.assert_allclose(blur(np.full((9, 9), 7, np.float32), 2), 7, rtol=1e-5)
