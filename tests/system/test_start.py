"""What a start of the program leaves out, and what it must not change."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays as drawn

from mnist_edge import Classifier
from mnist_edge.data.mnist import Digits
from mnist_edge.preprocessing.pipeline import preprocess, trace_preprocessing
from tests.support.paths import SAMPLE

UNUSED = {
    "csv",
    "importlib.metadata",
    "importlib.resources",
    "mnist_edge.data.mnist",
    "mnist_edge.runtimes.unverified",
    "mnist_edge.runtimes.input_scaling",
    "mnist_edge.preprocessing.segmentation",
}
"""Modules that reading one picture with a model of ours has no use for."""


@pytest.fixture(scope="session")
def classifier(nano: Path) -> Classifier:
    return Classifier(nano)


def test_predict_imports_no_more_than_it_needs(nano: Path) -> None:
    words = [sys.executable, "-X", "importtime", "-m", "mnist_edge", "predict"]
    command = [*words, "--model", str(nano), str(SAMPLE)]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stderr
    # What Python itself imports before the program is not the program's.
    own = said.partition(" mnist_edge.errors\n")[2]
    imported = {line.rpartition("|")[2].strip() for line in own.splitlines()}
    assert "numpy" in imported
    assert not imported & UNUSED


def test_collecting_garbage_is_put_off_and_not_left_out() -> None:
    program = (
        "import gc, weakref, mnist_edge.commands\n"
        "class Node: pass\n"
        "node = Node(); node.self = node; seen = weakref.ref(node); del node\n"
        "assert gc.isenabled()\n"
        "keep = [[] for _ in range(10 ** 6)]\n"
        "assert seen() is None\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_digits_in_mnists_form_are_read_as_a_look_would(
    classifier: Classifier, test_digits: Digits
) -> None:
    for digit in test_digits.images[:300]:
        for picture in (digit, np.invert(digit)):
            trace = trace_preprocessing(picture)
            assert np.array_equal(preprocess(picture).pixels, digit)
            assert np.array_equal(trace.pixels, digit)
            assert classifier.predict(picture) == classifier.classify(trace)


@given(drawn(np.uint8, (28, 28), elements=st.sampled_from([0, 1, 255]), fill=st.just(0)))
def test_any_array_is_read_as_a_look_would(
    classifier: Classifier, picture: np.ndarray[tuple[int, int], np.dtype[np.uint8]]
) -> None:
    assert classifier.predict(picture) == classifier.classify(trace_preprocessing(picture))


@pytest.mark.parametrize("shape", [(28, 28, 3), (27, 28), (56, 56)])
def test_what_is_not_of_mnists_size_is_looked_at(shape: tuple[int, ...]) -> None:
    assert preprocess(np.zeros(shape, np.uint8)).problem == "blank"
