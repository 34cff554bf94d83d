"""Reports and C sources go with the files that they were made from."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from mnist_edge.modelstore.derived_files import remove_stale_files
from mnist_edge.modelstore.loading import load_model

REPORT = ["report.md", "report.html", "report.svg", "report.json"]


@pytest.fixture
def folder(nano: Path, tmp_path: Path) -> Path:
    """A model's int8 file, a report of it, and its C sources of both kinds."""
    for name in ("int8.tflite", "int8.json"):
        shutil.copy(nano / name, tmp_path)
    sha256 = load_model(tmp_path).sha256
    (tmp_path / "report.json").write_text(
        json.dumps({"schemes": [{"scheme": "int8", "sha256": sha256}]})
    )
    for name in REPORT[:3]:
        (tmp_path / name).write_text("a report")
    (tmp_path / "model.h").write_text(f"/* nano, int8, sha256 {sha256} */")
    (tmp_path / "c").mkdir()
    (tmp_path / "c" / "nano.c").write_text(f"/* nano, int8, sha256 {sha256[:16]} */")
    (tmp_path / "c" / "mine.c").write_text("int main(void) { return 0; }")
    return tmp_path


def test_nothing_is_removed_while_the_files_are_there(folder: Path) -> None:
    assert remove_stale_files(folder) == []


def test_the_sources_of_a_file_with_other_input_and_output_are_kept(folder: Path) -> None:
    for suffix in ("tflite", "json"):
        (folder / f"int8.{suffix}").rename(folder / f"int8-uint8.{suffix}")
    removed = [path.name for path in remove_stale_files(folder)]
    assert removed == REPORT


def test_everything_is_removed_once_the_file_is_another(folder: Path, quick: Path) -> None:
    shutil.copy(quick / "int8.tflite", folder)
    removed = remove_stale_files(folder)
    expected = [*REPORT, "model.h", "c/nano.c"]
    assert [path.relative_to(folder).as_posix() for path in removed] == expected
    assert not any(path.exists() for path in removed)
    # A file that names no model belongs to the user.
    assert (folder / "c" / "mine.c").is_file()


@pytest.mark.parametrize("content", [b"[1]", b"\xff", b"[" * 100_000, b'{"schemes": [{}]}'])
def test_a_file_that_is_not_a_report_is_left_alone(content: bytes, folder: Path) -> None:
    (folder / "report.json").write_bytes(content)
    (folder / "int8.tflite").unlink()
    assert [path.name for path in remove_stale_files(folder)] == ["model.h", "nano.c"]
