"""Pictures as text."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from mnist_edge.inference.text_picture import picture_to_text


def corner(ink: int, paper: int) -> Image.Image:
    """Ink in the upper left quarter, as much as makes two rows of a cell differ."""
    pixels = np.full((8, 16), paper, np.uint8)
    pixels[:3, :4] = ink
    return Image.fromarray(pixels)


@pytest.mark.parametrize(("ink", "paper"), [(0, 255), (255, 0), (90, 140)])
def test_ink_of_any_tone_is_drawn(ink: int, paper: int) -> None:
    drawn = picture_to_text(corner(ink, paper), columns=16)
    assert drawn.split("\n") == ["\u2588" * 4, "\u2580" * 4, "", ""]


def test_a_terminal_without_half_blocks_gets_ascii() -> None:
    assert picture_to_text(corner(0, 255), columns=16, encoding="ascii") == "####\n''''\n\n"


def test_a_picture_fits_its_columns_and_as_many_half_rows() -> None:
    wide = picture_to_text(Image.new("RGB", (1000, 300)), columns=40).split("\n")
    high = picture_to_text(Image.new("1", (30, 1000)), columns=40).split("\n")
    assert len(wide) == 6
    assert len(high) == 40


def test_blank_paper_has_no_ink() -> None:
    noise = np.random.default_rng(0).integers(240, 250, (40, 40), np.uint8)
    assert not picture_to_text(Image.fromarray(noise), columns=20).strip()
