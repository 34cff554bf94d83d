"""What reading digits costs, counted and not timed: calls, allocations, files, modules.

A time depends on the machine and on what else it does; a count is the same wherever it is taken.
Each limit is what is counted today, with a little room for other versions of Python and numpy.
"""

from __future__ import annotations

import gc
import json
import subprocess
import sys
import tracemalloc
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import BuiltinFunctionType
from typing import Any

import numpy as np
import pytest
from PIL import Image

from mnist_edge import Classifier
from mnist_edge.data.builtin_digits import load_builtin_digits
from tests.support.paths import ROOT, SAMPLE

DIGITS = load_builtin_digits().images

MAX_CALLS = 80
"""Calls of Python's functions and of C's that reading one array takes: 72 on Python 3.11, of which
the runtime's own are seven. It was 125."""
MAX_NUMPY_CALLS = 18
"""Of those, calls of what numpy has in C, its arrays' methods among them: 15."""
MAX_BYTES_OF_ONE = 8_000
"""Memory that reading one array holds at a time, whose floats have 3,136: 5,900."""
MAX_BYTES_A_DIGIT = 2_500
"""The same for each of a thousand arrays, whose pixels have 784: 880, or 1,660
with ai-edge-litert."""


@pytest.fixture(scope="module")
def classifier() -> Classifier:
    classifier = Classifier("nano")
    # Objects made once, at the first digit, are not part of a digit's cost.
    for digit in DIGITS[:5]:
        classifier.predict(digit)
    classifier.predict_pixels(DIGITS)
    return classifier


def calls_of(work: Callable[[], object]) -> Counter[str]:
    """Count the calls of a function by where they go: Python, numpy, and what else is in C."""
    calls: Counter[str] = Counter()

    def count(frame: object, event: str, called: Any) -> None:
        if event == "call":
            calls["python"] += 1
        elif event == "c_call":
            calls["numpy" if is_numpys(called) else "c"] += 1

    sys.setprofile(count)
    try:
        work()
    finally:
        sys.setprofile(None)
    return calls


def is_numpys(called: Any) -> bool:
    home = called.__module__ if isinstance(called, BuiltinFunctionType) else None
    owner = type(getattr(called, "__self__", None)).__module__
    return (home or owner).partition(".")[0] == "numpy" or owner.partition(".")[0] == "numpy"


def peak_bytes(work: Callable[[], object]) -> int:
    """Return the most memory that a function holds at a time, of Python's and of numpy's."""
    tracemalloc.start()
    try:
        kept = work()
        tracemalloc.reset_peak()
        before, _ = tracemalloc.get_traced_memory()
        kept = work()
        _, peak = tracemalloc.get_traced_memory()
        del kept
    finally:
        tracemalloc.stop()
    return peak - before


def test_reading_an_array_takes_few_calls(classifier: Classifier) -> None:
    calls = calls_of(lambda: classifier.predict(DIGITS[0]))
    assert sum(calls.values()) <= MAX_CALLS, calls
    assert 0 < calls["numpy"] <= MAX_NUMPY_CALLS, calls


def test_arrays_together_take_a_fraction_of_the_calls(classifier: Classifier) -> None:
    alone = calls_of(lambda: [classifier.predict(digit) for digit in DIGITS])
    together = calls_of(lambda: classifier.predict_pixels(DIGITS))
    assert sum(together.values()) < 0.4 * sum(alone.values())
    assert together["numpy"] < 0.2 * alone["numpy"]


def test_reading_an_array_allocates_little(classifier: Classifier) -> None:
    assert peak_bytes(lambda: classifier.predict(DIGITS[0])) <= MAX_BYTES_OF_ONE


def test_a_thousand_arrays_take_their_predictions_and_little_more(classifier: Classifier) -> None:
    many = np.resize(DIGITS, (1_000, 28, 28))
    assert peak_bytes(lambda: classifier.predict_pixels(many)) <= MAX_BYTES_A_DIGIT * len(many)


@pytest.mark.slow
def test_reading_leaves_nothing_allocated(classifier: Classifier) -> None:
    def left() -> int:
        gc.collect()
        before = sys.getallocatedblocks()
        for digit in DIGITS:
            classifier.predict(digit)
        gc.collect()
        return sys.getallocatedblocks() - before

    left()
    # A hundred readings; a cache of Python's own may take a block now and then.
    assert min(left() for _ in range(3)) < len(DIGITS) // 4


COUNTED = """
import atexit, json, os, sys
opened, looked_at = [], []
def is_path(value):
    return isinstance(value, (str, os.PathLike))
def on_event(event, words):
    if event == "open" and is_path(words[0]):
        opened.append(os.fspath(words[0]))
sys.addaudithook(on_event)
class Counted:  # no function, which Python 3.10's pathlib would take for a method
    stat = staticmethod(os.stat)
    def __call__(self, path, *words, **more):
        if is_path(path):
            looked_at.append(os.fspath(path))
        return self.stat(path, *words, **more)
os.stat = Counted()
atexit.register(lambda: print("counted:", json.dumps([opened, looked_at]), file=sys.stderr))
from mnist_edge.commands.app import main
main()
"""


def files_of(*words: str | Path) -> tuple[Counter[str], Counter[str]]:
    """Run the program; return how often it opens each file, and how often it asks for one."""
    ran = subprocess.run(
        [sys.executable, "-c", COUNTED, *map(str, words)],
        capture_output=True,
        text=True,
        check=True,
    )
    opened, looked_at = json.loads(ran.stderr.rpartition("counted: ")[2])
    return Counter(opened), Counter(looked_at)


def test_a_start_reads_the_model_its_manifest_and_the_picture_once(nano: Path) -> None:
    opened, looked_at = files_of("predict", "--model", nano, SAMPLE)
    files = [str(nano / "int8.tflite"), str(nano / "int8.json"), str(SAMPLE)]
    assert [opened[file] for file in files] == [1, 1, 1]
    # One look whether the file exists, and one, before it is opened, whether it is a pipe.
    assert [looked_at[file] for file in files] == [2, 1, 2]
    assert looked_at[str(nano)] == 1
    # Of this project's folders it opens nothing else but modules, and where they are compiled to.
    own = {Path(file) for file in opened if Path(file).is_relative_to(ROOT)}
    others = {file for file in own if file.suffix != ".py" and "__pycache__" not in file.parts}
    assert others == {Path(file) for file in files}


def test_a_folder_is_read_with_one_look_and_one_open_a_picture(nano: Path, tmp_path: Path) -> None:
    pictures = [tmp_path / f"{number}.png" for number in range(12)]
    for picture, digit in zip(pictures, DIGITS, strict=False):
        Image.fromarray(np.invert(digit)).save(picture)
    opened, looked_at = files_of("predict", "--model", nano, "--jobs", "1", tmp_path)
    assert {opened[str(picture)] for picture in pictures} == {1}
    assert {looked_at[str(picture)] for picture in pictures} == {1}
    assert opened[str(nano / "int8.tflite")] == opened[str(nano / "int8.json")] == 1
