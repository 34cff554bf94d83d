"""Options that name a file are given special files: nothing hangs or is read forever."""

from __future__ import annotations

import os
import shutil
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.paths import NANO, SAMPLE
from tests.support.programs import Run
from tests.support.waiting import SECONDS

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="has no such files")

COMMANDS: list[list[str | Path]] = [
    ["predict", SAMPLE, "--model", "special/int8.tflite"],
    ["predict", SAMPLE, "--model", "folder"],
    ["predict", SAMPLE, "--resume", "special"],
    ["watch", "--config", "special", "--once"],
    ["serve", "--config", "special", "--port", "0"],
    ["serve", "--port", "0", "--token-file", "special"],
    ["serve", "--port", "0", "--tls-cert", "special", "--tls-key", "special"],
    ["readings", "special"],
    ["readings", "special", "--forget", "water"],
    ["report", "--compare", "special", "special"],
    ["report", "nano", "--data", "special"],
    ["report", "nano", "--pictures", "special"],
    ["report", "nano", "--pictures", "labelled"],
    ["label", "labelled", "--terminal"],
    ["model", "install", "special"],
    ["bundle", "--target", "linux-x86_64", "--sign", "special"],
]


@pytest.fixture(params=["pipe", "endless device", "twenty gigabytes"])
def desk(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Path]:
    """The current folder: a special file, also as a manifest, a table and a record."""
    (tmp_path / "store").mkdir()
    (tmp_path / "folder").mkdir()
    (tmp_path / "labelled").mkdir()
    shutil.copy(NANO / "int8.tflite", tmp_path / "folder")
    shutil.copy(SAMPLE, tmp_path / "labelled")
    for name in ("special", "folder/int8.json", "labelled/labels.csv", "store/in-use.json"):
        path = tmp_path / name
        if request.param == "pipe":
            os.mkfifo(path)
        elif request.param == "endless device":
            path.symlink_to("/dev/zero")
        else:
            with path.open("wb") as file:
                file.truncate(20 << 30)
    monkeypatch.chdir(tmp_path)
    # Whatever waits for the writer of a pipe is interrupted, and the test fails.
    before = signal.signal(signal.SIGALRM, fail)
    signal.alarm(SECONDS)
    yield tmp_path
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


def fail(number: int, frame: object) -> None:
    raise AssertionError("a command waits for what never comes")


def test_a_special_file_is_refused_in_one_line(
    desk: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    for words in COMMANDS:
        check(words, run)
    monkeypatch.setenv("MNIST_EDGE_MODELS", str(desk / "store"))
    check(["model", "list"], run)


def check(words: list[str | Path], run: Run) -> None:
    ran = run(*words)
    assert ran.returncode in {1, 2}, words
    lines = ran.stderr.splitlines()
    assert lines[-1].startswith("mnist-edge: "), words
    assert len(lines) == 1, (words, lines)
    assert ran.stdout == "", words
