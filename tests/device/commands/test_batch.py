"""``mnist-edge batch`` as a user calls it; what it does is in ``deployment/cluster``."""

from __future__ import annotations

import json
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from signal import SIGINT, SIGKILL
from typing import Any

import pytest

from tests.support.listening import process_tree
from tests.support.paths import ROOT
from tests.support.programs import Run, start_program

PHOTOS = 32


def is_running(process: int) -> bool:
    try:
        status = Path(f"/proc/{process}/stat").read_text()
    except OSError:
        return False
    # One that nobody has waited for yet has ended too.
    return status.rpartition(")")[2].split()[0] != "Z"


@pytest.fixture
def digits(pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of pictures, one of which cannot be read, in the current folder."""
    monkeypatch.chdir(tmp_path)
    folder = Path("digits")
    folder.mkdir()
    for number, source in enumerate(4 * sorted(pictures.rglob("*.png"))):
        (folder / f"{number:02}.png").write_bytes(source.read_bytes())
    (folder / "bad.png").write_text("no picture")
    return folder


def test_a_dry_run_says_what_it_would_read_and_writes_nothing(digits: Path, run: Run) -> None:
    said = run("batch", digits, "out", "--dry-run", "--part", "5", "--format", "jsonl")
    assert said.returncode == 0
    assert said.stdout.splitlines() == [
        f"reads   {len(list(digits.iterdir()))} pictures of digits",
        "tasks   4",
        "writes  a part of jsonl per task to out",
    ]
    assert not Path("out").exists()


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["digits", "digits"], "digits is not empty"),
        (["absent", "out"], "no file or folder absent"),
        (["digits", "digits/bad.png"], "is a file"),
        (["digits", "out", "--address", "127.0.0.1:1"], "expected HOST:PORT of a cluster"),
        (["digits", "out", "--address", "127.0.0.1:x"], "expected HOST:PORT of a cluster"),
        (["digits", "out", "--address", "127.0.0.1:1", "--jobs", "2"], "--jobs is of this machine"),
        (["digits", "out", "--address", "127.0.0.1:1", "--runtime", "numpy"], "--runtime is of"),
        (["digits", "out", "--format", "csv"], "csv"),
    ],
)
def test_wrong_usage_is_refused_before_ray_starts(
    digits: Path, run: Run, words: list[str], reason: str
) -> None:
    refused = run("batch", *words)
    assert refused.returncode == 2
    assert reason in refused.stderr
    assert len(refused.stderr.splitlines()) == 1
    assert not Path("out").exists()


@pytest.mark.parametrize(
    ("missing", "words"), [("ray", ["--address", "127.0.0.1:1"]), ("pyarrow", [])]
)
def test_a_missing_library_is_named_with_its_install_line(
    digits: Path, run: Run, monkeypatch: pytest.MonkeyPatch, missing: str, words: list[str]
) -> None:
    for name in [one for one in sys.modules if one.startswith("mnist_edge.deployment.cluster")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, missing, None)
    refused = run("batch", digits, "out", *words)
    assert refused.returncode == 1
    assert f"batch needs {missing}, which is not installed: pip install" in refused.stderr
    assert len(refused.stderr.splitlines()) == 1


@pytest.mark.parametrize("jobs", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_on_one_machine_the_lines_are_those_of_predict(digits: Path, run: Run, jobs: int) -> None:
    expected = run("predict", "--format", "jsonl", digits)
    said = run("batch", digits, "out", "--part", "4", "--format", "jsonl", "--jobs", jobs)
    assert said.returncode == expected.returncode == 1
    parts = sorted(Path("out").glob("part-*"))
    assert len(parts) == -(-len(list(digits.iterdir())) // 4)
    assert "".join(part.read_text() for part in parts) == expected.stdout
    assert said.stderr in {"", "reading\n"}
    summary: dict[str, Any] = json.loads(Path("out/_summary.json").read_text())
    assert summary["rows"] == len(list(digits.iterdir()))
    assert summary["errors"] == {"UnreadablePicture": 1}
    assert summary["model_sha256"] in said.stdout
    assert Path("out/_SUCCESS").read_bytes() == b""


@pytest.fixture
def interruptible() -> Iterator[None]:
    """Let programs end by SIGINT: a shell has those in the background ignore it."""
    before = signal.signal(SIGINT, signal.default_int_handler)
    yield
    signal.signal(SIGINT, before)


@pytest.mark.slow
@pytest.mark.usefixtures("interruptible")
@pytest.mark.parametrize(("number", "status"), [(SIGINT, 130), (SIGKILL, -SIGKILL)])
def test_an_interrupted_run_goes_on_with_resume(
    tmp_path: Path, run: Run, number: signal.Signals, status: int
) -> None:
    photos, out = tmp_path / "photos", tmp_path / "out"
    photos.mkdir()
    # Each takes a while, so that the run is not over when it is ended.
    for name in range(PHOTOS):
        (photos / f"{name:02}.jpg").symlink_to(ROOT / "docs/images/page.jpg")
    words = ("batch", photos, out, "--all", "--part", "2", "--format", "jsonl", "--jobs", "2")
    with start_program(*words) as process:
        while not list(out.glob("part-*")):
            assert process.poll() is None
            time.sleep(0.01)
        workers = process_tree(process.pid) - {process.pid}
        process.send_signal(number)
        _, warned = process.communicate()
    assert process.returncode == status
    assert "Traceback" not in warned
    # A worker ends the task that it is busy with.
    while any(map(is_running, workers)):
        time.sleep(0.01)
    there = {path: path.stat().st_mtime_ns for path in out.glob("part-*")}
    assert not (out / "_SUCCESS").exists()
    assert run(*words, "--resume").returncode == 0
    lines = "".join(part.read_text() for part in sorted(out.glob("part-*"))).splitlines()
    answers = [json.loads(line) for line in lines]
    assert [one.pop("path") for one in answers] == [str(path) for path in sorted(photos.iterdir())]
    assert answers == PHOTOS * answers[:1]
    assert {path: path.stat().st_mtime_ns for path in there} == there
    assert (out / "_SUCCESS").exists()
    assert not list(out.glob(".*"))
