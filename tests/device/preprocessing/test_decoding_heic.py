"""HEIC, the format of iPhones, through the optional ``pillow-heif``."""

from __future__ import annotations

import io
import json
import struct
import sys
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import numpy as np
import pillow_heif
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from mnist_edge.errors import UnreadablePicture
from mnist_edge.preprocessing.pipeline import preprocess
from tests.support.paths import PICTURES

CHALK = Image.open(PICTURES / "chalk-three.png").copy()
LOSS = 8
"""Allowed mean difference of a lossy format, in gray levels; another digit makes 40."""
ORIENTATION = 0x0112
"""The EXIF tag, whose values EXIF 2.3 numbers, with what a camera did to the upright picture."""
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


def heic(image: Image.Image, **settings: Any) -> bytes:
    stream = io.BytesIO()
    pillow_heif.encode(image.mode, image.size, image.tobytes(), stream, quality=90, **settings)
    return stream.getvalue()


WHOLE = heic(CHALK)


def difference(picture: Any) -> float:
    return float(np.abs(preprocess(picture).pixels.astype(int) - preprocess(CHALK).pixels).mean())


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA"])
def test_a_heic_gives_nearly_the_pixels_of_the_array(mode: str) -> None:
    assert difference(heic(CHALK.convert(mode))) < LOSS


@pytest.mark.parametrize("brand", [b"heic", b"heix", b"hevc", b"mif1", b"msf1"])
def test_a_heic_is_detected_by_its_brand(brand: bytes, tmp_path: Path) -> None:
    path = tmp_path / "IMG_0001.HEIC"
    path.write_bytes(WHOLE[:8] + brand + WHOLE[12:])
    assert difference(path) < LOSS


@pytest.mark.parametrize("orientation", TURNS)
def test_a_heic_is_turned_once(orientation: int) -> None:
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    content = heic(CHALK.convert("RGB").transpose(TURNS[orientation]), exif=exif.tobytes())
    # Both the picture's own properties and its EXIF say it, as in a telephone's.
    assert b"irot" in content or b"imir" in content
    assert exif.tobytes()[6:] in content
    assert difference(content) < LOSS


def test_a_heic_that_would_fill_the_memory_is_refused() -> None:
    content = bytearray(WHOLE)
    at = content.index(b"ispe")
    assert struct.unpack_from(">II", content, at + 8) == CHALK.size
    struct.pack_into(">II", content, at + 8, 10_000, 10_000)
    with pytest.raises(UnreadablePicture, match="too large"):
        preprocess(bytes(content))


@pytest.mark.parametrize("part", [0.02, 0.1, 0.3, 0.5, 0.8, 0.95])
def test_a_truncated_heic_is_refused(part: float) -> None:
    with pytest.raises(UnreadablePicture, match="damaged or truncated"):
        preprocess(WHOLE[: int(part * len(WHOLE))])


@settings(max_examples=100)
@given(
    st.lists(
        st.tuples(st.integers(0, 400) | st.integers(0, 5_000), st.integers(0, 255)),
        min_size=1,
        max_size=8,
    )
)
def test_a_damaged_heic_is_read_or_refused(changes: list[tuple[int, int]]) -> None:
    damaged = bytearray(WHOLE)
    for position, value in changes:
        damaged[position % len(damaged)] = value
    try:
        pixels = preprocess(bytes(damaged)).pixels
    except UnreadablePicture:
        return
    assert pixels.shape == (28, 28)


def test_without_the_package_a_heic_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
    run: Callable[..., CompletedProcess[str]],
    tmp_path: Path,
) -> None:
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    (tmp_path / "a.heic").write_bytes(WHOLE)
    CHALK.save(tmp_path / "b.png")
    ran = run("predict", "--format", "jsonl", tmp_path)
    assert ran.returncode == 1
    # Other pictures are still read.
    photo, drawing = map(json.loads, ran.stdout.splitlines())
    assert photo["error"]["type"] == "UnreadablePicture"
    assert "pip install 'pillow-heif>=1.2'" in photo["error"]["message"]
    assert "\n" not in photo["error"]["message"]
    assert drawing["digit"] == 3


def test_other_pictures_do_not_import_it_and_pillow_is_left_as_it_was(
    start: Callable[..., CompletedProcess[bytes]], tmp_path: Path
) -> None:
    ran = start("predict", str(PICTURES / "chalk-three.png"), interpreter=("-X", "importtime"))
    assert ran.returncode == 0
    assert b"mnist_edge.preprocessing.decoding" in ran.stderr
    assert b"pillow_heif" not in ran.stderr
    preprocess(WHOLE)
    assert "HEIF" not in Image.OPEN


@pytest.mark.parametrize(
    ("mode", "chroma", "message"),
    [("RGB", 420, "damaged"), ("RGBA", 444, "decoding 4032x3024 pixels takes 146 MB")],
)
def test_a_photo_of_twelve_megapixels_is_decoded_if_it_takes_no_more_than_phones_save(
    mode: str, chroma: int, message: str
) -> None:
    stream = io.BytesIO()
    heif = pillow_heif.from_pillow(Image.new(mode, (64, 64)))
    heif.save(stream, quality=40, chroma=str(chroma))
    small, large = (
        b"ispe" + bytes(4) + struct.pack(">II", *size) for size in ((64, 64), (4032, 3024))
    )
    assert small in stream.getvalue()
    # It has fewer pixels than it says, which the decoder finds out.
    with pytest.raises(UnreadablePicture, match=message):
        preprocess(stream.getvalue().replace(small, large))
