"""The pixels that ``--show`` prints."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray

from mnist_edge.inference.pixel_text import pixels_to_text


def parsed(text: str, shades: str) -> NDArray[np.int64]:
    """Parse the levels that ``--show`` printed."""
    top, *rows, bottom = text.splitlines()
    assert len(rows) == 28
    assert {len(line) for line in (top, *rows, bottom)} == {58}
    levels = np.array([[shades.index(one) for one in row[1:-1]] for row in rows])
    assert np.array_equal(levels[:, ::2], levels[:, 1::2])
    return levels[:, ::2]


@pytest.mark.parametrize(
    ("encoding", "shades"), [("utf-8", " ░▒▓█"), ("cp437", " ░▒▓█"), ("ascii", " .:-=+*#%@")]
)
@given(pixels=arrays.arrays(np.uint8, (28, 28)))
def test_text_pixels_approximate_the_gray_levels(
    encoding: str, shades: str, pixels: NDArray[np.uint8]
) -> None:
    text = pixels_to_text(pixels, encoding=encoding)
    text.encode(encoding)
    levels = parsed(text, shades)
    step = 255 / (len(shades) - 1)
    assert np.array_equal(levels == 0, pixels == 0)
    assert (np.abs(levels * step - pixels) < step).all()
    assert (levels[pixels == 255] == len(shades) - 1).all()


def test_an_unknown_encoding_gets_ascii() -> None:
    assert pixels_to_text(np.zeros((28, 28), np.uint8), encoding="klingon").isascii()
