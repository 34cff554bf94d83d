from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from tests.support.paths import NANO, TINY

Run = Callable[..., CompletedProcess[str]]


def test_export_writes_a_library(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    done = run("export", "nano", "--target", "cmake")
    assert done.returncode == 0, done.stderr
    assert done.stdout == "wrote nano-cmake: CMake package of nano, 8 files, 1,651 bytes of RAM\n"
    assert (tmp_path / "nano-cmake" / "CMakeLists.txt").is_file()
    assert "add_subdirectory(nano-cmake)" in (tmp_path / "nano-cmake" / "README.md").read_text()


def test_a_prefix_names_functions_and_files(run: Run, tmp_path: Path) -> None:
    out = tmp_path / "mine"
    done = run("export", NANO, "-t", "arduino", "--prefix", "reader", "--out", out)
    assert done.returncode == 0, done.stderr
    assert "int reader_read(" in (out / "src" / "reader.h").read_text(encoding="ascii")
    assert "name=reader_reader" in (out / "library.properties").read_text(encoding="ascii")


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (
            ["nano", "--target", "avr"],
            2,
            "one of arduino, cmake, zephyr, esp-idf, micropython, wasm, page",
        ),
        (["nano", "--target", "cmake", "--prefix", "9"], 2, "cannot begin a name in C"),
        (["nano", "--target", "cmake", "--out", "full"], 2, "not an empty folder"),
        (["nano", "--target", "cmake", "--out", "-"], 2, "not a path"),
        ([str(NANO / "float32.tflite"), "--target", "cmake"], 1, "an input of float32"),
        ([str(TINY / "zero.tflite"), "--target", "cmake"], 1, "has no manifest"),
        (["nowhere", "--target", "cmake"], 1, "no model 'nowhere'"),
        (["nano"], 2, "--target"),
    ],
)
def test_what_cannot_be_exported_is_refused_in_one_line_and_nothing_is_written(
    words: list[str],
    status: int,
    said: str,
    run: Run,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").touch()
    monkeypatch.chdir(tmp_path)
    done = run("export", *words)
    assert done.returncode == status
    assert said in done.stderr
    assert done.stderr.count("\n") == 1
    assert done.stdout == ""
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["full", "mine.txt"]
