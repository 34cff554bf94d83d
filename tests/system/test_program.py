"""Behavior that only a separate process shows: streams, imports, and shell arguments."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.programs import Run, Start

FORMATS = ("text", "json", "jsonl", "csv")
WRITERS = ("text", "csv")
"""A format for each way to standard output: through typer, and through csv."""


@pytest.mark.parametrize("kind", FORMATS)
def test_a_closed_pipe_is_no_error_in_any_format(kind: str, pictures: Path, start: Start) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    try:
        ran = start("predict", pictures, "--format", kind, stdout=writing)
    finally:
        os.close(writing)
    assert ran.stderr == b""
    assert ran.returncode == 1


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
@pytest.mark.parametrize("kind", WRITERS)
def test_a_full_disk_is_an_error_of_one_line(kind: str, pictures: Path, start: Start) -> None:
    with Path("/dev/full").open("wb") as full:
        ran = start("predict", pictures, "--format", kind, stdout=full.fileno())
    assert ran.returncode == 1
    assert ran.stderr.startswith(b"mnist-edge: No space left on device; ")
    assert ran.stderr.count(b"\n") == 1


@pytest.mark.parametrize("kind", FORMATS)
def test_a_name_that_is_not_unicode_is_printed_unchanged(
    kind: str, pictures: Path, tmp_path: Path, start: Start
) -> None:
    name = b"caf\xe9.png"
    try:
        shutil.copy(pictures / "pen-four.png", tmp_path / os.fsdecode(name))
    except OSError:
        pytest.skip("this file system takes Unicode alone")
    # The encoding of a UTF-8 desktop, which is stricter than that of a bare container.
    strict = {"PYTHONIOENCODING": "utf-8:strict"}
    ran = start("predict", tmp_path, "--format", kind, env=strict)
    assert ran.stderr == b""
    assert ran.returncode == 0
    if "json" in kind:
        answer = json.loads(ran.stdout)
        answer = answer[0] if kind == "json" else answer
        assert os.fsencode(answer["path"]).endswith(name)
        assert answer["digit"] == 4
    else:
        assert name in ran.stdout


@pytest.mark.parametrize("kind", FORMATS)
def test_a_name_that_the_terminal_cannot_show_is_escaped(
    kind: str, pictures: Path, tmp_path: Path, start: Start
) -> None:
    shutil.copy(pictures / "pen-four.png", tmp_path / "日.png")
    names = (tmp_path / "日.png", tmp_path / "月.png")
    # What Windows writes into a file or a pipe by default.
    western = {"PYTHONIOENCODING": "cp1252"}
    ran = start("predict", *names, "--format", kind, env=western)
    assert ran.returncode == 1
    assert b"Traceback" not in ran.stderr
    assert b"\\u65e5.png" in ran.stdout
    assert b"\\u6708.png" in (ran.stderr if kind == "text" else ran.stdout)


@pytest.mark.parametrize("kind", WRITERS)
def test_a_closed_standard_output_does_not_crash(kind: str, pictures: Path) -> None:
    command = f"{sys.executable} -m mnist_edge predict {pictures} --format {kind} >&-"
    ran = subprocess.run(["/bin/sh", "-c", command], check=True, capture_output=True)
    assert ran.stderr == b""


def test_a_closed_standard_input_is_an_unreadable_picture(pictures: Path) -> None:
    command = f"{sys.executable} -m mnist_edge predict - {pictures / 'pen-four.png'} <&-"
    ran = subprocess.run(["/bin/sh", "-c", command], check=False, capture_output=True)
    assert ran.returncode == 1
    assert b": 4 (" in ran.stdout
    assert ran.stderr.startswith(b"mnist-edge: ")
    assert ran.stderr.count(b"\n") == 1


@pytest.mark.slow
def test_only_results_are_on_stdout(pictures: Path, tiny: Path, start: Start) -> None:
    answers = start("predict", pictures / "pen-four.png", "nowhere.png", "--format", "json")
    assert answers.returncode == 1
    answer, failure = json.loads(answers.stdout)
    assert answer["digit"] == 4
    assert failure["error"]["type"] == "PictureNotFound"
    # Without a manifest, a child process tries the model first; it must be as quiet.
    info = start("info", tiny / "zero.tflite", "--format", "json")
    assert info.returncode == 0
    assert json.loads(info.stdout)["found"]["output"]["dtype"] == "int8"
    assert answers.stderr == info.stderr == b""


@pytest.mark.slow
def test_a_report_imports_no_tensorflow_and_no_workstation_room(
    tiny: Path, tmp_path: Path, start: Start
) -> None:
    shutil.copy(tiny / "quadrants-float32.tflite", tmp_path / "float32.tflite")
    shutil.copy(tiny / "zero.tflite", tmp_path / "int8.tflite")
    ran = start("report", tmp_path, "--corrupted", "1", interpreter=("-X", "importtime"))
    assert ran.returncode == 0
    lines = ran.stderr.decode().splitlines()
    imported = {line.rpartition("|")[2].strip() for line in lines if "import time:" in line}
    assert {"numpy", "mnist_edge.evaluation.report", "mnist_edge.runtimes.interpreter"} <= imported
    assert not imported & {"tensorflow", "keras", "matplotlib", "converters"}
    assert not [name for name in imported if name.startswith("mnist_edge.training")]


def test_an_invalid_picture_name_is_one_failure_of_a_batch(pictures: Path, run: Run) -> None:
    good = pictures / "pen-four.png"
    ran = run("predict", "n" * 300, good, "--format", "jsonl")
    assert ran.returncode == 1
    failure, answer = map(json.loads, ran.stdout.splitlines())
    assert failure["path"] == "n" * 300
    assert failure["error"]["type"] in {"PictureNotFound", "UnreadablePicture"}
    assert answer["digit"] == 4


def test_an_empty_name_is_not_the_current_folder(
    pictures: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    # What a script's unset variable comes to.
    monkeypatch.chdir(pictures)
    ran = run("predict", "", "--format", "jsonl")
    assert ran.returncode == 1
    assert json.loads(ran.stdout)["error"]["type"] == "PictureNotFound"


@pytest.mark.parametrize(
    "words",
    [
        ["predict", "x.png", "--model", "n" * 300],
        ["info", "n" * 300],
        ["report", "n" * 300],
        ["report", "--pictures", "n" * 300],
    ],
    ids=["predict", "info", "report", "pictures"],
)
def test_an_invalid_name_is_an_error_of_one_line(words: list[str], run: Run) -> None:
    ran = run(*words)
    assert ran.returncode == 1
    assert ran.stdout == ""
    assert ran.stderr.startswith("mnist-edge: no ")
    assert ran.stderr.count("\n") == 1


def test_an_existing_file_is_not_expanded_as_a_pattern(
    pictures: Path, tmp_path: Path, run: Run
) -> None:
    for name, picture in (("digit[1].png", "pen-four.png"), ("digit1.png", "chalk-three.png")):
        shutil.copy(pictures / picture, tmp_path / name)
    ran = run("predict", tmp_path / "digit[1].png")
    assert ran.stdout.startswith(f"{tmp_path}/digit[1].png: 4 (")
    ran = run("predict", tmp_path / "digit[12].png")
    assert ran.stdout.startswith(f"{tmp_path}/digit1.png: 3 (")


def test_a_pattern_that_matches_nothing_is_named(tmp_path: Path, run: Run) -> None:
    ran = run("predict", tmp_path / "*.png")
    assert (ran.returncode, ran.stdout) == (1, "")
    assert ran.stderr == f"mnist-edge: no picture {tmp_path}/*.png; check the path\n"


def test_the_top_answers_come_in_order_with_their_probabilities(pictures: Path, run: Run) -> None:
    path = pictures / "pen-four.png"
    answer = json.loads(run("predict", path, "--top", "3", "--format", "jsonl").stdout)
    assert answer["top"][0]["digit"] == answer["digit"] == 4
    chances = [choice["confidence"] for choice in answer["top"]]
    assert chances == sorted(answer["probabilities"], reverse=True)[:3]
    text = run("predict", path, "--top", "3").stdout
    likeliest = ", ".join(
        f"{choice['digit']} ({100 * choice['confidence']:.1f} %)" for choice in answer["top"]
    )
    assert text == f"{path}: {likeliest}\n"


def test_a_model_is_chosen_by_name_folder_or_file(
    pictures: Path, tiny: Path, nano: Path, run: Run
) -> None:
    path = pictures / "pen-four.png"
    for model in ("nano", nano, nano / "int8.tflite", nano / "float32.tflite"):
        assert run("predict", path, "--model", model).stdout.startswith(f"{path}: 4 (")
    zero = run("predict", path, "--model", tiny / "zero.tflite", "--pixels", "pixels")
    assert zero.stdout.startswith(f"{path}: 0 (")


@pytest.mark.parametrize("words", [["--min-confidence", "nan"], ["--min-confidence", "1.1"]])
def test_a_confidence_outside_0_to_1_is_a_usage_error(
    words: list[str], pictures: Path, run: Run
) -> None:
    ran = run("predict", pictures, *words)
    assert (ran.returncode, ran.stdout) == (2, "")
    assert "0" in ran.stderr


def test_csv_has_one_header_and_quotes_what_needs_it(
    pictures: Path, tmp_path: Path, run: Run
) -> None:
    path = tmp_path / 'a "good", long name.png'
    shutil.copy(pictures / "pen-four.png", path)
    header, row = run("predict", path, "--format", "csv").stdout.splitlines()
    assert header == "path,digit,confidence,abstained,error,0,1,2,3,4,5,6,7,8,9"
    assert row.startswith(f'"{tmp_path}/a ""good"", long name.png",4,')


def test_debug_prints_a_traceback(start: Start) -> None:
    plain = start("info", "nowhere")
    assert plain.returncode == 1
    assert plain.stderr.startswith(b"mnist-edge: no model 'nowhere'")
    assert plain.stderr.count(b"\n") == 1
    shown = start("--debug", "info", "nowhere")
    assert shown.returncode == 1
    assert b"Traceback" in shown.stderr
    assert b"ModelNotFound: no model 'nowhere'" in shown.stderr
