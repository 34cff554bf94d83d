"""What a start of the program imports, and what it must not change."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from mnist_edge.evaluation.benchmark.baseline import SCRIPT
from mnist_edge.runtimes.selection import RUNTIMES, selected_runtime
from mnist_edge.system.subprocesses import python_command
from tests.support.paths import SAMPLE

UNUSED = {
    "mnist_edge.commands.explain_output",
    "mnist_edge.commands.group",
    "mnist_edge.commands.options",
    "mnist_edge.commands.usage_errors",
    "mnist_edge.data.mnist",
    "mnist_edge.inference.hypotheses",
    "mnist_edge.preprocessing.segmentation",
    "mnist_edge.runtimes.input_scaling",
    "mnist_edge.runtimes.scaling_ranking",
    "mnist_edge.runtimes.unverified",
    "mnist_edge.system.subprocesses",
}
"""Modules of this project's that reading one clear picture with a verified model does not need."""

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


STANDARD_LIBRARY = (
    "codecs, collections, contextlib, dataclasses, enum, functools, hashlib, importlib.util, io, "
    "itertools, json, math, pathlib, pickle, platform, re, reprlib, signal, threading, typing, "
    "warnings"
)
"""Modules of Python's that reading one picture uses."""
MAX_OWN_MODULES = 48
"""Modules of this project's that reading one picture imports, packages among them: 41."""


def imports_of_command(*command: str | Path) -> set[str]:
    """Return the modules that a start of Python imports."""
    words = [sys.executable, "-X", "importtime", *map(str, command)]
    trace = subprocess.run(words, capture_output=True, text=True, check=True).stderr
    return {line.rpartition("|")[2].strip() for line in trace.splitlines()}


def imports_of(*words: str | Path) -> set[str]:
    """Return the modules that a start of the program imports."""
    _, *command = python_command("mnist_edge.commands.app:main", *map(str, words))
    return imports_of_command(*command)


def public(modules: set[str]) -> set[str]:
    """Return the packages and modules of the top; those in C differ between versions of Python."""
    tops = {name.partition(".")[0] for name in modules}
    return {name for name in tops if not name.startswith("_")}


def test_predict_imports_no_more_than_it_needs(nano: Path) -> None:
    imported = imports_of("predict", "--model", nano, SAMPLE)
    own = {name for name in imported if name.partition(".")[0] == "mnist_edge"}
    assert len(own) <= MAX_OWN_MODULES, own
    assert not own & UNUSED
    # Whatever the modules it uses import in this version of Python, of numpy or of the runtime.
    script = SCRIPT.format(module=RUNTIMES[selected_runtime()])
    used = f"import {STANDARD_LIBRARY}\nimport numpy.typing\n{script}"
    permitted = imports_of_command("-c", used, nano / "int8.tflite", SAMPLE)
    assert public(imported) - public(permitted) <= {"gc", "mnist_edge"}


def test_help_imports_no_library_beside_typer() -> None:
    imported = imports_of("--help")
    assert "typer" in imported
    assert not imported & UNUSED_BY_HELP


def test_commands_that_need_no_parser_import_no_typer() -> None:
    assert not imports_of("--version") & {*UNUSED_BY_HELP, "typer"}
    assert "typer" not in imports_of("predict", "--format", "jsonl", SAMPLE)
    assert "typer" in imports_of("predict", "--top", "2", SAMPLE)


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
