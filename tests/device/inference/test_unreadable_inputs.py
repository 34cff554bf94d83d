from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

from mnist_edge.errors import InvalidModel, UnreadablePicture
from mnist_edge.inference.inputs import find_pictures, read_picture
from tests.support.paths import ROOT
from tests.support.programs import Run

SAMPLE = ROOT / "mnist_edge" / "samples" / "digit.png"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of three pictures, a link to itself, a dangling link and a pipe."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for name in ("a.png", "m.png", "z.png"):
        shutil.copy(SAMPLE, folder / name)
    (folder / "loop.png").symlink_to("loop.png")
    (folder / "dangling.png").symlink_to("nowhere.png")
    os.mkfifo(folder / "pipe.png")
    return folder


def test_an_unreadable_entry_does_not_hide_the_others(folder: Path, run: Run) -> None:
    ran = run("predict", folder, "--format", "jsonl", "--jobs", "1")
    lines = {Path(line["path"]).name: line for line in map(json.loads, ran.stdout.splitlines())}
    assert {name: line.get("digit") for name, line in lines.items()} == {
        "a.png": 7,
        "loop.png": None,
        "m.png": 7,
        "z.png": 7,
    }
    assert "symbolic links" in lines["loop.png"]["error"]["message"]
    assert ran.returncode == 1


@pytest.mark.parametrize("name", ["pipe.png", "dangling.png", "/dev/zero"])
def test_a_path_that_is_not_a_regular_file_is_an_error(folder: Path, name: str, run: Run) -> None:
    ran = run("predict", folder / name, "--format", "jsonl")
    (line,) = map(json.loads, ran.stdout.splitlines())
    assert line["error"]["type"] in ("UnreadablePicture", "PictureNotFound")
    assert ran.returncode == 1


def test_every_name_of_a_folder_is_found_once(folder: Path) -> None:
    found = [Path(path).name for path, _ in find_pictures([str(folder)])]
    assert found == ["a.png", "loop.png", "m.png", "z.png"]


@pytest.mark.parametrize("failure", [MemoryError(), RecursionError("deep\ndown"), OSError("bad")])
def test_any_failure_of_one_picture_is_returned_as_its_error(failure: Exception) -> None:
    def fail(picture: object) -> object:
        raise failure

    outcome = read_picture(("seven.png", None), fail)
    assert isinstance(outcome, UnreadablePicture)
    assert "\n" not in str(outcome)
    assert type(failure).__name__ in str(outcome)


def test_a_failure_of_the_model_is_raised() -> None:
    def fail(picture: object) -> object:
        raise InvalidModel("the model is damaged")

    with pytest.raises(InvalidModel):
        read_picture(("seven.png", None), fail)
