"""A file of results, one JSON object per line, that records which pictures have been read.

If the program is killed or the board loses power, every line but the last is whole. The last one is
repaired when the file is opened again: it is cut off, and its picture is read again.
"""

from __future__ import annotations

import errno
import io
import json
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Protocol

from mnist_edge.errors import InvalidValue, NotWritable
from mnist_edge.system.files import MAX_FILE_BYTES, exists, not_writable, sync_folder

_SYNC_INTERVAL = 1.0
"""Seconds between flushes to disk: results that a loss of power may cost."""
_LINE_START = b'{"path": "'
"""The beginning of every line, as json.dumps writes it."""


class Paths(Protocol):
    """A set of paths."""

    def add(self, path: str, /) -> None:
        """Add a path."""

    def __contains__(self, path: object, /) -> bool: ...

    def __len__(self) -> int: ...


class ResultsLog:
    """A file of results, open for appending; made by ``open_results_log``.

    Args:
        stream: the file, open for appending, with whole lines in it.
        path: its path, for messages.
        pictures: the paths that it has lines of.
        failed: how many of the lines record that a picture could not be read.
        warn: takes the warning that the file was deleted or replaced.
    """

    def __init__(
        self,
        stream: io.FileIO,
        path: Path,
        pictures: Paths,
        failed: int,
        *,
        warn: Callable[[str], None],
    ) -> None:
        self._stream = stream
        self._path = path
        self._warn = warn
        self._synced = time.monotonic()
        self.pictures = pictures
        """Paths of the pictures that have a line."""
        self.failed = failed
        """Number of lines that record that a picture could not be read."""

    def append(self, document: Mapping[str, Any]) -> None:
        """Append one line, and wait until it is on the disk.

        Args:
            document: the result, its first key ``path``.

        Raises:
            NotWritable: the disk is full or gone.
        """
        self._synced = -_SYNC_INTERVAL
        self.write(document)

    def write(self, document: Mapping[str, Any]) -> None:
        """Append one line, which survives a kill at once and a loss of power a second later.

        If the file was deleted or replaced since the last line, by a rotation of logs for example,
        the line goes into the file that has its name now, which is created if there is none.

        Args:
            document: the result, its first key ``path``.

        Raises:
            NotWritable: the disk is full or gone, or another process writes the new file.
            InvalidValue: the file was replaced by something else than results.
        """
        line = json.dumps(document).encode("ascii") + b"\n"
        if not self._is_in_place():
            self._reopen()
        try:
            _write_line(self._stream, line)
            if (now := time.monotonic()) - self._synced > _SYNC_INTERVAL:
                os.fsync(self._stream.fileno())
                self._synced = now
        except OSError as error:
            raise not_writable(self._path, error) from error
        self.pictures.add(document["path"])
        self.failed += "error" in document

    def close(self) -> None:
        """Wait until every line is on the disk, and close the file.

        Raises:
            NotWritable: the disk is full or gone.
        """
        with self._stream:
            try:
                os.fsync(self._stream.fileno())
            except OSError as error:
                raise not_writable(self._path, error) from error

    def _is_in_place(self) -> bool:
        """Check whether the path still leads to the file that is open."""
        try:
            return os.path.samestat(self._path.stat(), os.fstat(self._stream.fileno()))
        except OSError:
            return False

    def _reopen(self) -> None:
        self._warn(
            f"{self._path} was deleted or replaced while it was written: the lines before are in "
            "the old file, if it still exists, and the next ones in a file of this name"
        )
        stream, failed = _open(self._path, self.pictures)
        self.close()
        self._stream = stream
        self.failed += failed


@contextmanager
def open_results_log(
    path: Path, pictures: Paths | None = None, *, warn: Callable[[str], None]
) -> Iterator[ResultsLog]:
    """Open a file of results for appending, and repair it if its last line is incomplete.

    Args:
        path: the file; it and its folder are created if they do not exist.
        pictures: an empty set for the paths of the pictures; a plain ``set`` by default.
        warn: takes a warning if the file is deleted or replaced while it is open.

    Raises:
        NotWritable: the file cannot be created or written, or another process is writing it.
        InvalidValue: the path is a folder or a device, or the file holds something else.
    """
    done: Paths = set() if pictures is None else pictures
    stream, failed = _open(path, done)
    results_log = ResultsLog(stream, path, done, failed, warn=warn)
    try:
        yield results_log
    except BaseException:
        with suppress(NotWritable):
            results_log.close()
        raise
    results_log.close()


def _open(path: Path, pictures: Paths) -> tuple[io.FileIO, int]:
    """Open, lock and repair a file of results, and collect the pictures that it has lines of.

    Returns:
        The file, and how many of its lines record that a picture could not be read.
    """
    if exists(path) and not path.is_file():
        raise InvalidValue(f"{path} is not a file; expected one such as results.jsonl")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # Unbuffered: each line is a single write, which a kill cannot split.
        stream = path.open("a+b", buffering=0)
    except OSError as error:
        raise not_writable(path, error) from error
    try:
        _lock(stream, path)
        failed = _repair(stream, path, pictures)
        os.fsync(stream.fileno())
        sync_folder(path.parent)
    except OSError as error:
        stream.close()
        raise not_writable(path, error) from error
    except BaseException:
        stream.close()
        raise
    return stream, failed


def _write_line(stream: io.FileIO, line: bytes) -> None:
    # A full disk accepts part of a line, which the next start repairs.
    if stream.write(line) != len(line):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _repair(stream: io.FileIO, path: Path, pictures: Paths) -> int:
    """Collect the pictures that have lines, and cut off an incomplete line at the end.

    Returns:
        How many of the lines record that a picture could not be read.
    """
    complete, failed, line = 0, 0, b"\n"
    size = os.fstat(stream.fileno()).st_size
    # Line by line: a million of them are 150 MB.
    with path.open("rb") as lines:
        for number, line in enumerate(iter(lambda: lines.readline(MAX_FILE_BYTES), b""), 1):
            document = _parse(line)
            if document is None:
                if complete + len(line) == size and _is_torn(line):
                    stream.truncate(complete)
                    return failed
                raise InvalidValue(
                    f"line {number} of {path} is not a result of watch or predict; name another "
                    "file by --out or --resume"
                )
            pictures.add(document["path"])
            failed += "error" in document
            complete += len(line)
    if not line.endswith(b"\n"):
        _write_line(stream, b"\n")
    return failed


def _parse(line: bytes) -> dict[str, Any] | None:
    """Return a line's result; None if it is not the result of a picture."""
    try:
        document = json.loads(line)
    except (ValueError, RecursionError):
        return None
    is_result = isinstance(document, dict) and isinstance(document.get("path"), str)
    return document if is_result else None


def _is_torn(line: bytes) -> bool:
    """Check whether the last line is the beginning of a result.

    After a loss of power, a file system may have kept the length but not the bytes, which are then
    0.
    """
    kept = line.rstrip(b"\0")
    return not line.endswith(b"\n") and kept[: len(_LINE_START)] == _LINE_START[: len(kept)]


def _lock(stream: io.FileIO, path: Path) -> None:
    """Keep other mnist-edge processes from the file until it is closed."""
    try:
        import fcntl
    except ImportError:  # Windows has no such lock
        return
    try:
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise NotWritable(
            f"another mnist-edge writes to {path}: end it, or name another file by --out or "
            "--resume"
        ) from error
    except OSError:  # some network file systems have none either
        return
