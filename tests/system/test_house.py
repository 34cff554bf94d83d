"""The layout of the repository: rooms, names, and where the test of a module is."""

from __future__ import annotations

import ast
from collections import defaultdict
from pathlib import Path

import pytest

from tests.support.paths import ROOT

PACKAGES = ("mnist_edge", "converters")
TOP_FILES = {"__init__.py", "__main__.py", "py.typed", "errors.py"}
MAX_ROOMS = 13
DATA_FOLDERS = {"samples"}
"""Folders of ``mnist_edge`` that hold no code."""
VAGUE_NAMES = {"util", "utils", "misc", "helper", "helpers", "common"}
MAY_PRINT_OR_EXIT = {
    "mnist_edge/evaluation/benchmark/spawn.py": "a child program: its result is on standard output",
    "mnist_edge/inference/worker_pool.py": "a worker process ends without its parent's clean-up",
    "mnist_edge/system/capture.py": "flushes the streams that it captures",
}


def modules() -> list[Path]:
    """Every module of the packages, relative to the root."""
    found = [path for name in PACKAGES for path in (ROOT / name).rglob("*.py")]
    return sorted(path.relative_to(ROOT) for path in found)


def tree(path: Path) -> ast.Module:
    return ast.parse((ROOT / path).read_text(encoding="utf-8"))


def test_the_package_has_few_rooms_and_four_files_at_its_top() -> None:
    entries = [path for path in (ROOT / "mnist_edge").iterdir() if path.name != "__pycache__"]
    rooms = {path.name for path in entries if path.is_dir()} - DATA_FOLDERS
    assert len(rooms) <= MAX_ROOMS, sorted(rooms)
    assert {path.name for path in entries if path.is_file()} == TOP_FILES


def test_no_file_or_folder_has_a_name_that_says_nothing() -> None:
    for top in (*PACKAGES, "tests", "benchmarks", "docs", "examples"):
        vague = [path for path in (ROOT / top).rglob("*") if path.stem.lower() in VAGUE_NAMES]
        assert vague == []


def test_a_public_name_stands_in_one_module() -> None:
    homes: dict[str, list[str]] = defaultdict(list)
    for path in modules():
        for node in tree(path).body:
            if isinstance(node, ast.ClassDef | ast.FunctionDef) and not node.name.startswith("_"):
                homes[node.name].append(str(path))
    assert {name: paths for name, paths in homes.items() if len(paths) > 1} == {}


def prints_or_exits(node: ast.AST) -> bool:
    match node:
        case ast.Attribute(value=ast.Name(id=module), attr=attribute):
            return f"{module}.{attribute}" in {"sys.stdout", "sys.stderr", "sys.exit", "os._exit"}
        case ast.Import(names=names):
            return any(alias.name == "typer" for alias in names)
        case ast.ImportFrom(module=module):
            return module == "typer"
        case ast.Call(func=ast.Name(id=name)):
            return name in {"print", "input", "exit", "quit", "SystemExit"}
        case ast.Raise(exc=ast.Name(id=name)):
            return name == "SystemExit"
    return False


@pytest.mark.parametrize("package", PACKAGES)
def test_only_commands_print_or_exit(package: str) -> None:
    rest = [path for path in modules() if path.parts[0] == package and "commands" not in path.parts]
    found = {str(path) for path in rest if any(map(prints_or_exits, ast.walk(tree(path))))}
    assert found - MAY_PRINT_OR_EXIT.keys() == set()
