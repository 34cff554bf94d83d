"""The program: exit status, what it imports, and words that are done without typer."""

from __future__ import annotations

import subprocess
import sys

import pytest

from mnist_edge.commands import app as program
from mnist_edge.commands.app import main, parse_plain
from mnist_edge.commands.prediction_output import Format
from tests.support.paths import SAMPLE
from tests.support.programs import Run, exit_status


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        (["frobnicate"], 2),
        (["predict"], 2),
        (["predict", "--frobnicate", "x.png"], 2),
        (["predict", "--top", "11", "x.png"], 2),
        (["predict", "--model", "nowhere", "x.png"], 1),
        (["info", "nowhere"], 1),
        (["report", "nowhere"], 1),
        (["--version"], 0),
    ],
)
def test_commands_exit_with_the_documented_status(
    arguments: list[str], status: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert exit_status(*arguments) == status
    out, err = capsys.readouterr()
    assert bool(out) == (status == 0)
    assert "Traceback" not in err


def test_debug_shows_the_traceback() -> None:
    from mnist_edge.errors import ModelNotFound

    with pytest.raises(ModelNotFound):
        main(["--debug", "info", "nowhere"])


def _imported(*arguments: str) -> set[str]:
    """Return the modules that a command imports in a fresh process."""
    program = (
        "import sys\nfrom mnist_edge.commands.app import main\n"
        "try: main(sys.argv[1:])\nexcept SystemExit: pass\n"
        "print('\\n'.join(sys.modules), file=sys.stderr)"
    )
    outcome = subprocess.run(
        [sys.executable, "-c", program, *arguments], capture_output=True, text=True, check=True
    )
    return set(outcome.stderr.split())


def test_help_and_version_import_no_numpy_no_pillow_and_no_runtime() -> None:
    for words in (["--help"], ["--version"], ["predict", "--help"]):
        heavy = {"numpy", "PIL", "tflite_runtime", "ai_edge_litert", "tensorflow", "keras"}
        assert not _imported(*words) & heavy


@pytest.mark.parametrize("words", [["predict", str(SAMPLE)], ["info"]])
def test_a_device_command_imports_no_tensorflow_and_no_workstation_room(words: list[str]) -> None:
    imported = _imported(*words)
    assert "mnist_edge.runtimes.interpreter" in imported
    rooms = {name for name in imported if name.startswith(("mnist_edge.training", "converters"))}
    assert not imported & {"tensorflow", "keras"}
    assert not rooms


def test_a_lack_of_memory_is_an_error_of_one_line(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def exhaust(*words: object, **settings: object) -> None:
        raise MemoryError

    monkeypatch.setattr("mnist_edge.commands.predict_pictures.predict_pictures", exhaust)
    # What is left of the output goes nowhere, as after a full disk.
    monkeypatch.setattr(program, "_drop_output", lambda: None)
    ran = run("predict", SAMPLE)
    assert ran.returncode == 1
    assert ran.stderr.startswith("mnist-edge: this takes more memory than there is; ")
    assert ran.stderr.count("\n") == 1


PLAIN = [
    ["predict", str(SAMPLE)],
    ["predict", str(SAMPLE), str(SAMPLE)],
    ["predict", str(SAMPLE), "-m", "nano", "--format", "json"],
    ["predict", "--model", "nano", "-f", "jsonl", str(SAMPLE)],
    ["predict", "--format", "csv", str(SAMPLE)],
    ["predict", str(SAMPLE.parent), "nowhere.png"],
    ["predict", "*.nothing", ""],
    ["predict", "--model", "nowhere", str(SAMPLE)],
    ["predict", "--model", "", str(SAMPLE)],
]
"""Words that are understood without typer."""
NOT_PLAIN: list[list[str]] = [
    [],
    ["predict"],
    ["predict", "-"],
    ["predict", "--", str(SAMPLE)],
    ["predict", "--help"],
    ["predict", "--model", "nano"],
    ["predict", str(SAMPLE), "--model"],
    ["predict", str(SAMPLE), "--model", "--top"],
    ["predict", str(SAMPLE), "--format", "yaml"],
    ["predict", str(SAMPLE), "--format", "JSON"],
    ["predict", str(SAMPLE), "-fjson"],
    ["predict", str(SAMPLE), "--format=json"],
    ["predict", str(SAMPLE), "-f", "json", "-f", "csv"],
    ["predict", str(SAMPLE), "--top", "2"],
    ["predict", str(SAMPLE), "--json"],
    ["--debug", "predict", str(SAMPLE)],
    ["info", "nano"],
]
"""Words that are typer's."""


@pytest.mark.parametrize("words", PLAIN, ids=" ".join)
def test_plain_words_mean_what_they_mean_to_typer(
    words: list[str], run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert parse_plain(words)
    plain = run(*words)
    monkeypatch.setattr(program, "parse_plain", lambda words: None)
    typers = run(*words)
    assert (plain.returncode, plain.stdout, plain.stderr) == (
        typers.returncode,
        typers.stdout,
        typers.stderr,
    )


@pytest.mark.parametrize("words", NOT_PLAIN, ids=" ".join)
def test_other_words_are_left_to_typer(words: list[str]) -> None:
    assert parse_plain(words) is None


def test_the_formats_of_plain_words_are_those_of_predict() -> None:
    for output in Format:
        assert parse_plain(["predict", "-f", output.value, "x"]) == (["x"], None, output.value)


def test_the_version_is_what_typer_prints(run: Run) -> None:
    # A word more is typer's.
    assert run("--version").stdout == run("--debug", "--version").stdout != ""


def test_an_interrupt_ends_the_program_without_a_traceback(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*arguments: object, **options: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("mnist_edge.commands.predict_pictures.predict_pictures", interrupted)
    assert exit_status("predict", "x.png") == 130
    assert capsys.readouterr() == ("", "")
