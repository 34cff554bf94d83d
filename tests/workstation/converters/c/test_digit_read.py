"""``digit_read`` in C: what Python gives for drawings, and nothing out of bounds."""

from __future__ import annotations

import ctypes
import subprocess
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from converters.c.source import generate
from mnist_edge import Classifier
from mnist_edge.data.builtin_digits import load_builtin_digits
from mnist_edge.data.mnist import Digits
from mnist_edge.modelstore.loading import load_model
from mnist_edge.preprocessing.pipeline import preprocess
from tests.support.c_programs import SANITIZERS, compile_c, write_source
from tests.support.paths import NANO

OK, BLANK, NOT_ONE_DIGIT, UNSURE, NULL_POINTER, BAD_SIZE = 0, 1, 2, 3, -1, -2
ABSTAINED = {None: OK, "blank": BLANK, "not-one-digit": NOT_ONE_DIGIT, "low-confidence": UNSURE}


class Reading(ctypes.Structure):
    _fields_ = (("digit", ctypes.c_int8), ("confidence", ctypes.c_int16))


class Library:
    """The generated model, loaded into this process."""

    def __init__(self, folder: Path) -> None:
        stored = load_model(NANO)
        assert stored.manifest is not None
        source = generate(stored.content, stored.manifest)
        write_source(folder, source)
        names = ("nano.c", "nano_read.c")
        compile_c(folder, "cc", "-std=c99", "-O2", "-shared", "-fPIC", *names, "-o", "nano.so")
        self.native = ctypes.CDLL(str(folder / "nano.so"))
        self.workspace = (ctypes.c_uint8 * source.workspace)()

    def read(self, gray: NDArray[np.uint8]) -> tuple[int, int, int]:
        """The status, the digit and the confidence in thousandths."""
        reading = Reading()
        status = self.native.nano_read(
            self.workspace, gray.ctypes.data_as(ctypes.c_void_p), gray.shape[1], gray.shape[0],
            ctypes.byref(reading),
        )  # fmt: skip
        return status, reading.digit, reading.confidence

    def normalize(self, gray: NDArray[np.uint8]) -> tuple[int, NDArray[np.uint8]]:
        pixels = np.zeros((28, 28), np.uint8)
        status = self.native.nano_normalize(
            gray.ctypes.data_as(ctypes.c_void_p), gray.shape[1], gray.shape[0],
            pixels.ctypes.data_as(ctypes.c_void_p),
        )  # fmt: skip
        return status, pixels

    def decide(self, logits: NDArray[np.int8]) -> tuple[int, int, int]:
        reading = Reading()
        status = self.native.nano_decide(
            logits.ctypes.data_as(ctypes.c_void_p), ctypes.byref(reading)
        )
        return status, reading.digit, reading.confidence


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Library:
    return Library(tmp_path_factory.mktemp("library"))


def drawings(images: NDArray[np.uint8]) -> list[NDArray[np.uint8]]:
    """Digits as drawings of several sizes, anywhere on plain paper, of either polarity."""
    random, found = np.random.default_rng(0), []
    for image in images:
        side = int(random.integers(40, 260))
        digit = np.asarray(Image.fromarray(image).resize((side, side), Image.Resampling.BICUBIC))
        height, width = side + random.integers(10, 80, 2)
        paper = np.zeros((height, width), np.uint8)
        top, left = random.integers(2, height - side - 2), random.integers(2, width - side - 2)
        paper[top : top + side, left : left + side] = digit
        found.append(np.ascontiguousarray(paper if random.integers(2) else 255 - paper))
    return found


def test_drawings_are_normalized_and_read_as_in_python(library: Library) -> None:
    classifier = Classifier(NANO)
    differences, answers = [], []
    for picture in drawings(load_builtin_digits().images):
        expected = preprocess(picture)
        status, pixels = library.normalize(picture)
        assert (status == NOT_ONE_DIGIT) == (expected.problem == "not-one-digit")
        differences.append(np.abs(pixels.astype(int) - expected.pixels).max())
        prediction = classifier.predict(picture)
        status, digit, confidence = library.read(picture)
        answers.append(status == ABSTAINED[prediction.abstained])
        if status == OK:
            assert digit == prediction.digit
            assert abs(confidence / 1000 - prediction.confidence) < 0.02
    # A center of mass that lies between two pixels may be rounded otherwise.
    assert np.mean(np.array(differences) <= 2) >= 0.97
    assert np.mean(answers) >= 0.98


def test_pixels_in_mnists_format_are_left_alone(library: Library, test_digits: Digits) -> None:
    for digit in test_digits.images[:300]:
        for gray in (digit, 255 - digit):
            status, pixels = library.normalize(np.ascontiguousarray(gray))
            assert status == OK
            assert np.array_equal(pixels, digit)


def test_confidence_and_threshold_are_those_of_python(library: Library) -> None:
    model = load_model(NANO)
    assert model.manifest is not None
    from mnist_edge.metrics.confidence import softmax

    random = np.random.default_rng(1)
    rows = np.clip(random.normal(-30, 25, (500, 10)), -128, 127).astype(np.int8)
    probabilities = softmax(rows * model.manifest.output.scale, temperature=model.temperature)
    unsure = 0
    for row, shares in zip(rows, probabilities, strict=True):
        status, digit, confidence = library.decide(row)
        assert digit == shares.argmax()
        assert abs(confidence - 1000 * shares.max()) <= 1.01
        if abs(shares.max() - model.min_confidence) > 1e-4:
            assert (status == UNSURE) == (shares.max() < model.min_confidence)
        unsure += status == UNSURE
    assert 0 < unsure < len(rows)


@pytest.mark.parametrize("gray", [0, 90, 255])
def test_an_empty_picture_is_blank(gray: int, library: Library) -> None:
    picture = np.full((50, 70), gray, np.uint8)
    assert library.read(picture) == (BLANK, -1, 0)
    picture[20:22, 30:33] = 255 - gray
    if gray != 90:
        assert library.read(picture)[0] == BLANK


def test_two_digits_and_a_line_are_not_one_digit(library: Library) -> None:
    one, two = load_builtin_digits().images[[30, 80]]
    pair = np.ascontiguousarray(np.pad(np.hstack([one, two]).repeat(4, 0).repeat(4, 1), 9))
    assert library.read(pair)[0] == NOT_ONE_DIGIT
    line = np.zeros((60, 200), np.uint8)
    line[25:35, 20:180] = 255
    assert library.read(line)[0] == NOT_ONE_DIGIT


FUZZ = r"""
#include "PREFIX.h"
#include <stdio.h>
#include <stdlib.h>

/* Reads pictures from standard input: width, height and as many bytes, of exactly that memory. */
int main(void)
{
    static PREFIX_workspace workspace;
    int32_t size[2];
    PREFIX_reading reading;
    uint8_t one = 0, pixels[784];
    if (PREFIX_read(&workspace, NULL, 5, 5, &reading) != -1 ||
        PREFIX_read(NULL, &one, 1, 1, &reading) != -1 ||
        PREFIX_read(&workspace, &one, 1, 1, NULL) != -1 ||
        PREFIX_normalize(&one, 1, 1, NULL) != -1 || PREFIX_decide(NULL, &reading) != -1 ||
        PREFIX_read(&workspace, &one, 0, 1, &reading) != -2 ||
        PREFIX_read(&workspace, &one, 1, -7, &reading) != -2 ||
        PREFIX_read(&workspace, &one, 4097, 1, &reading) != -2 ||
        PREFIX_read(&workspace, &one, 2147483647, 2147483647, &reading) != -2) {
        return 3;
    }
    while (fread(size, sizeof size, 1, stdin) == 1) {
        const size_t count = (size_t)size[0] * (size_t)size[1];
        uint8_t *gray = (uint8_t *)malloc(count);
        int status;
        if (fread(gray, 1, count, stdin) != count) {
            return 4;
        }
        PREFIX_normalize(gray, size[0], size[1], pixels);
        status = PREFIX_read(&workspace, gray, size[0], size[1], &reading);
        free(gray);
        if (status < 0 || status > 3 || reading.digit < -1 || reading.digit > 9 ||
            reading.confidence < 0 || reading.confidence > 1000) {
            return 5;
        }
    }
    return 0;
}
"""


@pytest.fixture(scope="module")
def fuzzed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("fuzzed")
    stored = load_model(NANO)
    assert stored.manifest is not None
    write_source(folder, generate(stored.content, stored.manifest), main=FUZZ)
    names = ("nano.c", "nano_read.c", "main.c")
    compile_c(folder, "cc", "-std=c99", "-O1", "-g", *SANITIZERS, *names, "-o", "program")
    return folder / "program"


def feed(program: Path, pictures: list[NDArray[np.uint8]]) -> None:
    content = b"".join(
        np.array(picture.shape[::-1], "<i4").tobytes() + picture.tobytes() for picture in pictures
    )
    done = subprocess.run([program], input=content, capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"")


@given(st.data())
@pytest.mark.slow
def test_no_picture_reads_out_of_bounds(fuzzed: Path, data: st.DataObject) -> None:
    sides = st.one_of(st.integers(1, 6), st.integers(7, 90))
    pictures = []
    for _ in range(3):
        shape = data.draw(sides), data.draw(sides)
        random = np.random.default_rng(data.draw(st.integers(0, 1 << 30)))
        levels = data.draw(st.sampled_from([[0, 255], [255, 0, 0, 0, 0, 0, 0], list(range(256))]))
        pictures.append(random.choice(np.array(levels, np.uint8), shape))
    feed(fuzzed, pictures)


def test_extreme_shapes_and_the_largest_picture(fuzzed: Path) -> None:
    striped = np.zeros((4096, 4096), np.uint8)
    striped[100:4000, 2000:2300] = 255
    edges = [np.full(shape, 7, np.uint8) for shape in ((1, 1), (1, 2), (2, 1), (1, 4096))]
    noisy = np.random.default_rng(0).integers(0, 256, (4096, 1), np.uint8)
    checkered = (np.indices((300, 200)).sum(axis=0) % 2 * 255).astype(np.uint8)
    feed(fuzzed, [striped, *edges, noisy, noisy.T.copy(), checkered])
