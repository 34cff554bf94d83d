"""The examples run as their readers run them: from the repository's root, in a process."""

from __future__ import annotations

import csv
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from converters.c.source import generate
from mnist_edge.data.builtin_digits import load_builtin_digits
from mnist_edge.modelstore.loading import load_model
from tests.support.paths import NANO, ROOT

EXAMPLES = ROOT / "examples"
SAMPLE = ROOT / "mnist_edge" / "samples" / "digit.png"


def run(*words: str | Path, cwd: Path = ROOT, **variables: str) -> str:
    """Run an example to success and return what it prints."""
    beside = str(Path(sys.executable).parent)
    environment = {
        **os.environ,
        "PATH": os.pathsep.join((beside, os.environ["PATH"])),
        "PYTHONPATH": str(ROOT),
        **variables,
    }
    program = [sys.executable] if str(words[0]).endswith(".py") else []
    ran = subprocess.run(
        [*program, *map(str, words)],
        cwd=cwd,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Write ten labeled pictures, one for each digit, into folders."""
    folder = tmp_path / "photos"
    digits = load_builtin_digits()
    for index in range(0, 100, 10):
        home = folder / str(digits.labels[index])
        home.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.invert(digits.images[index])).save(home / f"{index}.png")
    return folder


def test_one_picture_is_read() -> None:
    assert run(EXAMPLES / "one_picture.py", SAMPLE) == "7 (100.0%)\n"


def test_a_folder_becomes_a_csv_with_a_row_for_each_file(tmp_path: Path) -> None:
    folder, results = tmp_path / "in", tmp_path / "results.csv"
    folder.mkdir()
    shutil.copy(SAMPLE, folder / "seven.png")
    (folder / "notes.txt").write_text("not a picture", encoding="utf-8")
    assert run(EXAMPLES / "folder_with_results.py", folder, results) == "7: 1, unreadable: 1\n"
    with results.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [(row["file"], row["digit"], bool(row["reason"])) for row in rows] == [
        ("notes.txt", "", True),
        ("seven.png", "7", False),
    ]


@pytest.mark.slow
def test_the_gate_passes_for_a_shipped_model(own: Path, tmp_path: Path) -> None:
    run("sh", EXAMPLES / "gate_in_ci.sh", own, cwd=tmp_path)
    assert "failures=" in (tmp_path / "report.xml").read_text(encoding="utf-8")


@pytest.mark.slow
def test_own_pictures_are_reported(photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "report"
    run("sh", EXAMPLES / "own_pictures_reported.sh", photos, out)
    report = json.loads((out / "report.json").read_text(encoding="utf-8"))
    assert report["data"]["pictures"] == 10
    assert (out / "report.html").is_file()


@pytest.mark.slow
def test_a_model_of_ones_own_is_trained_converted_and_used(tmp_path: Path) -> None:
    pytest.importorskip("keras")
    printed = run(EXAMPLES / "own_model_converted.py", tmp_path)
    assert (tmp_path / "converted" / "int8.json").is_file()
    assert "digit.png: 7" in printed


@pytest.mark.slow
def test_the_notebook_runs_from_start_to_end(tmp_path: Path) -> None:
    pytest.importorskip("keras")
    notebook = json.loads((EXAMPLES / "whole_path.ipynb").read_text(encoding="utf-8"))
    assert all(not cell.get("outputs") for cell in notebook["cells"])
    cells = ["".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "code"]
    script = tmp_path / "notebook.py"
    script.write_text("\n".join([*cells, "print(prediction)"]), encoding="utf-8")
    # Where the notebook looks for the sample.
    shutil.copytree(SAMPLE.parent, tmp_path / "mnist_edge" / "samples")
    printed = run(script, cwd=tmp_path, RECIPE="softmax-1k")
    assert "Prediction(" in printed
    assert (tmp_path / "runs" / "notebook-softmax-1k" / "how.png").is_file()


@pytest.mark.skipif(
    not all(map(shutil.which, ("make", "arm-none-eabi-gcc", "qemu-system-arm"))),
    reason="no compiler or emulator of a microcontroller",
)
def test_a_board_blinks_the_digit(tmp_path: Path) -> None:
    stored = load_model(NANO)
    assert stored.manifest is not None
    source = generate(stored.content, stored.manifest, prefix="mine")
    for name, text in source.files.items():
        (tmp_path / name).write_text(text, encoding="ascii")
    makefile = EXAMPLES / "microcontroller" / "Makefile"
    printed = run("make", "-s", "-f", makefile, "run", "SOURCE=.", "NAME=mine", cwd=tmp_path)
    assert printed.splitlines()[-2:] == ["every golden logit is right", "*******"]
