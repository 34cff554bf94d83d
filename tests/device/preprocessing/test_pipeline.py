"""The steps from a picture to its digit."""

from __future__ import annotations

import sys
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import cast

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from mnist_edge import Classifier
from mnist_edge.data.mnist import Digits
from mnist_edge.preprocessing.connected_components import label_components
from mnist_edge.preprocessing.decoding import decode, to_rgb
from mnist_edge.preprocessing.flat_background import Ink
from mnist_edge.preprocessing.pipeline import preprocess, trace_preprocessing


def enlarged(digit: NDArray[np.uint8], side: int) -> NDArray[np.float64]:
    """Scale a digit of MNIST to ink, 0..1, on a page of ``side`` pixels."""
    large = Image.fromarray(digit).resize((side, side), Image.Resampling.BICUBIC)
    ink: NDArray[np.float64] = np.asarray(large) / 255
    return ink


def page(
    ink: NDArray[np.float64], *, size: tuple[int, int], at: tuple[int, int]
) -> NDArray[np.float64]:
    """Place a digit's ink on a larger page."""
    whole = np.zeros(size)
    top, left = at
    whole[top : top + ink.shape[0], left : left + ink.shape[1]] = ink
    return whole


def drawn(ink: NDArray[np.float64], paper: NDArray[np.float64], pen: float) -> NDArray[np.uint8]:
    """Photograph ink that lets ``pen`` of the paper's light through, with camera noise."""
    noise = np.random.default_rng(0).normal(0, 2, ink.shape)
    light = paper * (1 - ink * (1 - pen)) + noise
    picture: NDArray[np.uint8] = np.clip(light, 0, 255).astype(np.uint8)
    return picture


def _plain(size: tuple[int, int]) -> NDArray[np.float64]:
    return np.full(size, 200.0)


def _gradient(size: tuple[int, int]) -> NDArray[np.float64]:
    paper: NDArray[np.float64] = np.full(size, 230.0) * np.linspace(0.35, 1, size[1])[None, :]
    return paper


def _shadow(size: tuple[int, int]) -> NDArray[np.float64]:
    rows, columns = np.indices(size)
    light: NDArray[np.float64] = np.where(rows + 0.6 * columns < 0.5 * size[0], 110.0, 215.0)
    return light


def _ruled(size: tuple[int, int]) -> NDArray[np.float64]:
    paper = _plain(size)
    for row in range(30, size[0], 60):
        paper[row : row + 2] = 140
    return paper


def _framed(size: tuple[int, int]) -> NDArray[np.float64]:
    paper = _plain(size)
    paper[:12] = paper[-9:] = 30
    paper[:, :10] = paper[:, -14:] = 30
    return paper


def _on_a_table(size: tuple[int, int]) -> NDArray[np.float64]:
    paper = _plain(size)
    paper[:, :40] = 60
    return paper


@pytest.mark.slow
@pytest.mark.parametrize("paper", [_plain, _gradient, _shadow, _ruled, _framed, _on_a_table])
@pytest.mark.parametrize("pen", [0.15, 0.6])
def test_a_digit_is_read_on_any_paper_and_in_any_light(
    paper: Callable[[tuple[int, int]], NDArray[np.float64]], pen: float, test_digits: Digits
) -> None:
    classifier = Classifier(min_confidence=0.0)
    size, read, count = (360, 480), 0, 30
    for index in range(count):
        ink = page(enlarged(test_digits.images[index], 200), size=size, at=(90, 150))
        answer = classifier.predict(drawn(ink, paper(size), pen))
        read += answer.digit == test_digits.labels[index]
    assert read >= count - 2


@pytest.mark.slow
@pytest.mark.parametrize("side", [60, 240])
@pytest.mark.parametrize("dashed", [False, True])
def test_a_digit_is_read_inside_a_rotated_cell_border(
    side: int, dashed: bool, test_digits: Digits
) -> None:
    classifier = Classifier(min_confidence=0.0)
    frame = Image.new("L", (480, 480))
    ImageDraw.Draw(frame).rectangle((60, 50, 420, 430), outline=255, width=10)
    if dashed:
        gaps = np.indices((480, 480)) % 40 < 14
        frame = Image.fromarray(np.where(gaps.any(axis=0), 0, np.asarray(frame)).astype(np.uint8))
    frame = frame.rotate(5, Image.Resampling.BICUBIC)
    read, count = 0, 20
    for index in range(count):
        ink = page(enlarged(test_digits.images[index], 320), size=(480, 480), at=(80, 80))
        both = np.maximum(ink, np.asarray(frame) / 255)
        cell = Image.fromarray(drawn(both, _plain((480, 480)), 0.2))
        answer = classifier.predict(cell.resize((side, side), Image.Resampling.BOX))
        read += answer.digit == test_digits.labels[index]
    assert read >= count - 2


def test_chalk_on_a_board_is_read(test_digits: Digits) -> None:
    classifier = Classifier(min_confidence=0.0)
    board = np.full((360, 480), 60.0)
    read = 0
    for index in range(20):
        ink = page(enlarged(test_digits.images[index], 200), size=(360, 480), at=(90, 150))
        light = board + ink * 150 + np.random.default_rng(index).normal(0, 3, ink.shape)
        read += classifier.predict(np.clip(light, 0, 255).astype(np.uint8)).digit == int(
            test_digits.labels[index]
        )
    assert read >= 19


@pytest.mark.parametrize("flat", [True, False])
def test_ink_that_is_known_is_found_on_its_paper_alone(test_digits: Digits, flat: bool) -> None:
    ink = page(enlarged(test_digits.images[0], 200), size=(360, 480), at=(90, 150))
    noise = 0 if flat else np.random.default_rng(0).normal(0, 3, ink.shape)
    board = np.clip(60 + ink * 150 + noise, 0, 255).astype(np.uint8)
    for picture, right, wrong in (
        (board, "light", "dark"),
        (np.invert(board), "dark", "light"),
    ):
        known = trace_preprocessing(picture, ink=cast("Ink", right))
        assert known.ink == right
        assert np.array_equal(known.pixels, trace_preprocessing(picture).pixels)
        assert np.array_equal(known.pixels, preprocess(picture, ink=right).pixels)
        other = trace_preprocessing(picture, ink=cast("Ink", wrong))
        assert not np.array_equal(other.pixels, known.pixels)


def test_a_digit_in_mnists_format_has_the_ink_that_is_known(test_digits: Digits) -> None:
    digit = test_digits.images[0]
    for picture in (digit, Image.fromarray(digit)):
        assert np.array_equal(preprocess(picture, ink="light").pixels, digit)
        assert not np.array_equal(preprocess(picture, ink="dark").pixels, digit)
    assert np.array_equal(preprocess(np.invert(digit), ink="dark").pixels, digit)


def test_a_tiny_digit_far_from_the_center_is_found(test_digits: Digits) -> None:
    size = (900, 1200)
    ink = page(enlarged(test_digits.images[0], 90), size=size, at=(780, 60))
    trace = trace_preprocessing(drawn(ink, _gradient(size), 0.2))
    assert trace.digit is not None
    top, left = trace.digit.top * trace.scale, trace.digit.left * trace.scale
    assert 780 <= top <= 820
    assert 60 <= left <= 110
    assert Classifier().predict(drawn(ink, _gradient(size), 0.2)).digit == 7


@pytest.mark.parametrize("seed", range(3))
def test_a_hairline_that_passes_between_a_cameras_pixels_is_not_broken(seed: int) -> None:
    frame = 120 + np.random.default_rng(seed).normal(0, 2, (32, 32))
    angles = np.linspace(0, 2 * np.pi, 24, endpoint=False)
    rows, columns = 16 - 7 * np.cos(angles), 16 + 5 * np.sin(angles)
    # Of every fourth pixel of the zero hardly anything is left.
    contrast = np.where(np.arange(24) % 4, 36, 4)
    frame[np.rint(rows).astype(int), np.rint(columns).astype(int)] -= contrast
    pixels = preprocess(np.rint(frame).astype(np.uint8)).pixels
    _, (_, loop) = label_components(pixels == 0)
    assert loop.area > 10


def test_a_broken_digit_in_mnist_format_is_one_digit(test_digits: Digits) -> None:
    for index in (3448, 3552, 5676, 8020):
        assert trace_preprocessing(test_digits.images[index]).problem is None


def test_two_digits_are_not_a_single_digit(test_digits: Digits) -> None:
    size = (360, 560)
    first = page(enlarged(test_digits.images[0], 180), size=size, at=(80, 60))
    second = page(enlarged(test_digits.images[1], 180), size=size, at=(80, 300))
    for picture in (
        drawn(first + second, _plain(size), 0.2),
        (255 * (1 - first - second).clip(0, 1)).astype(np.uint8),
    ):
        answer = Classifier().predict(picture)
        assert answer.digit is None
        assert answer.abstained == "not-one-digit"
        assert answer.without_abstention().digit is not None


@pytest.mark.parametrize("make", [_plain, _gradient, _on_a_table])
def test_paper_without_ink_is_blank(
    make: Callable[[tuple[int, int]], NDArray[np.float64]],
) -> None:
    empty = np.zeros((360, 480))
    assert trace_preprocessing(drawn(empty, make((360, 480)), 0.2)).problem == "blank"


def test_red_ink_in_red_light_is_found_in_another_channel() -> None:
    picture = Image.new("RGB", (400, 300), (230, 120, 110))
    ImageDraw.Draw(picture).line([(200, 60), (200, 240)], fill=(225, 20, 20), width=10)
    noise = np.random.default_rng(0).normal(0, 3, (300, 400, 3))
    noisy = np.clip(np.asarray(picture) + noise, 0, 255).astype(np.uint8)
    trace = trace_preprocessing(noisy)
    assert trace.digit is not None
    assert abs(trace.digit.height * trace.scale - 180) < 20
    assert trace.digit.width < 30


@pytest.mark.slow
def test_a_large_photo_is_decoded_no_further_than_needed(
    tmp_path: Path, test_digits: Digits
) -> None:
    size = (3000, 4000)
    ink = page(enlarged(test_digits.images[0], 1500), size=size, at=(700, 1200))
    path = tmp_path / "photo.jpg"
    Image.fromarray(drawn(ink, _plain(size), 0.2)).save(path, quality=90)
    rgb, scale = to_rgb(*decode(path, side=640), side=640)
    assert rgb.shape == (375, 500, 3)
    assert scale == 8
    rgb, scale = to_rgb(*decode(path, side=960), side=960)
    assert rgb.shape == (720, 960, 3)
    assert scale == pytest.approx(4000 / 960)
    assert Classifier().predict(path).digit == 7


def photo_of(digit: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return a photo of 640x480 pixels of a digit in black ink on warm paper."""
    ink = page(enlarged(digit, 150), size=(640, 480), at=(250, 150))
    gray = drawn(ink, _plain((640, 480)), 0.2)
    return np.stack([gray, gray - gray // 50, gray - gray // 20], axis=2)


def test_a_photo_is_read_in_few_calls(test_digits: Digits) -> None:
    photo, calls = photo_of(test_digits.images[0]), 0
    # The first time, modules are imported.
    preprocess(photo)

    def count_call(frame: FrameType, event: str, argument: object) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    sys.setprofile(count_call)
    try:
        preprocess(photo)
    finally:
        sys.setprofile(None)
    # It took 10,936 when lines were searched for in any ink, and each color was measured.
    assert calls < 3000


def test_a_photo_is_read_in_little_memory(test_digits: Digits) -> None:
    photo = photo_of(test_digits.images[0])
    tracemalloc.start()
    try:
        preprocess(photo)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    # It took 70 bytes a pixel when the paper's brightness was estimated at every pixel.
    assert peak < 35 * 640 * 480


@given(
    dots=st.lists(
        st.tuples(st.integers(4, 23), st.integers(4, 23), st.integers(1, 255)), max_size=40
    ),
    inverted=st.booleans(),
)
@example(dots=[(4, 14, 255), (23, 14, 255)], inverted=False)
def test_preprocess_has_what_its_trace_has(
    dots: list[tuple[int, int, int]], inverted: bool
) -> None:
    pixels = np.zeros((28, 28), np.uint8)
    for row, column, gray in dots:
        pixels[row, column] = gray
    picture = np.invert(pixels) if inverted else pixels
    model_input, trace = preprocess(picture), trace_preprocessing(picture)
    assert np.array_equal(model_input.pixels, trace.pixels)
    assert model_input.problem == trace.problem


def test_preprocess_of_digits_has_what_its_trace_has(test_digits: Digits) -> None:
    for digit in test_digits.images[:25]:
        for picture in (digit, np.invert(digit), np.roll(digit, 3, axis=0)):
            model_input, trace = preprocess(picture), trace_preprocessing(picture)
            assert np.array_equal(model_input.pixels, trace.pixels)
            assert model_input.problem == trace.problem


def test_digits_in_mnists_format_are_read_as_their_trace(
    classifier: Classifier, test_digits: Digits
) -> None:
    for digit in test_digits.images[:300]:
        for picture in (digit, np.invert(digit)):
            trace = trace_preprocessing(picture)
            assert np.array_equal(preprocess(picture).pixels, digit)
            assert np.array_equal(trace.pixels, digit)
            assert classifier.predict(picture) == classifier.classify(trace)


@pytest.mark.slow
@given(arrays.arrays(np.uint8, (28, 28), elements=st.sampled_from([0, 1, 255]), fill=st.just(0)))
def test_any_array_is_read_as_its_trace(
    classifier: Classifier, picture: np.ndarray[tuple[int, int], np.dtype[np.uint8]]
) -> None:
    assert classifier.predict(picture) == classifier.classify(trace_preprocessing(picture))


@pytest.mark.parametrize("shape", [(28, 28, 3), (27, 28), (56, 56)])
def test_an_array_of_another_size_is_preprocessed(shape: tuple[int, ...]) -> None:
    assert preprocess(np.zeros(shape, np.uint8)).problem == "blank"
