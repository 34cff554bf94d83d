"""No picture takes more than 200 MB, whatever its size."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from mnist_edge.errors import UnreadablePicture
from mnist_edge.preprocessing.decoding import decode, to_rgb
from mnist_edge.preprocessing.pipeline import preprocess
from tests.support.paths import ROOT
from tests.support.poisoned_pictures import POISONED

MAX_MB = 200

PROGRAM = r"""
import re, sys
from pathlib import Path
from mnist_edge import Classifier, MnistEdgeError
from mnist_edge.monitoring.picture_reader import PictureReader
from mnist_edge.monitoring.settings import CameraSettings, MonitorSettings, RegionSettings
classifier = Classifier()
camera, regions = CameraSettings(address="demo:", turn=90), (RegionSettings(name="whole"),)
reader = PictureReader(MonitorSettings(camera=camera, regions=regions))

def watch(path):
    crops = reader.regions(reader.decode(Path(path).read_bytes()))
    classifier.predict_all(crops["whole"])

for read in (classifier.predict, classifier.predict_all, watch):
    try:
        read(sys.argv[1])
        print("read")
    except MnistEdgeError as error:
        print(error)
# The peak of this program, and not of the one that started it.
print(int(re.search(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text())[1]) // 1024)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="measures memory as Linux counts it")
@pytest.mark.parametrize("kind", POISONED)
def test_no_picture_takes_more_than_200_mb(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "poison"
    path.write_bytes(POISONED[kind]())
    assert path.stat().st_size < 1_000_000
    ran = subprocess.run(
        [sys.executable, "-c", PROGRAM, path],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    *outcomes, megabytes = ran.stdout.splitlines()
    assert len(outcomes) == 3
    assert all(outcome == "read" or "too large" in outcome for outcome in outcomes)
    assert int(megabytes) < MAX_MB


@pytest.mark.slow
def test_a_twelve_megapixel_photo_of_any_common_format_is_read() -> None:
    photo = Image.effect_noise((4000, 3000), 20).convert("RGB")
    for kind, settings in (
        ("JPEG", {}),
        ("JPEG", {"progressive": True, "subsampling": 0}),
        ("PNG", {"compress_level": 1}),
        ("BMP", {}),
        ("TIFF", {}),
    ):
        stream = io.BytesIO()
        photo.save(stream, kind, **settings)
        assert preprocess(stream.getvalue()).problem in ("blank", "not-one-digit", None)


def test_a_large_gray_picture_is_not_copied_to_be_compared_with_mnists_format() -> None:
    stream = io.BytesIO()
    Image.new("L", (4000, 3000), 255).save(stream, "PNG")
    tracemalloc.start()
    try:
        preprocess(stream.getvalue())
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    # Pillow's own memory is not traced, and a copy would be 12 MB.
    assert peak < 10_000_000


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "settings", "said"),
    [
        # Decoded to an eighth of its size, with all of its coefficients.
        ("JPEG", {"progressive": True, "subsampling": 0}, "decoding this progressive JPEG takes"),
        ("WEBP", {"lossless": True, "quality": 0, "method": 0}, "decoding 7000x7000 pixels takes"),
    ],
)
def test_a_picture_that_takes_too_much_is_told_by_what_takes_it(
    kind: str, settings: dict[str, Any], said: str
) -> None:
    stream = io.BytesIO()
    Image.new("RGB", (7000, 7000)).save(stream, kind, **settings)
    with pytest.raises(UnreadablePicture, match=said):
        preprocess(stream.getvalue())


@pytest.mark.parametrize("mode", ["P", "1", "LA", "PA", "La", "RGBa", "I", "F", "I;16"])
def test_converting_in_tiles_gives_the_same_pixels(mode: str) -> None:
    values = np.random.default_rng(1).integers(0, 2, (1500, 2300)).astype(np.uint8)
    values[300:900, 500:1400] = 1
    gray = Image.fromarray(255 * values)
    alpha = {"La": "LA", "RGBa": "RGBA", "PA": "LA"}.get(mode)
    image = gray.convert(alpha).convert(mode) if alpha else gray.convert(mode)
    if mode == "I;16":
        image = Image.fromarray(values.astype(np.uint16) * 1000)
    rgb, scale = to_rgb(image, 2300, side=640)
    assert scale == 2300 / 640
    # Averages of 0 and 255: the same to within rounding as those of the gray picture.
    expected, _ = to_rgb(gray, 2300, side=640)
    assert np.abs(rgb.astype(int) - expected).max() <= 2


def test_pipes_and_devices_are_refused_without_waiting(tmp_path: Path) -> None:
    for path in (Path(os.devnull), tmp_path):
        with pytest.raises(UnreadablePicture, match="is not a file"):
            decode(path, side=640)
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe.png")
        with pytest.raises(UnreadablePicture, match="is not a file"):
            decode(tmp_path / "pipe.png", side=640)


def test_a_file_larger_than_any_picture_is_not_read_whole(tmp_path: Path) -> None:
    path = tmp_path / "large.png"
    with path.open("wb") as file:
        file.truncate(20_000_000_000)
    with pytest.raises(UnreadablePicture, match="more than 64 MB"):
        decode(path, side=640)

    class Endless(io.RawIOBase):
        def read(self, size: int = -1) -> bytes:
            assert size > 0, "asked for everything"
            return bytes(size)

    with pytest.raises(UnreadablePicture, match="more than 64 MB"):
        decode(Endless(), side=640)  # type: ignore[arg-type]
