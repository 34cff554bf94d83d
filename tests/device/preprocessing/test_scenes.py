from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from mnist_edge.preprocessing.scenes import Ground, find_grounds

DESK, PAPER, INK = (60, 45, 30), (225, 220, 200), (30, 30, 60)


def _canvas(size: tuple[int, int], color: tuple[int, int, int]) -> Image.Image:
    return Image.new("RGB", size, color)


def _draw_seven(image: Image.Image, box: tuple[int, int, int, int], width: int) -> None:
    left, top, right, bottom = box
    points = [(left, top), (right, top), ((left + right) // 2, bottom)]
    ImageDraw.Draw(image).line(points, fill=INK, width=width, joint="curve")


def _photograph(image: Image.Image) -> NDArray[np.uint8]:
    """Return the picture with some noise."""
    pixels = np.asarray(image) + np.random.default_rng(0).normal(0, 3, (*image.size[::-1], 3))
    result: NDArray[np.uint8] = np.clip(pixels, 0, 255).astype(np.uint8)
    return result


def _tone(ground: Ground) -> NDArray[np.float64]:
    tone: NDArray[np.float64] = np.median(ground.rgb, axis=(0, 1))
    return tone


@pytest.mark.parametrize("angle", [0, 12, -25])
@pytest.mark.parametrize("size", [(640, 480), (100, 150)])
def test_a_sheet_on_a_table_is_a_ground(angle: int, size: tuple[int, int]) -> None:
    side = min(size)
    sheet = _canvas((side // 2, side // 2), PAPER)
    _draw_seven(sheet, (side // 8, side // 8, 3 * side // 8, 3 * side // 8), max(2, side // 60))
    scene = _canvas(size, DESK)
    mask = Image.new("L", sheet.size, 255).rotate(angle, expand=True)
    corner = (size[0] // 4, size[1] // 8)
    scene.paste(sheet.rotate(angle, expand=True, fillcolor=DESK), corner, mask)
    [ground] = find_grounds(_photograph(scene))
    assert ground.kind == "sheet"
    assert np.abs(_tone(ground) - PAPER).max() < 5
    # The whole ink is on it, and nothing of the table.
    dark = ground.rgb.min(axis=2) < 100
    assert dark.any()
    assert (ground.rgb[dark].mean(axis=0)[2]) > 45
    assert abs(ground.left - corner[0]) < side // 10
    assert abs(ground.top - corner[1]) < side // 10


@pytest.mark.parametrize("side", [28, 64, 200, 640])
def test_a_dark_tile_in_a_light_border_is_a_ground(side: int) -> None:
    border = max(2, side // 50)
    scene = _canvas((side, side), (235, 235, 235))
    tile = _canvas((side - 2 * border, side - 2 * border), (20, 20, 20))
    scene.paste(tile, (border, border))
    grounds = find_grounds(np.asarray(scene))
    assert grounds
    for ground in grounds:
        assert (ground.rgb == 20).all()


def test_a_crop_is_a_ground_without_its_padding() -> None:
    crop = _photograph(_canvas((90, 200), (170, 165, 150)))
    scene = np.full((200, 200, 3), 255, np.uint8)
    scene[:, 55:145] = crop
    [ground, *_] = find_grounds(scene)
    assert ground.kind == "crop"
    assert (ground.left, ground.top) == (57, 0)
    assert np.array_equal(ground.rgb, crop[:, 2:-2])


def test_a_border_around_a_drawing_is_no_part_of_its_ground() -> None:
    scene = _canvas((120, 90), (250, 250, 250))
    _draw_seven(scene, (40, 20, 70, 65), 6)
    ImageDraw.Draw(scene).rectangle((0, 0, 119, 89), outline=(230, 20, 230), width=2)
    grounds = find_grounds(np.asarray(scene))
    assert grounds
    for ground in grounds:
        assert not (ground.rgb == (230, 20, 230)).all(axis=2).any()


def test_a_picture_of_paper_alone_has_no_other_ground() -> None:
    drawing = _canvas((300, 300), PAPER)
    _draw_seven(drawing, (80, 60, 200, 240), 20)
    assert not find_grounds(np.asarray(drawing))
    assert not find_grounds(_photograph(drawing))
    light = np.linspace(1, 0.5, 300)[:, None, None] * _photograph(drawing)
    assert not find_grounds(light.astype(np.uint8))


@pytest.mark.parametrize("shape", [(1, 1), (3, 40), (16, 16), (28, 28), (240, 320)])
def test_blank_pictures_and_noise_have_no_ground(shape: tuple[int, int]) -> None:
    rng = np.random.default_rng(1)
    assert not find_grounds(np.full((*shape, 3), 200, np.uint8))
    assert not find_grounds(rng.integers(0, 256, (*shape, 3), dtype=np.uint8))
    assert not find_grounds(np.clip(rng.normal(128, 20, (*shape, 3)), 0, 255).astype(np.uint8))
