"""The command ``label``."""

from __future__ import annotations

import io
import os
import pty
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from mnist_edge.data.label_table import read_label_table
from tests.support.digit_server import running_label_page
from tests.support.paths import ROOT, SAMPLE
from tests.support.programs import Run
from tests.support.waiting import SECONDS


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("a.png", "b.png", "c.png"):
        shutil.copy(SAMPLE, tmp_path / name)
    return tmp_path


def answers(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(text))


def labels(folder: Path) -> list[tuple[str, str]]:
    return [(row.path, row.label.text) for row in read_label_table(folder / "labels.csv")]


def test_a_terminal_draws_asks_and_saves(
    folder: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Enter takes the guess, what means nothing is asked again, undo goes back, and the end stops.
    answers(monkeypatch, "\nfoo\n8\nu\nx\n")
    ran = run("label", folder, "--terminal", "--model", "nano")
    assert ran.returncode == 0
    assert "3 to do: a.png" in ran.stdout
    assert "7 (100.0 %)? [" in ran.stdout
    assert any(block in ran.stdout for block in "\u2580\u2588#")
    assert labels(folder) == [("a.png", "7"), ("b.png", "x")]
    assert "2 of 3 labelled" in ran.stderr
    answers(monkeypatch, "s\n3\n")
    ran = run("label", folder, "--terminal", "--model", "nano")
    assert "no other picture" in ran.stdout
    assert labels(folder) == [("a.png", "7"), ("b.png", "x")]
    answers(monkeypatch, "3\n")
    run("label", folder, "--terminal", "--model", "nano")
    assert labels(folder)[-1] == ("c.png", "3")


def test_a_terminal_asks_for_each_box(
    tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copy(ROOT / "docs/images/number.jpg", tmp_path)
    answers(monkeypatch, "1\nq\n")
    run("label", tmp_path, "--terminal", "--model", "nano")
    texts = [text for _, text in labels(tmp_path)]
    assert texts == ["1", *[""] * (len(texts) - 1)]
    # It goes on at the second box, undoes the first, and takes all of the guesses.
    answers(monkeypatch, "2\nu\n" + "\n" * len(texts))
    run("label", tmp_path, "--terminal", "--model", "nano")
    boxes = [row.label.box for row in read_label_table(tmp_path / "labels.csv")]
    assert len(set(boxes)) == len(texts) > 1
    assert "" not in [text for _, text in labels(tmp_path)]


@pytest.mark.slow
def test_a_key_is_enough_where_there_is_a_terminal(folder: Path) -> None:
    controller, terminal = pty.openpty()
    command = [sys.executable, "-m", "mnist_edge", "label", str(folder), "--terminal"]
    with subprocess.Popen(
        command, stdin=terminal, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as process:
        watchdog = threading.Timer(SECONDS, process.kill)
        watchdog.start()
        assert process.stdout is not None
        for key in (b"7", b"x", b"q"):
            # What is typed before the question belongs to nothing.
            said = b""
            while not said.endswith(b"quit] ") and (more := process.stdout.read(1)):
                said += more
            os.write(controller, key)
        assert process.wait() == 0
        watchdog.cancel()
    os.close(controller)
    os.close(terminal)
    assert labels(folder) == [("a.png", "7"), ("b.png", "x")]


@pytest.mark.slow
def test_the_page_opens_only_on_this_machine_and_with_its_link(folder: Path) -> None:
    with running_label_page(folder, "--model", "nano") as server, server.client() as client:
        assert server.link.startswith("http://127.0.0.1:")
        token = server.link.partition("#token=")[2]
        assert len(token) >= 32
        assert client.get("/v1/folder").status_code == 401
        headers = {"Authorization": f"Bearer {token}"}
        assert client.get("/v1/folder", headers=headers).json()["total"] == 3
        assert server.end() == 0


@pytest.mark.parametrize("options", [["nowhere"], ["."]])
def test_a_folder_without_pictures_is_one_line(
    options: list[str], run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    ran = run("label", *options)
    assert ran.returncode == 1
    assert ran.stderr.count("\n") == 1
    assert "no folder" in ran.stderr or "no picture" in ran.stderr
