"""Reading many pictures: lists, shards, files to resume, worker processes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from PIL import Image

from mnist_edge import Classifier
from mnist_edge.data.mnist import Digits
from mnist_edge.errors import InvalidValue, WorkerLost
from mnist_edge.inference import batch, inputs, worker_pool
from mnist_edge.inference.inputs import Shard, find_pictures
from mnist_edge.inference.path_set import PathSet
from mnist_edge.inference.worker_pool import map_in_order
from mnist_edge.preprocessing.pipeline import preprocess, trace_preprocessing
from mnist_edge.runtimes.backends import open_backend
from mnist_edge.runtimes.interpreter import Interpreter
from tests.support.paths import ROOT

Run = Callable[..., CompletedProcess[str]]
NAMES = st.text(st.characters(codec="utf-8", exclude_characters="/\0"), min_size=1, max_size=20)


@pytest.fixture
def folder(tmp_path: Path, test_digits: Digits, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Twenty digits in the working directory's ``in``, a sub-folder among them, one file broken."""
    monkeypatch.chdir(tmp_path)
    below = Path("in") / "b"
    below.mkdir(parents=True)
    for number, image in enumerate(test_digits.images[:20]):
        Image.fromarray(image).save((below if number % 3 else below.parent) / f"{number:02}.png")
    (below / "broken.png").write_bytes(b"no picture")
    return Path("in")


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers are started whatever the time, which a test has not."""
    monkeypatch.setattr(batch, "_SINGLE_PROCESS_SECONDS", -1.0)


def jsonl(run: Run, *arguments: str | Path) -> CompletedProcess[str]:
    return run("predict", "--format", "jsonl", "--model", "nano", *arguments)


@given(path=NAMES, total=st.integers(1, 9))
@example(path="caf\udce9.png", total=3)
def test_every_path_is_of_one_shard(path: str, total: int) -> None:
    shards = [Shard(number=number, total=total) for number in range(1, total + 1)]
    assert sum(shard.holds(path) for shard in shards) == 1


def test_a_shard_is_the_same_on_every_machine() -> None:
    # sha256sum of the path: the 16th digit, and one.
    shards = [Shard(number=number, total=16) for number in range(1, 17)]
    paths = ("digit.png", "a/b.png", "ä.png")
    assert [next(s.number for s in shards if s.holds(path)) for path in paths] == [13, 12, 14]


@pytest.mark.parametrize("text", ["0/4", "5/4", "1", "1/0", "a/b", "-1/4", "1/4/2", ""])
def test_a_bad_shard_is_wrong_usage(text: str, folder: Path, run: Run) -> None:
    ran = jsonl(run, folder, "--shard", text)
    assert ran.returncode == 2
    assert "expected one such as 3/16" in ran.stderr


def test_shards_are_together_what_one_run_is(folder: Path, run: Run) -> None:
    whole = jsonl(run, folder)
    shares = [jsonl(run, folder, "--shard", f"{number}/3").stdout for number in (1, 2, 3)]
    lines = [line for share in shares for line in share.splitlines()]
    assert sorted(lines) == sorted(whole.stdout.splitlines())
    assert all(shares)


def test_a_list_is_read_as_it_stands(
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
def test_what_does_not_go_together_is_wrong_usage(
    options: tuple[str, ...], said: str, folder: Path, run: Run
) -> None:
    ran = run("predict", "--model", "nano", *options)
    assert ran.returncode == 2
    assert said in ran.stderr


def test_a_folder_is_read_in_the_order_of_its_paths_however_many_names_are_held(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = ["a.png", "a/x.png", "a b/x.png", "a-/y.PNG", "b/c/d.jpg", "b/c.png", "b.gif", "z.txt"]
    for name in names:
        (tmp_path / name).parent.mkdir(exist_ok=True, parents=True)
        (tmp_path / name).write_bytes(b"")
    (tmp_path / "b" / "round").symlink_to(tmp_path)
    expected = sorted(str(tmp_path / name) for name in names[:-1])
    for held in (1, 2, 100):
        monkeypatch.setattr(inputs, "_MAX_NAMES", held)
        assert list(find_pictures([str(tmp_path)])) == [(path, None) for path in expected]


def test_a_run_killed_at_any_byte_and_resumed_is_the_uninterrupted_run(
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
    # A picture more is read, and none again.
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


def test_a_file_of_something_else_is_not_appended_to(folder: Path, run: Run) -> None:
    Path("notes.txt").write_text("mine")
    ran = jsonl(run, folder, "--resume", "notes.txt")
    assert ran.returncode == 2
    assert Path("notes.txt").read_text() == "mine"


@pytest.mark.usefixtures("at_once")
@pytest.mark.parametrize("every", [False, True])
def test_workers_change_no_line(every: bool, folder: Path, run: Run) -> None:
    options = ("--all",) if every else ()
    alone = jsonl(run, folder, "missing.png", "--jobs", "1", *options)
    shared = jsonl(run, folder, "missing.png", "--jobs", "3", *options)
    assert (shared.returncode, shared.stdout) == (1, alone.stdout)
    assert shared.stdout.count("\n") == 22


def doubled(number: int) -> int:
    if number == 7:
        raise InvalidValue("seven")
    return 2 * number


def pid(number: int) -> int:
    return os.getpid()


def killed(number: int) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.fixture
def importable(monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers find this module by its name."""
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT), *sys.path]))


def is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.usefixtures("importable")
def test_results_come_in_order_and_nothing_is_taken_far_ahead() -> None:
    taken: list[int] = []

    def numbers() -> Any:
        for number in range(100, 130):
            taken.append(number)
            yield number

    for number, (item, result) in enumerate(map_in_order(doubled, numbers(), jobs=2), 100):
        assert (item, result) == (number, 2 * number)
        assert len(taken) <= number - 100 + 2 * 2


@pytest.mark.usefixtures("importable")
def test_an_error_of_ours_is_raised_here_and_no_worker_is_left() -> None:
    results = map_in_order(pid, range(100), jobs=2)
    processes = {next(results)[1] for _ in range(20)}
    results.close()
    assert not any(is_alive(process) for process in processes)
    with pytest.raises(InvalidValue, match="seven"):
        list(map_in_order(doubled, range(100), jobs=2))


@pytest.mark.usefixtures("importable")
def test_a_killed_worker_is_an_error_and_no_hang() -> None:
    with pytest.raises(WorkerLost, match=r"SIGKILL.*--jobs 1"):
        list(map_in_order(killed, range(100), jobs=2))


@pytest.mark.parametrize(("sent", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_the_run_its_workers_and_no_line_in_the_middle(
    sent: signal.Signals, status: int, folder: Path
) -> None:
    for number in range(3_000):
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
    while not out.exists() or out.read_bytes().count(b"\n") < 40:
        assert child.poll() is None
        time.sleep(0.005)
    # As a terminal does: to every process that belongs to it.
    os.killpg(child.pid, sent) if sent == signal.SIGINT else child.send_signal(sent)
    assert child.wait(60) == status
    assert out.read_bytes().endswith(b"\n")
    with pytest.raises(ProcessLookupError):
        os.killpg(child.pid, 0)


def test_many_are_read_as_each_is_alone(test_digits: Digits) -> None:
    digits = test_digits.images[:300]
    alone = [Classifier("nano").predict(digit) for digit in digits[:77]]
    for threads in (1, 3):
        classifier = Classifier("nano", threads=threads)
        assert list(classifier.predict_many(digits))[:77] == alone
        assert list(classifier.predict_many(digits[:0])) == []


@pytest.mark.parametrize("scheme", ["int8", "float32"])
@pytest.mark.parametrize("threads", [1, 2])
def test_batches_and_threads_change_no_bit(
    scheme: str, threads: int, nano: Path, test_digits: Digits
) -> None:
    content = (nano / f"{scheme}.tflite").read_bytes()
    interpreter = Interpreter(content, threads=threads)
    digits = test_digits.images[:150]
    alone = np.stack([Interpreter(content).logits(digits[[at]])[0] for at in (0, 7, 8, 149)])
    for count in (150, 149, 9, 8, 7, 1):
        found = interpreter.logits(digits[:count])
        kept = [at for at in (0, 7, 8, 149) if at < count]
        assert np.array_equal(found[kept], alone[: len(kept)])


def test_a_graph_that_no_batch_fits_is_run_one_by_one(test_digits: Digits) -> None:
    # Its RESHAPE has 784 written into it.
    content = (ROOT / "models/softmax-1k/int8.tflite").read_bytes()
    together = Interpreter(content).logits(test_digits.images[:20])
    alone = [Interpreter(content).logits(digit[np.newaxis])[0] for digit in test_digits.images[:20]]
    assert np.array_equal(together, alone)
    assert open_backend(content).inputs[0].shape[0] == 1


@given(
    dots=st.lists(
        st.tuples(st.integers(4, 23), st.integers(4, 23), st.integers(1, 255)), max_size=40
    ),
    inverted=st.booleans(),
)
@example(dots=[(4, 14, 255), (23, 14, 255)], inverted=False)
def test_a_glance_has_what_a_look_has(dots: list[tuple[int, int, int]], inverted: bool) -> None:
    pixels = np.zeros((28, 28), np.uint8)
    for row, column, grey in dots:
        pixels[row, column] = grey
    picture = np.invert(pixels) if inverted else pixels
    seen, whole = preprocess(picture), trace_preprocessing(picture)
    assert np.array_equal(seen.pixels, whole.pixels)
    assert seen.problem == whole.problem


def test_a_glance_at_digits_has_what_a_look_has(test_digits: Digits) -> None:
    for digit in test_digits.images[:25]:
        for picture in (digit, np.invert(digit), np.roll(digit, 3, axis=0)):
            seen, whole = preprocess(picture), trace_preprocessing(picture)
            assert np.array_equal(seen.pixels, whole.pixels)
            assert seen.problem == whole.problem


@given(paths=st.lists(NAMES, max_size=60), others=st.lists(NAMES, max_size=20))
def test_a_set_of_digests_is_a_set(paths: list[str], others: list[str]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("mnist_edge.inference.path_set._MAX_RECENT", 7)
        kept = PathSet()
        for path in paths:
            kept.add(path)
    assert len(kept) == len(set(paths))
    assert all((path in kept) == (path in set(paths)) for path in [*paths, *others])


def test_there_is_a_core_at_least() -> None:
    assert worker_pool.available_cores() >= 1
