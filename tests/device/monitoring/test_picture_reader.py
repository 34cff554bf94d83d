import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mnist_edge.errors import InvalidValue, UnreadablePicture
from mnist_edge.monitoring.alignment import NotAligned
from mnist_edge.monitoring.demo_counter import COUNTER_BOX, MARKS, CounterPicture, draw_counter
from mnist_edge.monitoring.picture_reader import PictureReader
from mnist_edge.monitoring.settings import (
    AlignmentSettings,
    CameraSettings,
    MonitorSettings,
    RegionSettings,
)

PIXELS = draw_counter(CounterPicture(value=7))
CAMERA = CameraSettings(address="demo:")


def encoded(pixels: object) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(np.asarray(pixels)).save(stream, "PNG")
    return stream.getvalue()


@pytest.mark.parametrize("turn", [0, 90, 180, 270])
def test_a_picture_is_turned_clockwise(turn: int) -> None:
    camera = CameraSettings(address="demo:", turn=turn)  # type: ignore[arg-type]
    turned = PictureReader(MonitorSettings(camera=camera)).decode(encoded(PIXELS))
    assert (turned == np.rot90(PIXELS, -turn // 90)).all()


def test_a_file_that_is_not_a_picture_is_refused_and_counted() -> None:
    reader = PictureReader(MonitorSettings(camera=CAMERA))
    with pytest.raises(UnreadablePicture):
        reader.decode(b"\xff\xd8\xff\xd9")
    assert reader.pictures == 1


def test_a_picture_is_brought_to_the_reference(tmp_path: Path) -> None:
    reference = tmp_path / "reference.png"
    reference.write_bytes(encoded(PIXELS))
    alignment = AlignmentSettings(reference=reference, marks=MARKS)
    region = RegionSettings(name="a", box=COUNTER_BOX)
    reader = PictureReader(MonitorSettings(camera=CAMERA, alignment=alignment, regions=(region,)))
    moved = np.roll(PIXELS, (4, 9), axis=(0, 1))
    left, top, right, bottom = COUNTER_BOX
    expected = PIXELS[top:bottom, left:right].astype(int)
    # Each pixel lies between those beside it, whose noise differs.
    assert np.abs(reader.aligned(moved)[top:bottom, left:right] - expected).mean() < 4
    assert np.abs(reader.regions(moved)["a"] - expected).mean() < 4
    with pytest.raises(NotAligned):
        reader.aligned(np.zeros_like(PIXELS))


def test_a_region_outside_the_reference_is_an_error_at_the_start(tmp_path: Path) -> None:
    reference = tmp_path / "reference.png"
    reference.write_bytes(encoded(PIXELS[:, :300]))
    alignment = AlignmentSettings(reference=reference, marks=MARKS)
    region = RegionSettings(name="a", box=COUNTER_BOX)
    with pytest.raises(InvalidValue, match="which has 300x280 pixels"):
        PictureReader(MonitorSettings(camera=CAMERA, alignment=alignment, regions=(region,)))
