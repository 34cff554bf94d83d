"""What a start of the program imports, and what it must not change."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from mnist_edge import Classifier
from mnist_edge.data.builtin_digits import load_builtin_digits
from tests.support.paths import SAMPLE

UNUSED = {
    "mnist_edge.commands.usage_errors",
    "csv",
    "importlib.metadata",
    "importlib.resources",
    "mnist_edge.data.mnist",
    "mnist_edge.runtimes.unverified",
    "mnist_edge.runtimes.input_scaling",
    "mnist_edge.system.subprocesses",
    "mnist_edge.preprocessing.segmentation",
}
"""Modules that reading one picture with a verified model does not need."""

UNUSED_BY_HELP = {
    "PIL",
    "hashlib",
    "json",
    "mnist_edge.commands.predict",
    "mnist_edge.commands.train",
    "numpy",
    "socket",
    "tempfile",
}
"""Modules that listing the commands does not need."""


def test_predict_imports_no_more_than_it_needs(nano: Path) -> None:
    words = [sys.executable, "-X", "importtime", "-m", "mnist_edge", "predict"]
    command = [*words, "--model", str(nano), str(SAMPLE)]
    trace = subprocess.run(command, capture_output=True, text=True, check=True).stderr
    # What Python itself imports before the program is not the program's.
    own = trace.partition(" mnist_edge.errors\n")[2]
    imported = {line.rpartition("|")[2].strip() for line in own.splitlines()}
    assert "numpy" in imported
    assert not imported & UNUSED


@pytest.mark.parametrize("option", ["--help", "--version"])
def test_help_imports_no_library_beside_typer(option: str) -> None:
    words = [sys.executable, "-X", "importtime", "-m", "mnist_edge", option]
    said = subprocess.run(words, capture_output=True, text=True, check=True).stderr
    imported = {line.rpartition("|")[2].strip() for line in said.splitlines()}
    assert "typer" in imported
    assert not imported & UNUSED_BY_HELP


def test_garbage_collection_is_only_delayed() -> None:
    program = (
        "import gc, weakref, mnist_edge.commands\n"
        "class Node: pass\n"
        "node = Node(); node.self = node; seen = weakref.ref(node); del node\n"
        "assert gc.isenabled()\n"
        "keep = [[] for _ in range(10 ** 6)]\n"
        "assert seen() is None\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


MAX_CALLS = 80
"""Maximum number of calls, of Python's functions and of C's, that reading one array takes: 71 on
Python 3.11, of which the runtime's own are seven. It was 125."""


def test_reading_an_array_takes_few_calls() -> None:
    classifier, digit = Classifier("nano"), load_builtin_digits().images[0]
    classifier.predict(digit)
    calls = 0

    def count(frame: object, event: str, argument: object) -> None:
        nonlocal calls
        calls += event in {"call", "c_call"}

    sys.setprofile(count)
    try:
        classifier.predict(digit)
    finally:
        sys.setprofile(None)
    assert calls <= MAX_CALLS


def test_predict_opens_each_file_once(nano: Path) -> None:
    program = (
        "import atexit, sys\n"
        "opened = []\n"
        "sys.addaudithook(lambda event, words: event == 'open' and opened.append(str(words[0])))\n"
        "atexit.register(lambda: print(*opened, sep='\\n', file=sys.stderr))\n"
        "from mnist_edge.commands.app import main\n"
        "main()\n"
    )
    command = [sys.executable, "-c", program, "predict", "--model", str(nano), str(SAMPLE)]
    opened = subprocess.run(command, capture_output=True, text=True, check=True).stderr.split("\n")
    for file in (nano / "int8.tflite", nano / "int8.json", SAMPLE):
        assert sum(Path(one).name == file.name for one in opened) == 1
