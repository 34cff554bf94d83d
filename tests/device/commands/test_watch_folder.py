from __future__ import annotations

import fcntl
import itertools
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from mnist_edge.data.mnist import Digits
from mnist_edge.inference.folder_watcher import PATIENCE
from tests.support.paths import SAMPLE
from tests.support.poisoned_pictures import POISONED
from tests.support.programs import Run
from tests.support.waiting import SECONDS, eventually

Launch = Callable[..., "subprocess.Popen[bytes]"]
Watch = Callable[[Iterator[None]], "subprocess.CompletedProcess[str]"]
INTERVAL = 0.05
"""The shortest interval between scans, in seconds."""


@pytest.fixture
def inbox(tmp_path: Path) -> Path:
    folder = tmp_path / "inbox"
    folder.mkdir()
    return folder


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "results.jsonl"


@pytest.fixture
def launch(inbox: Path, out: Path) -> Iterator[Launch]:
    """Start a watch in a process of its own, and kill it after the test."""
    children: list[subprocess.Popen[bytes]] = []

    def start(*options: str) -> subprocess.Popen[bytes]:
        words = ["watch", inbox, "--out", out, "--interval", str(INTERVAL), *options]
        child = subprocess.Popen(
            [sys.executable, "-m", "mnist_edge", *map(str, words)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        children.append(child)
        return child

    yield start
    for child in children:
        child.kill()
        child.communicate()


@pytest.fixture
def watch(inbox: Path, out: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> Watch:
    """Watch the folder in this process, with a step of a script between any two looks."""

    def follow(script: Iterator[None]) -> subprocess.CompletedProcess[str]:
        def pause(ending: object, seconds: float) -> bool:
            return not seconds or next(script, False) is None

        monkeypatch.setattr("mnist_edge.commands.watch._Ending.pause", pause)
        return run("watch", inbox, "--out", out)

    return follow


def looks(number: int) -> Iterator[None]:
    """Change nothing for a number of looks; two read a picture that has arrived."""
    yield from itertools.repeat(None, number)


def lines(out: Path) -> list[dict[str, Any]]:
    """Return the results, and check that every line is complete."""
    text = out.read_text(encoding="ascii") if out.exists() else ""
    assert not text or text.endswith("\n")
    return [json.loads(line) for line in text.splitlines()]


def names(out: Path) -> list[str]:
    """Return the names of the pictures in the order of their lines."""
    return [Path(line["path"]).name for line in lines(out)]


def count(out: Path) -> int:
    """Return the number of complete lines; another may be in progress."""
    return out.read_bytes().count(b"\n") if out.exists() else 0


def _has(out: Path, enough: int) -> bool:
    return count(out) >= enough


def fill(inbox: Path, digits: Digits, number: int) -> list[str]:
    """Write test digits into a folder and return their names."""
    made = [f"{index:03}.png" for index in range(number)]
    for name, image in zip(made, digits.images, strict=False):
        Image.fromarray(image).save(inbox / name)
    return made


def sweep(run: Run, inbox: Path, out: Path, *options: str) -> subprocess.CompletedProcess[str]:
    return run("watch", inbox, "--out", out, "--once", "--interval", INTERVAL, *options)


def test_unsure_pictures_are_kept_outside_the_folder(
    inbox: Path, out: Path, test_digits: Digits, run: Run, tmp_path: Path
) -> None:
    fill(inbox, test_digits, 1)
    shutil.copy(SAMPLE.with_name("digits.png"), inbox)
    kept = tmp_path / "unsure"
    assert sweep(run, inbox, out, "--keep-unsure", str(kept)).returncode == 0
    (record,) = kept.glob("*.json")
    assert json.loads(record.read_text())["path"] == str(inbox / "digits.png")
    ran = sweep(run, inbox, out, "--keep-unsure", str(inbox / "kept"))
    assert ran.returncode == 2
    assert "would be read as pictures that arrive" in ran.stderr


def test_each_picture_has_the_line_that_predict_writes(
    inbox: Path, out: Path, test_digits: Digits, run: Run
) -> None:
    fill(inbox, test_digits, 3)
    (inbox / "below").mkdir()
    shutil.copy(SAMPLE, inbox / "below" / "SAMPLE.PNG")
    (inbox / "notes.txt").write_text("no picture")
    (inbox / ".hidden.png").write_bytes(b"half")
    ran = sweep(run, inbox, out)
    assert ran.returncode == 0
    assert ran.stdout == ""
    said = run("predict", "--format", "jsonl", inbox / "below", *sorted(inbox.glob("0*.png")))
    predicted = [json.loads(line) for line in said.stdout.splitlines()]
    by_path = {line["path"]: line for line in lines(out)}
    assert by_path == {line["path"]: line for line in predicted}
    assert len(lines(out)) == 4


def test_a_page_is_read_whole_with_all(inbox: Path, out: Path, run: Run) -> None:
    shutil.copy(SAMPLE, inbox)
    assert sweep(run, inbox, out, "--all").returncode == 0
    assert [line["text"] for line in lines(out)] == ["7"]


def test_a_second_start_reads_only_new_pictures_under_any_spelling_of_the_folder(
    inbox: Path, out: Path, test_digits: Digits, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(inbox, test_digits, 3)
    sweep(run, inbox, out)
    before = out.read_bytes()
    monkeypatch.chdir(inbox)
    assert sweep(run, Path(), out).returncode == 0
    assert sweep(run, Path("..") / inbox.name, out).returncode == 0
    assert out.read_bytes() == before
    shutil.copy(SAMPLE, inbox / "new.png")
    sweep(run, inbox, out)
    assert out.read_bytes().startswith(before)
    assert names(out)[3:] == ["new.png"]


@pytest.mark.slow
def test_a_killed_watch_neither_loses_nor_repeats_a_picture(
    inbox: Path, out: Path, test_digits: Digits, launch: Launch
) -> None:
    for already in (0, 30, 60):
        # Where a busy machine lets it come late, all is read, and nothing may be read again.
        expected = fill(inbox, test_digits, already + 30)
        child = launch()
        eventually(partial(_has, out, already + 5))
        child.send_signal(signal.SIGKILL)
        child.wait()
    ended = launch("--once")
    assert ended.wait() == 0
    assert sorted(names(out)) == expected


def test_a_picture_with_an_incomplete_line_is_read_again(
    inbox: Path, out: Path, test_digits: Digits, run: Run
) -> None:
    expected = fill(inbox, test_digits, 3)
    sweep(run, inbox, out)
    out.write_bytes(out.read_bytes()[:-20])
    sweep(run, inbox, out)
    assert sorted(names(out)) == expected


def test_a_deleted_results_file_is_started_again_with_a_warning(
    inbox: Path, out: Path, watch: Watch
) -> None:
    def script() -> Iterator[None]:
        shutil.copy(SAMPLE, inbox / "a.png")
        yield from looks(3)
        assert names(out) == ["a.png"]
        out.unlink()
        shutil.copy(SAMPLE, inbox / "b.png")
        yield from looks(3)

    watched = watch(script())
    assert "was deleted or replaced" in watched.stderr
    assert watched.returncode == 0
    assert names(out) == ["b.png"]


@pytest.mark.parametrize(
    "content",
    [
        b"shopping list",
        b"[1, 2]\n",
        b'{"name": "x"}\n',
        b"\x89PNG\r\n\x1a\n",
        b'{"path": 7}\n',
        b'{"path": "a"}\n{"path": "b\n{"path": "c"}\n',
    ],
    ids=["words", "list", "other", "picture", "number", "middle"],
)
def test_a_file_that_is_not_results_is_left_alone(
    content: bytes, inbox: Path, out: Path, run: Run
) -> None:
    out.write_bytes(content)
    ran = sweep(run, inbox, out)
    assert ran.returncode == 2
    assert "name another file by --out" in ran.stderr
    assert out.read_bytes() == content


@pytest.mark.parametrize("clock", [0, -3600, 3600], ids=["right", "slow", "fast"])
def test_a_slowly_written_picture_is_read_once_it_is_complete(
    clock: float, inbox: Path, out: Path, watch: Watch
) -> None:
    content = SAMPLE.read_bytes()
    step = -(-len(content) // 6)

    def script() -> Iterator[None]:
        with (inbox / "slow.png").open("wb", buffering=0) as stream:
            for start in range(0, len(content), step):
                stream.write(content[start : start + step])
                os.utime(inbox / "slow.png", (0, time.time() + clock))
                # Two find it the same, and not readable.
                yield from looks(3)
        yield from looks(3)

    assert watch(script()).returncode == 0
    assert [(line["path"], line["digit"]) for line in lines(out)] == [(str(inbox / "slow.png"), 7)]


@pytest.mark.parametrize("content", [b"", b"\x89PNG\r\n\x1a\n and no more"], ids=["empty", "torn"])
def test_a_corrupted_picture_is_an_error_line_among_the_results(
    content: bytes, inbox: Path, out: Path, test_digits: Digits, run: Run
) -> None:
    expected = fill(inbox, test_digits, 2)
    (inbox / "bad.png").write_bytes(content)
    ran = sweep(run, inbox, out)
    assert ran.returncode == 1
    assert "2 read, 1 could not be" in ran.stderr
    assert sorted(names(out)) == [*expected, "bad.png"]
    by_name = dict(zip(names(out), lines(out), strict=True))
    assert list(by_name["bad.png"]) == ["path", "error"]
    assert by_name["bad.png"]["error"]["type"] == "UnreadablePicture"
    assert by_name["000.png"]["digit"] == 7
    # It is remembered like any other picture.
    assert sweep(run, inbox, out).returncode == 0
    assert len(lines(out)) == 3


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="limits memory as Linux does")
def test_with_300_mb_everything_around_ten_poisoned_pictures_is_read(
    inbox: Path, out: Path
) -> None:
    names = [*POISONED][:10]
    for number, name in enumerate(names):
        (inbox / f"{number}-poisoned.png").write_bytes(POISONED[name]())
        shutil.copy(SAMPLE, inbox / f"{number}-sound.png")
    words = [sys.executable, "-m", "mnist_edge", "watch", str(inbox), "--out", str(out), "--once"]
    # The limit is of the address space, of which the resident memory is a part.
    ran = subprocess.run(
        ["/bin/sh", "-c", 'ulimit -v 300000; exec "$@"', "sh", *words],
        check=False,
        capture_output=True,
        env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},
    )
    assert ran.returncode == 1, ran.stderr.decode()
    found = {Path(line["path"]).name: line for line in lines(out)}
    assert len(found) == 20
    for name, line in found.items():
        if "sound" in name:
            assert line["digit"] == 7
        else:
            assert "too large" in str(line.get("error")) or line["abstained"] == "blank"


def test_a_picture_renamed_when_complete_is_read_once(inbox: Path, out: Path, watch: Watch) -> None:
    content = SAMPLE.read_bytes()
    hidden = {inbox / "a.png.part": "a.png", inbox / ".b.png": "b.png"}

    def script() -> Iterator[None]:
        for path in hidden:
            path.write_bytes(content[:50])
        yield from looks(2 * PATIENCE)
        for path, name in hidden.items():
            path.write_bytes(content)
            path.rename(inbox / name)
        yield from looks(4)

    assert watch(script()).returncode == 0
    assert sorted(names(out)) == ["a.png", "b.png"]
    assert [line["digit"] for line in lines(out)] == [7, 7]


def test_entries_that_are_not_regular_files_are_ignored(inbox: Path, out: Path, run: Run) -> None:
    (inbox / "folder.png").mkdir()
    os.mkfifo(inbox / "pipe.png")
    (inbox / "nowhere.png").symlink_to(inbox / "missing.png")
    assert sweep(run, inbox, out).returncode == 0
    assert lines(out) == []


def test_a_name_that_is_not_unicode_is_remembered(inbox: Path, out: Path, run: Run) -> None:
    try:
        shutil.copy(SAMPLE, inbox / os.fsdecode(b"caf\xe9.png"))
    except OSError:
        pytest.skip("this file system takes Unicode alone")
    for _ in range(2):
        assert sweep(run, inbox, out).returncode == 0
    assert len(lines(out)) == 1


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("options", [(), ("--interval", "3600")], ids=["short", "hour"])
def test_a_signal_ends_the_watch_cleanly(
    number: signal.Signals, options: tuple[str, ...], inbox: Path, out: Path, launch: Launch
) -> None:
    shutil.copy(SAMPLE, inbox)
    os.utime(inbox / SAMPLE.name, (1, 1))
    child = launch(*options)
    eventually(lambda: count(out) == 1)
    child.send_signal(number)
    _, err = child.communicate(timeout=SECONDS)
    assert child.returncode == 0
    assert b"Traceback" not in err
    assert err.endswith(b"1 read, 0 could not be read\n")
    assert names(out) == [SAMPLE.name]


def test_a_folder_that_disappears_and_returns_is_still_watched(
    inbox: Path, out: Path, watch: Watch
) -> None:
    def script() -> Iterator[None]:
        shutil.copy(SAMPLE, inbox / "a.png")
        yield from looks(3)
        inbox.rename(inbox.with_name("away"))
        yield from looks(3)
        inbox.with_name("away").rename(inbox)
        shutil.copy(SAMPLE, inbox / "b.png")
        yield from looks(3)

    assert watch(script()).returncode == 0
    assert names(out) == ["a.png", "b.png"]


def test_two_watches_cannot_share_a_results_file(inbox: Path, out: Path, run: Run) -> None:
    with out.open("ab") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        ran = sweep(run, inbox, out)
    assert ran.returncode == 1
    assert "another mnist-edge writes to" in ran.stderr


@pytest.mark.parametrize("place", ["/dev/null", "/dev/full", "/"])
def test_a_results_path_that_is_not_a_file_is_refused(place: str, inbox: Path, run: Run) -> None:
    ran = sweep(run, inbox, Path(place))
    assert ran.returncode == 2
    assert ran.stderr == f"mnist-edge: {place} is not a file; expected one such as results.jsonl\n"


def test_a_missing_folder_is_an_error(tmp_path: Path, out: Path, run: Run) -> None:
    ran = run("watch", tmp_path / "missing", "--out", out)
    assert ran.returncode == 1
    assert (
        ran.stderr == f"mnist-edge: no folder {tmp_path / 'missing'}; make it, or check the path\n"
    )
    assert not out.exists()


def test_results_can_go_to_standard_output(
    inbox: Path, test_digits: Digits, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(inbox.parent)
    fill(inbox, test_digits, 2)
    (inbox / "broken.png").write_bytes(b"no picture")
    for _ in range(2):  # nothing is remembered
        ran = sweep(run, inbox, Path("-"))
        assert ran.returncode == 1
        found = [json.loads(line) for line in ran.stdout.splitlines()]
        assert {Path(line["path"]).name for line in found} == {"000.png", "001.png", "broken.png"}
        assert [line["error"]["type"] for line in found if "error" in line] == ["UnreadablePicture"]
    assert list(inbox.parent.iterdir()) == [inbox]
