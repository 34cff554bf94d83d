from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from mnist_edge.data.mnist import Digits
from mnist_edge.errors import InvalidModel, UnsuitableModel
from mnist_edge.runtimes.interpreter import Interpreter
from mnist_edge.runtimes.numpy_backend.executor import NumpyBackend
from mnist_edge.runtimes.numpy_backend.model_graph import parse_graph
from mnist_edge.runtimes.selection import using_runtime
from tests.support.paths import NANO, SAMPLE, TINY

NAMES = [
    *(f"operators-{name}" for name in ("depthwise", "float", "kept", "maximum", "mean")),
    *(f"quadrants-{name}" for name in ("int8", "uint8")),
    *(f"regression-{name}" for name in ("int8", "rgb", "uint8")),
    "zero",
]
FILES = [NANO / "int8.tflite", *(TINY / f"{name}.tflite" for name in NAMES)]


def noise(count: int) -> NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 256, (count, 28, 28), np.uint8)


def assert_equal_on_both(content: bytes, digits: NDArray[np.uint8]) -> None:
    with using_runtime("tflite-runtime"):
        expected = Interpreter(content).logits(digits)
    with using_runtime("numpy"):
        found = Interpreter(content).logits(digits)
    assert np.array_equal(found, expected)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_numpy_gives_the_integers_of_tflite_runtime(path: Path, test_digits: Digits) -> None:
    pytest.importorskip("tflite_runtime")
    digits = np.concatenate([test_digits.images[:300], noise(100)])
    assert_equal_on_both(path.read_bytes(), digits)


@pytest.mark.slow
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_they_are_the_same_on_every_test_digit(path: Path, test_digits: Digits) -> None:
    pytest.importorskip("tflite_runtime")
    digits = np.concatenate([test_digits.images, noise(2_000)])
    assert_equal_on_both(path.read_bytes(), digits)


def test_the_tiny_models_have_every_operator_that_numpy_runs() -> None:
    from mnist_edge.runtimes.numpy_backend.executor import _KERNELS

    found = {
        operator.name for path in FILES for operator in parse_graph(path.read_bytes()).operators
    }
    assert found == set(_KERNELS)


@pytest.mark.parametrize("count", [0, 1, 2, 31, 32, 33, 70])
def test_any_number_of_digits_gives_what_each_gives_alone(
    count: int, nano: Path, test_digits: Digits
) -> None:
    content, digits = (nano / "int8.tflite").read_bytes(), test_digits.images[:count]
    with using_runtime("numpy"):
        interpreter = Interpreter(content)
    alone = [interpreter.logits(digit[np.newaxis])[0] for digit in digits]
    assert interpreter.logits(digits).tolist() == [row.tolist() for row in alone]


@pytest.mark.parametrize("name", ["float32", "float16", "dynamic", "int16x8"])
def test_a_model_that_is_not_int8_is_refused_with_what_would_run_it(name: str, nano: Path) -> None:
    with using_runtime("numpy"), pytest.raises(UnsuitableModel) as refused:
        Interpreter((nano / f"{name}.tflite").read_bytes())
    said = str(refused.value)
    assert said.startswith("the numpy runtime runs int8 models")
    assert "pip install" in said
    assert "\n" not in said


@pytest.mark.parametrize(
    ("name", "said"), [("custom", "Mystery-Op:v2"), ("pair", "float32"), ("greedy", "16000000")]
)
def test_other_models_are_refused_by_name(name: str, said: str, tiny: Path) -> None:
    with using_runtime("numpy"), pytest.raises((InvalidModel, UnsuitableModel), match=said):
        Interpreter((tiny / f"{name}.tflite").read_bytes())


def run_once(content: bytes) -> None:
    """Opens a model and runs it, or sees it refused as a model should be."""
    try:
        engine = NumpyBackend(content)
        if len(engine.inputs) != 1 or len(engine.outputs) != 1:
            return
        [taken], [given_] = engine.inputs, engine.outputs
        values = np.zeros((2, *taken.shape), taken.dtype)
        assert engine.invoke(values).shape == (2, *given_.shape)
    except (InvalidModel, UnsuitableModel) as error:
        assert "\n" not in str(error)  # noqa: PT017


CONTENTS = {path.stem: path.read_bytes() for path in FILES if len(path.read_bytes()) < 5_000}


@given(st.sampled_from(sorted(CONTENTS)), st.data())
def test_a_model_with_damaged_bytes_is_run_or_refused(name: str, data: st.DataObject) -> None:
    damaged = bytearray(CONTENTS[name])
    places = st.integers(8, len(damaged) - 1)
    for place in data.draw(st.lists(places, min_size=1, max_size=8)):
        damaged[place] = data.draw(st.sampled_from([0, 1, 2, 127, 128, 255]))
    run_once(bytes(damaged))


@pytest.mark.parametrize("name", ["operators-depthwise", "operators-kept", "operators-maximum"])
def test_a_model_with_any_one_word_damaged_is_run_or_refused(name: str) -> None:
    whole = CONTENTS[name]
    random = np.random.default_rng(0)
    for place in random.permutation(np.arange(0, len(whole) - 4, 4))[:80]:
        for word in (b"\0\0\0\0", b"\xff\xff\xff\x7f", b"\xff\xff\xff\xff", b"\x40\0\0\0"):
            run_once(whole[:place] + word + whole[place + 4 :])


@given(st.sampled_from(sorted(CONTENTS)), st.data())
def test_a_truncated_model_is_refused(name: str, data: st.DataObject) -> None:
    whole = CONTENTS[name]
    run_once(whole[: data.draw(st.integers(0, len(whole) - 1))])


@given(st.binary(max_size=200))
def test_bytes_of_anything_are_refused(content: bytes) -> None:
    with pytest.raises((InvalidModel, UnsuitableModel)):
        NumpyBackend(b"\x10\0\0\0TFL3" + content)
    with pytest.raises(InvalidModel):
        NumpyBackend(content[:4] + b"TFL2" + content)


IMPORTED = """
import sys
from mnist_edge import Classifier
Classifier().predict(sys.argv[1])
print(*sys.modules)
"""


def test_numpy_s_interpreter_is_imported_only_where_it_runs(pictures: Path) -> None:
    sample = SAMPLE
    words = [sys.executable, "-c", IMPORTED, str(sample)]
    ran = subprocess.run(words, check=True, capture_output=True, text=True)
    assert not [name for name in ran.stdout.split() if "numpy_backend" in name]
