from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from mnist_edge.data.mnist import Digits
from mnist_edge.preprocessing.mnist_format import is_mnist_format
from mnist_edge.preprocessing.pipeline import preprocess


def test_every_digit_of_the_test_split_is_in_mnist_format(test_digits: Digits) -> None:
    assert all(is_mnist_format(digit) for digit in test_digits.images)


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda digit: 255 - digit, id="inverted"),
        pytest.param(lambda digit: np.roll(digit, 3, axis=0), id="off center"),
        pytest.param(lambda digit: digit[2:26, 2:26], id="cropped"),
    ],
)
def test_a_digit_in_another_format_is_normalized(change: Any, test_digits: Digits) -> None:
    changed = change(test_digits.images[0])
    assert not is_mnist_format(changed)
    assert is_mnist_format(preprocess(changed).pixels)


@given(
    index=st.integers(0, 9_999),
    scale=st.floats(1.2, 6),
    margins=st.tuples(*[st.integers(0, 60)] * 4),
    paper=st.sampled_from([0, 20, 235, 255]),
)
def test_a_digit_of_any_size_and_place_is_centered_in_the_box(
    test_digits: Digits, index: int, scale: float, margins: tuple[int, int, int, int], paper: int
) -> None:
    side = round(28 * scale)
    digit = Image.fromarray(test_digits.images[index]).resize(
        (side, side), Image.Resampling.BICUBIC
    )
    left, top, right, bottom = margins
    canvas = Image.new("L", (left + side + right, top + side + bottom))
    canvas.paste(digit, (left, top))
    # 200 of 255 levels are the ink's, so that it is told from every paper here.
    ink = np.asarray(canvas, float) * 200 / 255
    page = paper + ink if paper < 128 else paper - ink
    pixels = preprocess(page.astype(np.uint8)).pixels
    assert pixels.shape == (28, 28)
    assert pixels.dtype == np.uint8
    assert pixels.max() == 255
    rows, columns = np.nonzero(pixels)
    assert max(np.ptp(rows), np.ptp(columns)) + 1 == 20
    for inked in (rows, columns):
        weights = pixels[rows, columns].astype(float)
        at_the_edge = inked.min() == 0 or inked.max() == 27
        # Moved by whole pixels, it can be half a pixel off; rounding to 8 bits adds a little.
        assert abs(np.average(inked, weights=weights) - 14) <= 0.52 or at_the_edge


def test_normalization_is_idempotent(test_digits: Digits) -> None:
    for digit in test_digits.images[:100]:
        once = preprocess(np.pad(digit, ((40, 3), (9, 0)))).pixels
        assert np.array_equal(preprocess(once).pixels, once)


def test_a_black_on_white_mnist_digit_is_only_inverted(
    test_digits: Digits,
) -> None:
    for image in test_digits.images[:200]:
        assert np.array_equal(preprocess(255 - image).pixels, image)
