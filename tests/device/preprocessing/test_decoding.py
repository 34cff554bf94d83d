from __future__ import annotations

import io
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from PIL.JpegImagePlugin import JpegImageFile

from mnist_edge.data.mnist import Digits
from mnist_edge.errors import PictureNotFound, UnreadablePicture
from mnist_edge.preprocessing.decoding import (
    decode,
    decode_whole,
    to_rgb,
    upright_part,
    upright_size,
)
from mnist_edge.preprocessing.pipeline import preprocess, trace_preprocessing
from tests.support.paths import PICTURES
from tests.support.poisoned_pictures import with_checksums

CHALK = Image.open(PICTURES / "chalk-three.png").copy()
"""Light on dark, 8-bit gray; the source of the other pictures."""
STEPS = 3
"""Allowed difference of a pixel from rounding in another mode, in gray levels."""
LOSS = 8
"""Allowed mean difference of a lossy format, in gray levels; another digit makes 40."""


def encoded(image: Image.Image, kind: str, **settings: Any) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **settings)
    return stream.getvalue()


def deep(image: Image.Image) -> NDArray[np.uint16]:
    return np.asarray(image, np.uint16) * np.uint16(257)


def largest_difference(first: NDArray[np.uint8], second: NDArray[np.uint8]) -> int:
    return int(np.abs(first.astype(int) - second).max())


def test_a_digit_in_mnist_format_comes_through_a_png_untouched(test_digits: Digits) -> None:
    for digit in test_digits.images[:200]:
        assert np.array_equal(preprocess(encoded(Image.fromarray(digit), "PNG")).pixels, digit)


@pytest.mark.parametrize(
    ("kind", "settings"),
    [
        ("PNG", {}),
        ("WEBP", {"lossless": True}),
        ("BMP", {}),
        ("TIFF", {}),
        ("TIFF", {"compression": "tiff_lzw"}),
        ("GIF", {}),
        ("PPM", {}),
    ],
)
def test_a_lossless_format_gives_the_pixels_of_the_array(kind: str, settings: Any) -> None:
    assert np.array_equal(
        preprocess(encoded(CHALK, kind, **settings)).pixels, preprocess(np.asarray(CHALK)).pixels
    )


@pytest.mark.parametrize("kind", ["JPEG", "WEBP"])
def test_a_lossy_format_gives_nearly_the_pixels_of_the_array(kind: str) -> None:
    lossy = preprocess(encoded(CHALK, kind, quality=90)).pixels
    assert np.abs(lossy.astype(int) - preprocess(np.asarray(CHALK)).pixels).mean() < LOSS


def test_a_two_color_pbm_gives_the_pixels_of_black_and_white() -> None:
    stark = CHALK.point(lambda gray: 255 * (gray > 127))
    content = encoded(stark.convert("1"), "PPM")
    assert content.startswith(b"P4")
    assert np.array_equal(preprocess(content).pixels, preprocess(np.asarray(stark)).pixels)


@pytest.mark.parametrize(
    ("image", "kind"),
    [
        pytest.param(CHALK.convert("LA"), "PNG", id="LA"),
        pytest.param(CHALK.convert("P"), "PNG", id="P"),
        pytest.param(CHALK.convert("RGB"), "PNG", id="RGB"),
        pytest.param(CHALK.convert("RGBA"), "PNG", id="RGBA"),
        pytest.param(CHALK.convert("CMYK"), "TIFF", id="CMYK"),
        pytest.param(CHALK.convert("RGB").convert("YCbCr"), "TIFF", id="YCbCr"),
        pytest.param(
            Image.merge("LAB", [CHALK, *[Image.new("L", CHALK.size, 128)] * 2]), "TIFF", id="LAB"
        ),
        pytest.param(Image.fromarray(deep(CHALK)), "PNG", id="I;16"),
        pytest.param(Image.fromarray(deep(CHALK)), "TIFF", id="I;16 TIFF"),
        pytest.param(Image.fromarray(deep(CHALK).astype(">u2")), "TIFF", id="I;16B"),
        pytest.param(Image.fromarray(deep(CHALK).astype(np.int32)), "TIFF", id="I"),
        pytest.param(Image.fromarray(np.asarray(CHALK, np.float32) / 255), "TIFF", id="F"),
    ],
)
def test_every_mode_gives_the_pixels_of_plain_gray(image: Image.Image, kind: str) -> None:
    content = encoded(image, kind)
    with Image.open(io.BytesIO(content)) as stored:
        assert stored.mode == image.mode
    plain = preprocess(CHALK).pixels
    assert largest_difference(preprocess(content).pixels, plain) <= STEPS
    assert largest_difference(preprocess(image).pixels, plain) <= STEPS


@pytest.mark.parametrize("mode", ["La", "RGBa", "HSV", "PA"])
def test_a_mode_that_no_file_has_is_read_from_a_pil_image(mode: str) -> None:
    steps = {"La": ["LA"], "RGBa": ["RGBA"], "HSV": ["RGB"], "PA": ["P"]}
    image = CHALK
    for step in [*steps[mode], mode]:
        image = image.convert(step)
    assert largest_difference(preprocess(image).pixels, preprocess(CHALK).pixels) <= STEPS


def test_transparency_is_composed_on_white() -> None:
    with Image.open(PICTURES / "clear-two.png") as clear:
        assert clear.mode == "RGBA"
        ink = np.asarray(clear)[:, :, 3]
        assert np.array_equal(preprocess(clear).pixels, preprocess(np.uint8(255) - ink).pixels)


@pytest.mark.parametrize("kind", ["PNG", "GIF"])
def test_a_transparent_palette_entry_becomes_white(kind: str) -> None:
    ink = np.asarray(CHALK) > 127
    image = Image.fromarray(ink.astype(np.uint8))
    # Entry 0 is black, like the ink, and only its transparency tells it apart.
    image.putpalette([0, 0, 0, 0, 0, 0])
    content = encoded(image, kind, transparency=0)
    assert np.array_equal(
        preprocess(content).pixels, preprocess(np.where(ink, 0, 255).astype(np.uint8)).pixels
    )


def test_a_photo_that_is_all_height_is_drafted() -> None:
    stream = io.BytesIO()
    Image.new("L", (8, 65_000), 200).save(stream, "JPEG")
    assert preprocess(stream.getvalue()).problem == "blank"


@pytest.mark.parametrize("transparency", [b"\0" * 300, 299])
def test_transparency_beyond_the_palette_is_ignored(transparency: bytes | int) -> None:
    image = CHALK.convert("P")
    image.info["transparency"] = transparency
    preprocess(image)
    assert image.info["transparency"] == transparency
    # An entry that a palette cannot have makes no other one transparent.
    if isinstance(transparency, int):
        plain = preprocess(CHALK).pixels
        assert largest_difference(preprocess(image).pixels, plain) <= STEPS


def test_16_bit_gray_with_a_transparent_level_is_not_blank() -> None:
    content = encoded(Image.fromarray(deep(CHALK)), "PNG", transparency=5)
    assert largest_difference(preprocess(content).pixels, preprocess(CHALK).pixels) <= STEPS


# Orientation, as EXIF 2.3 numbers it, with what a camera did to the upright picture.
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


def turned(orientation: int, kind: str = "PNG") -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return encoded(CHALK.transpose(TURNS[orientation]), kind, exif=exif.tobytes())


@pytest.mark.parametrize("orientation", TURNS)
def test_a_picture_is_turned_the_way_its_exif_orientation_says(orientation: int) -> None:
    assert np.array_equal(preprocess(turned(orientation)).pixels, preprocess(CHALK).pixels)


@pytest.mark.parametrize("kind", ["JPEG", "WEBP", "TIFF"])
def test_every_format_with_exif_is_turned(kind: str) -> None:
    difference = preprocess(turned(6, kind)).pixels.astype(int) - preprocess(CHALK).pixels
    assert np.abs(difference).mean() < LOSS


@pytest.mark.parametrize("orientation", TURNS)
def test_a_part_of_a_picture_is_that_part_of_the_upright_picture(orientation: int) -> None:
    image, longest = decode(turned(orientation), side=1000)
    whole, _ = to_rgb(image, longest, side=1000)
    assert upright_size(image) == (whole.shape[1], whole.shape[0])
    left, top, right, bottom = (3, 5, 21, whole.shape[0])
    part = upright_part(image, (left, top, right, bottom))
    assert np.array_equal(part, whole[top:bottom, left:right])


def test_a_part_of_deep_gray_levels_has_the_range_of_the_whole_picture() -> None:
    levels = np.arange(64 * 64, dtype=np.uint16).reshape(64, 64)
    image, longest = decode(encoded(Image.fromarray(levels), "PNG"), side=64)
    whole, _ = to_rgb(image, longest, side=64)
    assert np.array_equal(upright_part(image, (8, 16, 40, 20)), whole[16:20, 8:40])


@pytest.mark.parametrize("mode", ["L", "P", "LAB", "RGBA", "I;16"])
def test_a_whole_picture_of_any_mode_is_rgb(mode: str) -> None:
    gray = Image.fromarray(np.tile(np.arange(256, dtype=np.uint8), (70, 1)))
    image = gray.convert("RGB").convert(mode) if mode == "RGBA" else gray
    if mode in ("P", "I;16"):
        image = gray.convert(mode)
    if mode == "LAB":
        image = Image.merge("LAB", [gray, *[Image.new("L", gray.size, 128)] * 2])
    found = decode_whole(encoded(image, "TIFF"))
    assert np.abs(found.astype(int) - np.asarray(gray)[..., None]).max() <= 3


def test_a_picture_that_is_too_large_to_be_held_whole_is_refused_with_its_size() -> None:
    content = encoded(Image.new("1", (4300, 4300)), "PNG")
    with pytest.raises(UnreadablePicture, match="4300x4300 pixels take 129 MB, expected at most"):
        decode_whole(content)


def test_a_pil_image_is_turned_like_the_file_that_it_was_opened_from() -> None:
    with Image.open(io.BytesIO(turned(6))) as image:
        assert np.array_equal(preprocess(image).pixels, preprocess(CHALK).pixels)


@pytest.mark.parametrize("name", ["chalk-three.png", "pen-four.png", "clear-two.png"])
def test_dark_on_light_and_light_on_dark_give_the_same_pixels(name: str) -> None:
    with Image.open(PICTURES / name) as image:
        white = Image.new("RGBA", image.size, "white")
        gray = np.asarray(Image.alpha_composite(white, image.convert("RGBA")).convert("L"))
    assert np.array_equal(preprocess(gray).pixels, preprocess(np.uint8(255) - gray).pixels)


@pytest.mark.parametrize("fill", [0.0, 1.0, -7.5])
def test_a_blank_float_picture_is_all_background(fill: float) -> None:
    assert not preprocess(Image.new("F", (30, 30), fill)).pixels.any()


@pytest.mark.parametrize("size", [(1, 4_000), (4_000, 1), (1, 1), (2, 2)])
def test_a_picture_of_any_aspect_is_read(size: tuple[int, int]) -> None:
    gray = np.zeros(size, np.uint8)
    gray.flat[gray.size // 2] = 255
    assert preprocess(gray).pixels.shape == (28, 28)


def test_float_pictures_at_the_ends_of_the_range_are_read() -> None:
    values = np.asarray(CHALK, np.float32)
    largest = np.finfo(np.float32).max
    values = np.where(values > 127, largest, -largest).astype(np.float32)
    assert preprocess(Image.fromarray(values)).pixels.any()


def check_refusal(picture: Any, said: str, kind: type[Exception] = UnreadablePicture) -> None:
    with pytest.raises(kind, match=said) as refused:
        preprocess(picture)
    assert type(refused.value) is kind
    assert "\n" not in str(refused.value)


def test_a_missing_picture_is_not_found(tmp_path: Path) -> None:
    check_refusal(tmp_path / "none.png", "no picture .*none.png; check", PictureNotFound)


def test_an_invalid_path_is_refused() -> None:
    check_refusal("digit\0.png", "digit", PictureNotFound)
    check_refusal("d" * 5_000, "cannot read")


def test_a_folder_is_no_picture(tmp_path: Path) -> None:
    check_refusal(tmp_path, "is not a file; expected an image")


@pytest.mark.parametrize(
    "content", [b"\n", b"a digit, honestly", b"\x89PNG\r\n\x1a\n", b"%PDF-1.7"]
)
def test_bytes_that_are_not_a_picture_are_refused(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "digit.png"
    path.write_bytes(content)
    check_refusal(content, "the picture is (not an image|damaged)")
    check_refusal(path, "digit.png is (not an image|damaged)")


def test_an_empty_file_is_reported_as_empty(tmp_path: Path) -> None:
    (tmp_path / "digit.png").touch()
    check_refusal(tmp_path / "digit.png", "digit.png is empty")
    check_refusal(b"", "the picture is empty")
    check_refusal(io.BytesIO(), "the picture is empty")


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "BMP", "GIF", "TIFF", "WEBP", "PPM"])
def test_a_truncated_file_is_refused_wherever_it_ends(kind: str) -> None:
    content = encoded(CHALK, kind)
    for part in (0.02, 0.1, 0.3, 0.5, 0.8, 0.95):
        check_refusal(content[: int(part * len(content))], "is (not an image|damaged or truncated)")


def test_a_truncated_file_that_pil_opened_is_refused_too() -> None:
    content = encoded(CHALK, "PNG")
    with Image.open(io.BytesIO(content[: len(content) // 2])) as image:
        check_refusal(image, "damaged or truncated")


def test_a_stream_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    with (tmp_path / "write-only.png").open("wb") as stream:
        check_refusal(stream, "cannot read .*write-only.png")


@pytest.mark.parametrize("size", [(0, 5), (5, 0), (0, 0)])
def test_a_pil_image_without_pixels_is_refused(size: tuple[int, int]) -> None:
    check_refusal(Image.new("L", size), "pixels")


@pytest.mark.parametrize("dtype", ["float32", "float64", "int32", "uint16", "int8", "bool", "O"])
def test_an_array_of_another_type_is_refused(dtype: str) -> None:
    check_refusal(np.zeros((28, 28), dtype), "the array has dtype .*; expected uint8, 0..255")


@pytest.mark.parametrize(
    "shape", [(), (0,), (784,), (0, 28), (28, 28, 2), (28, 28, 5), (0, 28, 3), (1, 28, 28, 1)]
)
def test_an_array_of_another_shape_is_refused(shape: tuple[int, ...]) -> None:
    check_refusal(np.zeros(shape, np.uint8), "the array has shape .*; expected")


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_nan_and_infinite_pixels_are_refused(value: float) -> None:
    values = np.zeros((30, 30), np.float32)
    values[3, 4] = value
    check_refusal(encoded(Image.fromarray(values), "TIFF"), "not numbers")


@pytest.mark.parametrize("side", [10_000, 20_000])
def test_a_picture_that_would_fill_the_memory_is_refused(side: int) -> None:
    # A few bytes claim this size; Pillow only warns about the smaller, 100 million pixels.
    content = bytearray(encoded(Image.new("1", (8, 8)), "PNG"))
    struct.pack_into(">II", content, 16, side, side)
    check_refusal(with_checksums(bytes(content)), "too large")


def test_damaged_metadata_is_ignored_silently(recwarn: Any) -> None:
    exif = Image.Exif()
    exif[0x0112] = 1
    exif[0x010E] = "a description that is cut off"
    damaged = exif.tobytes()[:-20]
    pixels = preprocess(encoded(CHALK, "JPEG", quality=90, exif=damaged)).pixels
    assert np.abs(pixels.astype(int) - preprocess(CHALK).pixels).mean() < LOSS
    assert not recwarn.list


@given(content=st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(content: bytes) -> None:
    check_read_or_refused(content)


def check_read_or_refused(content: bytes) -> None:
    try:
        pixels = preprocess(content).pixels
    except UnreadablePicture as refused:
        said = str(refused)
    else:
        said = ""
        assert pixels.shape == (28, 28)
        assert pixels.dtype == np.uint8
    assert "\n" not in said


WHOLE = [
    encoded(CHALK, "PNG"),
    encoded(CHALK.convert("P"), "PNG", transparency=3),
    encoded(CHALK, "JPEG"),
    turned(6, "JPEG"),
    turned(8),
    encoded(CHALK, "WEBP"),
    encoded(CHALK, "BMP"),
    encoded(CHALK, "GIF"),
    encoded(CHALK, "PPM"),
    encoded(CHALK.convert("CMYK"), "TIFF"),
]


@pytest.mark.slow
@settings(max_examples=300)
@given(
    content=st.sampled_from(WHOLE),
    # Headers stand first: half of the damage goes there.
    changes=st.lists(
        st.tuples(st.integers(0, 150) | st.integers(0, 5_000), st.integers(0, 255)),
        min_size=1,
        max_size=8,
    ),
    kept=st.just(1.0) | st.floats(0, 1),
)
def test_a_damaged_picture_is_read_or_refused(
    content: bytes, changes: list[tuple[int, int]], kept: float
) -> None:
    damaged = bytearray(content)
    for position, value in changes:
        damaged[position % len(damaged)] = value
    check_read_or_refused(with_checksums(bytes(damaged[: int(kept * len(damaged))])))


@settings(max_examples=120)
@given(
    arrays.arrays(np.uint8, arrays.array_shapes(min_dims=1, max_dims=4, min_side=0, max_side=32))
)
def test_any_small_array_is_read_exactly_when_it_is_a_picture(array: NDArray[np.uint8]) -> None:
    channels = array.shape[2] if array.ndim == 3 else 1
    if array.size and array.ndim in (2, 3) and channels in (1, 3, 4):
        pixels = preprocess(array).pixels
        assert pixels.shape == (28, 28)
        assert pixels.dtype == np.uint8
        assert pixels.max() in (0, 255) or np.array_equal(pixels, array.reshape(pixels.shape))
    else:
        with pytest.raises(UnreadablePicture):
            preprocess(array)


def test_the_first_frame_of_an_animated_gif_is_read() -> None:
    blank = Image.new("L", CHALK.size, 30)
    content = encoded(CHALK, "GIF", save_all=True, append_images=[blank, CHALK.rotate(90)])
    with Image.open(io.BytesIO(content)) as moving:
        assert getattr(moving, "n_frames", 1) == 3
    assert largest_difference(preprocess(content).pixels, preprocess(CHALK).pixels) <= STEPS


@pytest.mark.parametrize("kind", ["JPEG", "MPO"])
def test_a_large_jpeg_is_decoded_no_larger_than_needed(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    pictures = {"save_all": True, "append_images": [CHALK]} if kind == "MPO" else {}
    content = encoded(CHALK.resize((2880, 2560)), kind, **pictures)
    decoded = []
    load = JpegImageFile.load

    def watched(image: JpegImageFile) -> Any:
        decoded.append(image.size)
        return load(image)

    monkeypatch.setattr(JpegImageFile, "load", watched)
    preprocess(content)
    assert max(decoded) == (720, 640)


def test_a_pil_image_keeps_its_size() -> None:
    with Image.open(io.BytesIO(encoded(CHALK.resize((2880, 2560)), "JPEG"))) as image:
        _, scale = to_rgb(*decode(image, side=640), side=640)
        assert image.size == (2880, 2560)
        assert scale == 2880 / 640


def test_white_strokes_on_transparency_are_composed_on_black() -> None:
    picture = Image.new("RGBA", (100, 100), (0, 0, 0, 0))
    ImageDraw.Draw(picture).line([(50, 20), (50, 80)], fill=(255, 255, 255, 255), width=8)
    rgb, _ = to_rgb(*decode(picture, side=640), side=640)
    assert rgb[50, 50].tolist() == [255, 255, 255]
    assert rgb[10, 10].tolist() == [0, 0, 0]
    assert trace_preprocessing(picture).digit is not None
