from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from mnist_edge.errors import NotWritable
from mnist_edge.system.files import (
    locked,
    read_regular_file,
    replacing,
    require_replaceable,
    require_writable,
    write_bytes,
    write_json,
    write_text,
)


@pytest.fixture
def target(tmp_path: Path) -> Path:
    """An existing file, alone in its folder."""
    path = tmp_path / "report.json"
    path.write_text("old")
    return path


def alone(path: Path) -> bool:
    return list(path.parent.iterdir()) == [path]


def test_a_complete_file_replaces_the_old_one(target: Path) -> None:
    with replacing(target) as temporary:
        assert temporary.parent == target.parent
        assert temporary.suffix == target.suffix
        temporary.write_text("new")
        assert target.read_text() == "old"
    assert target.read_text() == "new"
    assert alone(target)


def test_a_reader_of_the_old_file_is_not_disturbed(target: Path) -> None:
    with target.open() as reader:
        write_text(target, "new and longer")
        assert reader.read() == "old"


def write_half(target: Path, error: type[BaseException]) -> None:
    with replacing(target) as temporary:
        temporary.write_text("half")
        raise error


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
def test_an_interrupted_write_leaves_the_old_file_alone(
    target: Path, error: type[BaseException]
) -> None:
    with pytest.raises(error):
        write_half(target, error)
    assert target.read_text() == "old"
    assert alone(target)


WRITE_HALF = """
import sys, time
from pathlib import Path
from mnist_edge.system.files import replacing

with replacing(Path(sys.argv[1])) as temporary, temporary.open("w") as stream:
    stream.write("half")
    stream.flush()
    print("ready", flush=True)
    time.sleep(600)
"""


def test_a_killed_write_leaves_the_old_file(target: Path) -> None:
    words = [sys.executable, "-c", WRITE_HALF, str(target)]
    with subprocess.Popen(words, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"ready\n"
        child.kill()
    assert child.returncode == -signal.SIGKILL
    assert target.read_text() == "old"
    # The unfinished new file is hidden and does not disturb the next write.
    write_text(target, "new")
    assert target.read_text() == "new"
    assert [path.name for path in target.parent.glob("[!.]*")] == [target.name]


def test_a_new_file_has_its_folder_and_default_permissions(tmp_path: Path) -> None:
    before = os.umask(0o022)
    try:
        write_bytes(tmp_path / "a" / "b" / "model.tflite", b"\0\1")
    finally:
        os.umask(before)
    written = tmp_path / "a" / "b" / "model.tflite"
    assert written.read_bytes() == b"\0\1"
    assert written.stat().st_mode & 0o777 == 0o644
    assert alone(written)


def test_text_is_utf_8_and_json_ends_in_a_newline(target: Path) -> None:
    write_text(target, "ä\n")
    assert target.read_bytes() == "ä\n".encode()
    write_json(target, {"accuracy": 0.99, "name": "日"})
    assert target.read_text(encoding="utf-8").endswith("}\n")
    assert json.loads(target.read_text(encoding="utf-8")) == {"accuracy": 0.99, "name": "日"}


def check_not_writable(target: Path) -> None:
    with pytest.raises(NotWritable, match="cannot write ") as refused:
        write_text(target, "new")
    assert str(target) in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_file_where_a_folder_should_be_is_not_writable(target: Path) -> None:
    check_not_writable(target / "report.json")
    with pytest.raises(NotWritable, match="cannot write "):
        require_writable(target)
    with pytest.raises(NotWritable, match="cannot write "):
        require_writable(target / "deeper")
    assert target.read_text() == "old"
    assert alone(target)


def test_a_folder_where_a_file_should_be_is_not_writable(tmp_path: Path) -> None:
    (tmp_path / "report.json").mkdir()
    check_not_writable(tmp_path / "report.json")
    assert alone(tmp_path / "report.json")


def test_an_invalid_name_is_not_writable(tmp_path: Path) -> None:
    check_not_writable(tmp_path / ("n" * 300))
    assert not list(tmp_path.iterdir())


def test_a_folder_is_not_made_before_its_first_file(tmp_path: Path) -> None:
    require_writable(tmp_path / "a" / "b")
    require_writable(tmp_path)
    assert not list(tmp_path.iterdir())
    write_text(tmp_path / "a" / "b" / "c.txt", "c")
    require_writable(tmp_path / "a" / "b")


def test_a_folder_that_cannot_be_made_is_not_writable(tmp_path: Path) -> None:
    (tmp_path / "away").symlink_to("nowhere")
    for name in ("n" * 300, "away", "away/deeper"):
        with pytest.raises(NotWritable, match="cannot write "):
            require_writable(tmp_path / name)


def test_a_file_can_be_replaced_and_a_folder_cannot(target: Path) -> None:
    require_replaceable(target)
    require_replaceable(target.parent / "new" / "file.json")
    with pytest.raises(NotWritable, match="Is a directory"):
        require_replaceable(target.parent)
    with pytest.raises(NotWritable, match="Not a directory"):
        require_replaceable(target / "file.json")
    assert alone(target)


HOLD = """
import sys
from pathlib import Path
from mnist_edge.system.files import locked
with locked(Path(sys.argv[1])):
    print("locked", flush=True)
    sys.stdin.read()
    (Path(sys.argv[1]) / "done").touch()
"""


@pytest.mark.parametrize("killed", [False, True])
def test_a_lock_waits_for_another_process_and_not_for_a_killed_one(
    killed: bool, tmp_path: Path
) -> None:
    folder = tmp_path / "new" / "store"
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, folder], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        assert other.stdout is not None
        assert other.stdin is not None
        assert other.stdout.readline() == b"locked\n"
        threading.Timer(0.3, other.kill if killed else other.stdin.close).start()
        with locked(folder):
            assert (folder / "done").exists() is not killed


def test_a_folder_that_cannot_be_locked_is_named(target: Path) -> None:
    with pytest.raises(NotWritable, match="cannot write"), locked(target / "store"):
        pass


def make_link(path: Path) -> None:
    path.symlink_to("/dev/zero")


@pytest.mark.skipif(sys.platform == "win32", reason="has no such files")
@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (os.mkfifo, "a pipe or a device, not a file"),
        (make_link, "a pipe or a device, not a file"),
        (Path.mkdir, "Is a directory"),
        (lambda path: path.symlink_to(path.name), "Too many levels of symbolic links"),
        (lambda path: path.symlink_to("nothing"), "No such file or directory"),
    ],
)
def test_a_path_that_is_not_a_regular_file_is_refused_before_it_is_opened(
    make: Callable[[Path], None], reason: str, tmp_path: Path
) -> None:
    path = tmp_path / "document.json"
    make(path)
    with pytest.raises(OSError, match=re.escape(reason)):
        read_regular_file(path)


def test_a_file_is_read_up_to_its_limit(target: Path) -> None:
    assert read_regular_file(target, max_bytes=3) == b"old"
    with pytest.raises(OSError, match="more than 2 bytes"):
        read_regular_file(target, max_bytes=2)


def test_a_path_that_no_system_accepts_is_an_error_of_the_system() -> None:
    with pytest.raises(OSError, match="null"):
        read_regular_file("a\0b")
