from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from mnist_edge.training.outliers import glyphs
from mnist_edge.training.outliers.primitives import CANVAS, Ink, Random

ALPHABETS = {
    glyphs.letter: glyphs.LETTERS,
    glyphs.symbol: glyphs.SYMBOLS,
    glyphs.lookalike: glyphs.LOOKALIKES,
    glyphs.foreign_sign: glyphs.FOREIGN_SIGNS,
    glyphs.ornament: glyphs.ORNAMENTS,
}


@pytest.mark.parametrize("draw", ALPHABETS, ids=lambda draw: draw.__name__)
def test_a_sign_is_drawn_within_the_canvas(draw: Callable[[Random], Ink]) -> None:
    random = np.random.default_rng(1)
    for _ in range(20):
        ink = draw(random)
        assert ink.shape == (CANVAS, CANVAS)
        assert ink.max() > 0.9
        assert not max(ink[0].max(), ink[-1].max(), ink[:, 0].max(), ink[:, -1].max())


def test_an_alphabet_has_each_sign_once_and_none_that_is_a_digit_in_some_hand() -> None:
    for alphabet in ALPHABETS.values():
        assert len(set(alphabet)) == len(alphabet)
        assert not set(alphabet) & set("0123456789oOIl|/SZgq")


def test_a_word_is_wider_than_a_letter() -> None:
    def width(ink: Ink) -> float:
        rows, columns = (np.flatnonzero((ink > 0.5).any(axis=axis)) for axis in (1, 0))
        return float(np.ptp(columns) / np.ptp(rows))

    random = np.random.default_rng(1)
    letters, words = (
        np.median([width(draw(random)) for _ in range(15)]) for draw in (glyphs.letter, glyphs.word)
    )
    assert words > 1.5 * letters
