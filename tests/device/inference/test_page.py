"""A page is read whole: digits of a tight row, aligned as a border is, are not lost silently."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from mnist_edge import Classifier
from mnist_edge.data.builtin_digits import load_builtin_digits

HEIGHT, PITCH = 72, 58
"""Pixels of a digit's height, and from one digit to the next."""


def draw_row(seed: int) -> tuple[Image.Image, str]:
    """Draw two to twelve digits, all of one height, at a margin from none to 30 pixels."""
    digits, rng = load_builtin_digits(), np.random.default_rng(seed)
    count, margin = int(rng.integers(2, 13)), int(rng.choice([0, 4, 10, 30]))
    chosen = rng.integers(0, len(digits), count)
    row = np.zeros((HEIGHT + 2 * margin, count * PITCH + 2 * margin), np.uint8)
    for place, index in enumerate(chosen):
        rows, columns = (np.flatnonzero(digits.images[index].any(axis=axis)) for axis in (1, 0))
        crop = digits.images[index][rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        width = min(PITCH - 6, max(4, round(crop.shape[1] * HEIGHT / crop.shape[0])))
        digit = Image.fromarray(crop).resize((width, HEIGHT), Image.Resampling.BICUBIC)
        left = margin + place * PITCH + (PITCH - width) // 2
        row[margin : margin + HEIGHT, left : left + width] = digit
    return Image.fromarray(255 - row), "".join(str(digits.labels[index]) for index in chosen)


@pytest.mark.parametrize("seed", range(30))
def test_no_digit_of_a_row_is_lost_silently(seed: int, classifier: Classifier) -> None:
    row, truth = draw_row(seed)
    text = classifier.predict_all(row).text
    assert text == truth or "?" in text


@pytest.mark.parametrize("seed", [0, 6])
def test_a_row_that_looks_like_a_border_is_read_whole(seed: int, classifier: Classifier) -> None:
    """Of the eleven digits of the first, a search for borders alone keeps a few strokes."""
    row, truth = draw_row(seed)
    assert classifier.predict_all(row).text == truth


def test_a_digit_that_touches_the_edge_is_read(classifier: Classifier) -> None:
    row, truth = draw_row(6)
    columns = np.flatnonzero((np.asarray(row) < 128).any(axis=0))
    cut = row.crop((0, 0, int(columns[-1]) + 1, row.height))
    text = classifier.predict_all(cut).text
    assert len(text) == len(truth)
    assert text[:-1] == truth[:-1]


def test_the_border_of_a_cell_is_not_read_as_digits(classifier: Classifier) -> None:
    digits = load_builtin_digits()
    cell = Image.new("L", (120, 120), 255)
    seven = Image.fromarray(255 - digits.images[50]).resize((70, 70), Image.Resampling.BICUBIC)
    cell.paste(seven, (25, 25))
    pixels = np.array(cell)
    for line in (slice(4, 7), slice(112, 115)):
        pixels[line, :] = 0
        pixels[:, line] = 0
    assert classifier.predict_all(pixels).text == str(digits.labels[50])
