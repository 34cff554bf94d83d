"""A file of results, a JSON line each, that remembers which pictures have been read.

A program that is killed, or a board that loses its power, leaves every line whole but the last.
That one is mended when the file is opened again: the picture that it was of has no line then, and
is read again.
"""

from __future__ import annotations

import errno
import io
import json
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from mnist_edge.errors import InvalidValue, NotWritable
from mnist_edge.system.files import exists, not_writable

_BETWEEN = 1.0
"""Seconds of results that a loss of power may take, where a line is not waited for."""
_START = b'{"path": "'
"""What every line begins with, as json.dumps writes it."""


class Paths(Protocol):
    """A set of paths."""

    def add(self, path: str, /) -> None:
        """Puts a path in."""

    def __contains__(self, path: object, /) -> bool: ...

    def __len__(self) -> int: ...


class Journal:
    """A file of results, open for more; ``open_journal`` makes one.

    Args:
        stream: the file, whole lines in it, open for appending.
        path: its path, for messages.
        pictures: the paths that it has lines of.
        failed: how many of these say that a picture could not be read.
    """

    def __init__(self, stream: io.FileIO, path: Path, pictures: Paths, failed: int) -> None:
        self._stream = stream
        self._path = path
        self._synced = time.monotonic()
        self.pictures = pictures
        """Paths of the pictures that have a line."""
        self.failed = failed
        """Lines of pictures that could not be read."""

    def append(self, document: Mapping[str, Any]) -> None:
        """Writes one line, and waits until it is on the disk.

        Args:
            document: ``path`` first.

        Raises:
            NotWritable: the disk is full, or gone.
        """
        self._synced = -_BETWEEN
        self.write(document)

    def write(self, document: Mapping[str, Any]) -> None:
        """Writes one line, which no kill can take back: the system puts it on the disk soon.

        Args:
            document: ``path`` first.

        Raises:
            NotWritable: the disk is full, or gone.
        """
        line = json.dumps(document).encode("ascii") + b"\n"
        try:
            _write(self._stream, line)
            if (now := time.monotonic()) - self._synced > _BETWEEN:
                os.fsync(self._stream.fileno())
                self._synced = now
        except OSError as error:
            raise not_writable(self._path, error) from error
        self.pictures.add(document["path"])
        self.failed += "error" in document


@contextmanager
def open_journal(path: Path, pictures: Paths | None = None) -> Iterator[Journal]:
    """Opens a file of results, mended, for as long as the context lasts.

    Args:
        path: the file; made where there is none, and its folder with it.
        pictures: an empty set to keep the paths of pictures in; a plain one where it is None.

    Raises:
        NotWritable: it cannot be made or written, or another program is writing it.
        InvalidValue: it is a folder or a device, or holds something else than results.
    """
    if exists(path) and not path.is_file():
        raise InvalidValue(f"{path} is no file; expected one such as results.jsonl")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # Unbuffered: a line is one write, which a kill cannot part.
        stream = path.open("a+b", buffering=0)
    except OSError as error:
        raise not_writable(path, error) from error
    done: Paths = set() if pictures is None else pictures
    with stream:
        _lock(stream, path)
        try:
            failed = _mend(stream, path, done)
            os.fsync(stream.fileno())
            _sync_folder(path.parent)
        except OSError as error:
            raise not_writable(path, error) from error
        yield Journal(stream, path, done, failed)
        try:
            os.fsync(stream.fileno())
        except OSError as error:
            raise not_writable(path, error) from error


def _write(stream: io.FileIO, line: bytes) -> None:
    # A disk that fills up takes the beginning, which the next start mends.
    if stream.write(line) != len(line):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _mend(stream: io.FileIO, path: Path, pictures: Paths) -> int:
    """Collects the pictures that have lines, and takes away half a line at the end.

    Returns:
        How many of the lines say that a picture could not be read.
    """
    whole, failed, line = 0, 0, b"\n"
    size = os.fstat(stream.fileno()).st_size
    # A line at a time: a million of them are 150 MB.
    with path.open("rb") as lines:
        for number, line in enumerate(lines, 1):
            document = _document(line)
            if document is None:
                if whole + len(line) == size and _is_torn(line):
                    stream.truncate(whole)
                    return failed
                raise InvalidValue(
                    f"line {number} of {path} is no result of watch or predict; name another "
                    "file by --out or --resume"
                )
            pictures.add(document["path"])
            failed += "error" in document
            whole += len(line)
    if not line.endswith(b"\n"):
        _write(stream, b"\n")
    return failed


def _document(line: bytes) -> dict[str, Any] | None:
    """What a line says of a picture; None for what is no whole line."""
    try:
        document = json.loads(line)
    except ValueError:
        return None
    known = isinstance(document, dict) and isinstance(document.get("path"), str)
    return document if known else None


def _is_torn(line: bytes) -> bool:
    """Whether a last line is the beginning of a result and no more.

    A file system that lost its power may have kept a length and not the bytes: they are 0 then.
    """
    kept = line.rstrip(b"\0")
    return not line.endswith(b"\n") and kept[: len(_START)] == _START[: len(kept)]


def _lock(stream: io.FileIO, path: Path) -> None:
    """Keeps other programs of this kind from the file until it is closed."""
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
    except OSError:  # nor have some network file systems
        return


def _sync_folder(folder: Path) -> None:
    """Puts a new file's name on the disk as well."""
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError:  # Windows opens no folders
        return
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
