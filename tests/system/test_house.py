"""The layout of the repository: rooms, names, and where the test of a module is."""

from __future__ import annotations

import ast
import re
import sys
from collections import defaultdict
from pathlib import Path

import pytest

from tests.support.paths import ROOT

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

PACKAGES = ("mnist_edge", "converters")
TOP_FILES = {"__init__.py", "__main__.py", "py.typed", "errors.py"}
MAX_ROOMS = 13
HALVES = ("device", "workstation")
DATA_FOLDERS = {"samples"}
"""Folders of ``mnist_edge`` that hold no code."""
VAGUE_NAMES = {"util", "utils", "misc", "helper", "helpers", "common"}

TESTED_TOGETHER = {
    # Types that hold what is measured, and compute nothing.
    "device/commands/test_benchmark": ["evaluation/benchmark/results"],
    # The file by which Python runs the package.
    "system/test_program": ["__main__"],
}
"""Modules without a test file of their own name, by the one that tests them, and why."""


def modules() -> list[Path]:
    """Every module of the packages, relative to the root."""
    found = [path for name in PACKAGES for path in (ROOT / name).rglob("*.py")]
    return sorted(path.relative_to(ROOT) for path in found)


def tree(path: Path) -> ast.Module:
    return ast.parse((ROOT / path).read_text(encoding="utf-8"))


def test_the_package_has_few_folders_and_four_files_at_its_top() -> None:
    entries = [path for path in (ROOT / "mnist_edge").iterdir() if path.name != "__pycache__"]
    rooms = {path.name for path in entries if path.is_dir()} - DATA_FOLDERS
    assert len(rooms) <= MAX_ROOMS, sorted(rooms)
    assert {path.name for path in entries if path.is_file()} == TOP_FILES


def test_the_page_on_the_architecture_has_a_row_for_each_folder() -> None:
    page = (ROOT / "docs" / "explanation" / "architecture.md").read_text(encoding="utf-8")
    listed = re.findall(r"^\| `([\w/]+)/` \|", page, re.MULTILINE)
    rooms = {path.parent for path in (ROOT / "mnist_edge").glob("*/__init__.py")}
    rooms -= {ROOT / "mnist_edge" / name for name in DATA_FOLDERS}
    others = ("benchmarks", "converters", "docs", "examples", "models", "tests")
    assert sorted(listed) == sorted([*(f"mnist_edge/{room.name}" for room in rooms), *others])


@pytest.mark.parametrize("name", ["CONTRIBUTING.md", "docs/explanation/architecture.md"])
def test_the_layers_of_a_page_are_those_that_lint_checks(name: str) -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    (contract,) = settings["tool"]["importlinter"]["contracts"]
    layers = [set(re.findall(r"\w+(?= |$)", layer)) for layer in contract["layers"]]
    page = (ROOT / name).read_text(encoding="utf-8")
    blocks = re.findall(r"^```\w*\n(.*?)^```", page, re.DOTALL | re.MULTILINE)
    (drawn,) = (block.splitlines() for block in blocks if block.split()[0] == "commands")
    assert [{*line.split()} & set.union(*layers) for line in drawn] == layers


def test_no_file_or_folder_has_a_vague_name() -> None:
    for top in (*PACKAGES, "tests", "benchmarks", "docs", "examples"):
        vague = [path for path in (ROOT / top).rglob("*") if path.stem.lower() in VAGUE_NAMES]
        assert vague == []


def test_a_public_name_is_defined_in_one_module() -> None:
    homes: dict[str, list[str]] = defaultdict(list)
    for path in modules():
        for node in tree(path).body:
            if isinstance(node, ast.ClassDef | ast.FunctionDef) and not node.name.startswith("_"):
                homes[node.name].append(str(path))
    assert {name: paths for name, paths in homes.items() if len(paths) > 1} == {}


def room_path(module: Path) -> Path:
    """Give a module's path below ``mnist_edge``, or below the root, without its suffix."""
    top = "mnist_edge" if module.parts[0] == "mnist_edge" else "."
    return module.relative_to(top).with_suffix("")


def test_a_module_has_a_test_file_of_its_name() -> None:
    rooms = [room_path(path) for path in modules() if path.name != "__init__.py"]
    without = {
        room.as_posix()
        for room in rooms
        if not any(
            (ROOT / f"tests/{half}/{room.parent}/test_{room.name}.py").is_file() for half in HALVES
        )
    }
    together = {room for several in TESTED_TOGETHER.values() for room in several}
    missing = [
        f"tests/device/{Path(room).parent}/test_{Path(room).name}.py" for room in without - together
    ]
    assert without <= together, f"write one of {sorted(missing)}, or the same below workstation/"
    assert together <= without, f"take out of TESTED_TOGETHER: {sorted(together - without)}"
    assert all((ROOT / f"tests/{test}.py").is_file() for test in TESTED_TOGETHER)
