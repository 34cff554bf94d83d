"""Reading many pictures: lists, shards, files to resume, worker processes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import pytest
from PIL import Image

from mnist_edge import Classifier
from mnist_edge.data.mnist import Digits
from mnist_edge.errors import UnreadablePicture
from mnist_edge.inference import batch
from mnist_edge.inference.batch import outcome_answers
from tests.support.paths import ROOT, SAMPLE
from tests.support.programs import Run
from tests.support.waiting import SECONDS, eventually, running_group


@pytest.fixture
def folder(tmp_path: Path, test_digits: Digits, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Twenty digits and a broken file in the current folder's ``in`` and a folder below."""
    monkeypatch.chdir(tmp_path)
    below = Path("in") / "b"
    below.mkdir(parents=True)
    for number, image in enumerate(test_digits.images[:20]):
        Image.fromarray(image).save((below if number % 3 else below.parent) / f"{number:02}.png")
    (below / "broken.png").write_bytes(b"no picture")
    return Path("in")


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Start workers at once."""
    monkeypatch.setattr(batch, "_SINGLE_PROCESS_SECONDS", -1.0)


def jsonl(run: Run, *arguments: str | Path) -> CompletedProcess[str]:
    return run("predict", "--format", "jsonl", "--model", "nano", *arguments)


@pytest.mark.parametrize("text", ["0/4", "5/4", "1", "1/0", "a/b", "-1/4", "1/4/2", ""])
def test_an_invalid_shard_is_a_usage_error(text: str, folder: Path, run: Run) -> None:
    ran = jsonl(run, folder, "--shard", text)
    assert ran.returncode == 2
    assert "expected one such as 3/16" in ran.stderr


def test_the_shards_together_give_the_whole_run(folder: Path, run: Run) -> None:
    whole = jsonl(run, folder)
    shares = [jsonl(run, folder, "--shard", f"{number}/3").stdout for number in (1, 2, 3)]
    lines = [line for share in shares for line in share.splitlines()]
    assert sorted(lines) == sorted(whole.stdout.splitlines())
    assert all(shares)


@pytest.mark.slow
def test_a_list_of_paths_is_taken_literally(
    folder: Path, start: Callable[..., CompletedProcess[bytes]]
) -> None:
    paths = [str(folder / "00.png"), "missing.png", str(folder / "*.png"), "-"]
    listed = "\r\n".join([*paths, "", str(folder / "00.png")]).encode()
    Path("list").write_bytes(listed)
    options = ("predict", "--format", "jsonl", "--model", "nano", "--paths-from")
    ran = start(*options, "-", stdin=listed)
    assert ran.returncode == 1
    said = [json.loads(line) for line in ran.stdout.splitlines()]
    assert [one["path"] for one in said] == [*paths, paths[0]]
    assert ["error" in one for one in said] == [False, True, True, True, False]
    assert start(*options, "list").stdout == ran.stdout


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ((), "no picture is named"),
        (("--paths-from", "nowhere"), "--paths-from nowhere: No such file"),
        (("-", "--paths-from", "-"), "- and --paths-from - cannot be combined"),
        (
            ("in", "--resume", "out.jsonl", "--format", "csv"),
            "--resume and --format csv cannot be combined",
        ),
        (
            ("in", "--resume", "out.jsonl", "--explain", "how"),
            "--explain and --resume cannot be combined",
        ),
        (("in", "--jobs", "2", "--show"), "--show and --jobs 2 cannot be combined"),
    ],
)
def test_options_that_cannot_be_combined_are_a_usage_error(
    options: tuple[str, ...], said: str, folder: Path, run: Run
) -> None:
    ran = run("predict", "--model", "nano", *options)
    assert ran.returncode == 2
    assert said in ran.stderr


def test_a_run_killed_at_any_byte_resumes_to_the_same_file(
    folder: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = jsonl(run, folder)
    out = Path("out.jsonl")
    assert jsonl(run, folder, "--resume", out).returncode == 1
    assert out.read_text() == whole.stdout
    content = out.read_bytes()
    ends = [at + 1 for at, byte in enumerate(content) if byte == ord("\n")]
    for kept in (0, 1, 12, *ends[::4], ends[3] + 30, ends[10] - 1, len(content) - 1):
        out.write_bytes(content[:kept])
        ran = jsonl(run, folder, "--resume", out)
        assert (ran.returncode, ran.stdout) == (1, "")
        assert out.read_bytes() == content
    # One more picture is read, and none again.
    Image.open(folder / "00.png").save(folder / "new.png")
    jsonl(run, folder, "--resume", out)
    assert out.read_bytes().startswith(content)
    assert out.read_bytes().count(b"\n") == len(ends) + 1


@pytest.mark.usefixtures("at_once")
def test_a_picture_that_is_listed_twice_has_one_line_in_a_file(folder: Path, run: Run) -> None:
    paths = [str(folder / "00.png"), str(folder / "03.png")]
    Path("list").write_text("\n".join(paths * 20))
    assert jsonl(run, "--paths-from", "list", "--resume", "out.jsonl", "--jobs", "2").stdout == ""
    lines = [json.loads(line) for line in Path("out.jsonl").read_text().splitlines()]
    assert [line["path"] for line in lines] == paths


def test_a_file_that_is_not_results_is_not_appended_to(folder: Path, run: Run) -> None:
    Path("notes.txt").write_text("mine")
    ran = jsonl(run, folder, "--resume", "notes.txt")
    assert ran.returncode == 2
    assert Path("notes.txt").read_text() == "mine"


@pytest.mark.usefixtures("at_once")
@pytest.mark.parametrize("every", [False, True])
def test_worker_processes_change_no_line(every: bool, folder: Path, run: Run) -> None:
    options = ("--all",) if every else ()
    alone = jsonl(run, folder, "missing.png", "--jobs", "1", *options)
    shared = jsonl(run, folder, "missing.png", "--jobs", "3", *options)
    assert (shared.returncode, shared.stdout) == (1, alone.stdout)
    assert shared.stdout.count("\n") == 22


@pytest.mark.slow
@pytest.mark.parametrize(("sent", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_the_run_and_its_workers_after_a_complete_line(
    sent: signal.Signals, status: int, folder: Path
) -> None:
    # More than are read before this process has a turn on a busy machine.
    for number in range(10_000):
        (folder / f"{number:05}.png").hardlink_to(folder / "00.png")
    out = Path("out.jsonl")
    code = (
        # A shell has what it runs in the background ignore Ctrl-C, and its children inherit that.
        "import signal; signal.signal(signal.SIGINT, signal.default_int_handler);"
        "from mnist_edge.inference import batch;"
        "batch._SINGLE_PROCESS_SECONDS = -1.0; batch._MAX_CHUNK_SIZE = 2;"
        "from mnist_edge.commands.app import main; main()"
    )
    words = ["predict", str(folder), "--model", "nano", "--resume", str(out), "--jobs", "2"]
    child = subprocess.Popen([sys.executable, "-c", code, *words], start_new_session=True)
    eventually(lambda: out.exists() and out.read_bytes().count(b"\n") >= 40)
    # As a terminal does: to every process that belongs to it.
    os.killpg(child.pid, sent) if sent == signal.SIGINT else child.send_signal(sent)
    assert child.wait(SECONDS) == status
    assert out.read_bytes().endswith(b"\n")
    eventually(lambda: not running_group(child.pid))


def test_a_picture_counts_as_its_answers() -> None:
    classifier = Classifier("nano")
    seven = classifier.predict(SAMPLE)
    assert outcome_answers(seven) == [("7", seven.confidence)]
    page = classifier.predict_all(ROOT / "docs/images/number.jpg")
    assert len(outcome_answers(page)) == len(page.digits) > 1
    blank = Image.new("L", (50, 50), 255)
    assert outcome_answers(classifier.predict_all(blank)) == [("blank", 0.0)]
    assert outcome_answers(classifier.predict(blank)) == [("blank", 0.0)]
    assert outcome_answers(UnreadablePicture("torn")) == []
