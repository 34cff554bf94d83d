from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from mnist_edge import Classifier
from mnist_edge.preprocessing.connected_components import label_components
from mnist_edge.preprocessing.remnants import is_border_alone, without_remnants

SIZE = 160


def cell(thick: int, *, top: int = 12, right: int = 148) -> NDArray[np.bool_]:
    """Draw two lines that cross in the upper right corner and leave the picture."""
    mask = np.zeros((SIZE, SIZE), np.bool_)
    mask[top : top + thick] = mask[:, right - thick : right] = True
    return mask


def test_thin_lines_alone_are_a_border_and_thick_strokes_may_be_a_7() -> None:
    assert is_border_alone(cell(6), cell(6))
    assert not is_border_alone(cell(16), cell(16))


def test_a_border_is_not_alone_beside_a_digit_and_one_line_may_be_a_1() -> None:
    digit = cell(6)
    digit[50:110, 60:80] = True
    one = np.zeros((SIZE, SIZE), np.bool_)
    one[:, 20:26] = True
    assert not is_border_alone(cell(6), digit)
    assert not is_border_alone(one, one)


@pytest.mark.parametrize("is_lying", [False, True])
@pytest.mark.parametrize(
    ("piece", "removed", "is_left"),
    [
        ((50, 100), (0, 160), False),  # the line goes on beyond both ends
        ((12, 60), (60, 160), False),  # it goes on at one, and leaves the picture or meets a line
        ((50, 100), (100, 160), True),  # it has a free end
        ((50, 100), (0, 0), True),  # it has two
    ],
)
def test_a_straight_piece_without_a_free_end_is_what_is_left_of_a_line(
    piece: tuple[int, int], removed: tuple[int, int], is_left: bool, is_lying: bool
) -> None:
    mask, lines = np.zeros((2, SIZE, SIZE), np.bool_)
    mask[slice(*piece), 20:25] = True
    lines[slice(*removed), 20:25] = lines[6:12] = True
    lines &= ~mask
    if is_lying:
        mask, lines = mask.T, lines.T
    labels, components = label_components(mask)
    kept = without_remnants(components, labels, mask | lines, lines)
    assert kept == (components if is_left else [])


def test_a_1_beside_a_line_stays() -> None:
    mask, lines = np.zeros((2, SIZE, SIZE), np.bool_)
    mask[40:120, 30:36] = lines[:, 12:17] = True
    labels, components = label_components(mask)
    assert without_remnants(components, labels, mask | lines, lines) == components


def test_what_a_ruled_line_cuts_off_a_digit_stays() -> None:
    mask, lines = np.zeros((2, SIZE, SIZE), np.bool_)
    mask[50:58, 40:100] = mask[61:63, 40:60] = mask[66:120, 40:100] = True
    lines[58:61] = lines[63:66] = True
    labels, components = label_components(mask)
    kept = without_remnants(components, labels, mask | lines, lines)
    assert sum(one.area for one in kept) == mask.sum()


def empty_cell(size: int, bow: float, thick: float, *sides: str) -> Image.Image:
    """Draw an empty cell in even light; its lines leave the picture, bent by ``bow``."""
    large = Image.new("RGB", (4 * size, 4 * size), (205, 203, 198))
    pen = ImageDraw.Draw(large)
    along = np.linspace(0, 1, 41)
    inset = {"top": 0.07, "left": 0.05, "bottom": 0.94, "right": 0.91}
    for side in sides:
        across = inset[side] + bow * 4 * along * (1 - along) * (1 if inset[side] < 0.5 else -1)
        points = np.stack((along, across) if side in ("top", "bottom") else (across, along), 1)
        line = [(float(x), float(y)) for x, y in 4 * size * points]
        pen.line(line, (66, 82, 150), round(4 * size * thick))
    noise = np.random.default_rng(size).normal(0, 2, (size, size, 1))
    pixels = np.asarray(large.resize((size, size), Image.Resampling.BOX)) + noise
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))


@pytest.fixture(scope="module")
def classifier() -> Classifier:
    return Classifier("edge")


@pytest.mark.parametrize("size", [100, 220])
@pytest.mark.parametrize("bow", [0.0, 0.03])
@pytest.mark.parametrize("thick", [0.02, 0.045])
@pytest.mark.parametrize("sides", [("top", "right"), ("top", "right", "bottom")])
def test_an_empty_cell_is_no_digit(
    classifier: Classifier, size: int, bow: float, thick: float, sides: tuple[str, ...]
) -> None:
    assert classifier.predict(empty_cell(size, bow, thick, *sides)).digit is None
