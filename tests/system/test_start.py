"""What a start of the program imports, and what it must not change."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

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


def test_predict_imports_no_more_than_it_needs(nano: Path) -> None:
    words = [sys.executable, "-X", "importtime", "-m", "mnist_edge", "predict"]
    command = [*words, "--model", str(nano), str(SAMPLE)]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stderr
    # What Python itself imports before the program is not the program's.
    own = said.partition(" mnist_edge.errors\n")[2]
    imported = {line.rpartition("|")[2].strip() for line in own.splitlines()}
    assert "numpy" in imported
    assert not imported & UNUSED


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
