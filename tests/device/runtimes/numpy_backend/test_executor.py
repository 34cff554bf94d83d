from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from mnist_edge.data.mnist import Digits
from mnist_edge.runtimes.interpreter import Interpreter
from mnist_edge.runtimes.selection import using_runtime
from tests.support.paths import NUMPY_MODELS, SAMPLE


def noise(count: int) -> NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 256, (count, 28, 28), np.uint8)


def assert_equal_on_both(content: bytes, digits: NDArray[np.uint8]) -> None:
    with using_runtime("tflite-runtime"):
        expected = Interpreter(content).logits(digits)
    with using_runtime("numpy"):
        found = Interpreter(content).logits(digits)
    assert np.array_equal(found, expected)


@pytest.mark.parametrize("path", NUMPY_MODELS, ids=lambda path: path.stem)
def test_numpy_gives_the_integers_of_tflite_runtime(path: Path, test_digits: Digits) -> None:
    pytest.importorskip("tflite_runtime")
    digits = np.concatenate([test_digits.images[:300], noise(100)])
    assert_equal_on_both(path.read_bytes(), digits)


@pytest.mark.slow
@pytest.mark.parametrize("path", NUMPY_MODELS, ids=lambda path: path.stem)
def test_numpy_gives_the_integers_of_tflite_runtime_on_every_test_digit(
    path: Path, test_digits: Digits
) -> None:
    pytest.importorskip("tflite_runtime")
    digits = np.concatenate([test_digits.images, noise(2_000)])
    assert_equal_on_both(path.read_bytes(), digits)


@pytest.mark.parametrize("count", [0, 1, 2, 31, 32, 33, 70])
def test_a_batch_of_any_size_gives_the_logits_of_its_digits(
    count: int, nano: Path, test_digits: Digits
) -> None:
    content, digits = (nano / "int8.tflite").read_bytes(), test_digits.images[:count]
    with using_runtime("numpy"):
        interpreter = Interpreter(content)
    alone = [interpreter.logits(digit[np.newaxis])[0] for digit in digits]
    assert interpreter.logits(digits).tolist() == [row.tolist() for row in alone]


IMPORTED = """
import sys
from mnist_edge import Classifier
Classifier().predict(sys.argv[1])
print(*sys.modules)
"""


def test_the_numpy_runtime_is_imported_only_where_it_runs(pictures: Path) -> None:
    sample = SAMPLE
    words = [sys.executable, "-c", IMPORTED, str(sample)]
    ran = subprocess.run(words, check=True, capture_output=True, text=True)
    assert not [name for name in ran.stdout.split() if "numpy_backend" in name]
