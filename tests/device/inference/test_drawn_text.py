"""Text in pictures."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from mnist_edge.inference.drawn_text import draw_text, shorten_name


@pytest.mark.parametrize("align", ["left", "right"])
def test_text_ends_at_its_column(align: str) -> None:
    canvas = Image.new("RGB", (200, 60), "white")
    draw_text(canvas, "123", at=(100, 20), size=16, align="left" if align == "left" else "right")
    rows, columns = np.nonzero((np.asarray(canvas) < 128).all(axis=2))
    assert rows.min() == pytest.approx(20, abs=1)
    inner = columns.min() if align == "left" else columns.max() + 1
    assert inner == pytest.approx(100, abs=1)


def test_a_long_name_keeps_its_ends() -> None:
    name = "2026-11-27" + "x" * 200 + ".png"
    short = shorten_name(name, size=16, room=150)
    assert (short[:4], short[-4:]) == ("2026", ".png")
    assert "..." in short
    assert shorten_name("seven.png", size=16, room=150) == "seven.png"


def test_a_name_that_cannot_be_printed_has_question_marks() -> None:
    assert shorten_name("a\nb", size=16, room=150) == "a?b"
