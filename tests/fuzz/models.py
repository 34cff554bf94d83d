"""TFLite files, damaged, without a manifest that would tell."""

from __future__ import annotations

import json
import os
import zlib
from functools import cache
from pathlib import Path
from random import Random

import numpy as np

from mnist_edge import Classifier
from mnist_edge.data.builtin_digits import load_builtin_digits
from mnist_edge.errors import MnistEdgeError
from tests.fuzz.children import forked_children, run_program
from tests.fuzz.fields import flatbuffer_numbers
from tests.fuzz.mutation import Number, mutate
from tests.fuzz.target import KnownCase, Target, own_error
from tests.support.paths import NANO, SAMPLE, TINY

_DIGITS = 10
"""Digits that a model reads as one batch, after a picture by itself."""
_INFERRED = 8
"""In one of how many cases the pixel scaling is not named."""


@cache
def _whole_models() -> list[tuple[bytes, list[Number]]]:
    """Sound files small enough that damage meets what matters, with their numbers."""
    paths = [*sorted(TINY.glob("*.tflite")), *sorted(NANO.glob("*.tflite"))]
    contents = [path.read_bytes() for path in paths if path.stem != "greedy"]
    return [(content, flatbuffer_numbers(content)) for content in contents]


def _draw(random: Random) -> bytes:
    whole = _whole_models()
    content, numbers = random.choice(whole)
    return mutate(random, content, numbers=numbers, donors=[other for other, _ in whole])


def _check(content: bytes, folder: Path) -> str:
    # Without MNIST at hand, as on a device.
    os.environ["XDG_CACHE_HOME"] = str(folder / "cache")
    path = folder / "model.tflite"
    path.write_bytes(content)
    digits = load_builtin_digits().images[:_DIGITS]
    with forked_children():
        run_program("info", str(path), "--format", "json")
        try:
            pixels = None if zlib.crc32(content) % _INFERRED == 0 else "pixels"
            classifier = Classifier(path, pixels=pixels)
            found = [classifier.predict(SAMPLE), *classifier.predict_pixels(digits)]
        except MnistEdgeError as error:
            return own_error(error)
    for prediction in found:
        json.dumps(prediction.to_dict(), allow_nan=False)
    sums = [sum(prediction.probabilities) for prediction in found]
    assert np.allclose(sums, 1), "the probabilities do not add up to 1"
    return "read"


def _changed(scheme: str, *changes: tuple[int, int]) -> bytes:
    content = bytearray((NANO / f"{scheme}.tflite").read_bytes())
    for place, byte in changes:
        content[place] = byte
    return bytes(content)


TARGET = Target(
    name="models",
    draw=_draw,
    check=_check,
    count=60,
    known={
        # The first two passed a trial of one digit, and then ended the program.
        "crash on a batch": KnownCase(
            content=lambda: _changed("int16x8", (17, 16), (16649, 0), (16912, 13)),
            expected=("InvalidModel",),
        ),
        "crash on details": KnownCase(
            content=lambda: _changed("float16", (11276, 123), (22712, 130), (25105, 175)),
            expected=("InvalidModel",),
        ),
        "logits that are not numbers": KnownCase(
            content=lambda: _changed("float16", (20692, 255), (20693, 255)),
            expected=("InvalidModel",),
        ),
        "millions of tensors": KnownCase(
            content=(TINY / "greedy.tflite").read_bytes, expected=("InvalidModel",)
        ),
    },
    megabytes=350,
    seconds=300,
)
