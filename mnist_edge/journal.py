"""A file of results, a JSON line each, that remembers which pictures have been read.

A line is on the disk before the next picture is looked at. A program that is killed, or a board
that loses its power, leaves every line whole but the last. That one is mended when the file is
opened again: the picture that it was of has no line then, and is read again.
"""

from __future__ import annotations

import errno
import io
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mnist_edge.errors import InvalidValue, NotWritable
from mnist_edge.files import exists, not_writable

_START = b'{"path": "'
"""What every line begins with, as json.dumps writes it."""


class Journal:
    """The results of a watched folder, open for more; ``open_journal`` makes one.

    Args:
        stream: the file, whole lines in it, open for appending.
        path: its path, for messages.
        pictures: the paths that it has lines of.
    """

    def __init__(self, stream: io.FileIO, path: Path, pictures: set[str]) -> None:
        self._stream = stream
        self._path = path
        self.pictures = pictures
        """Paths of the pictures that have a line."""

    def append(self, document: Mapping[str, Any]) -> None:
        """Writes one line, and waits until it is on the disk.

        Args:
            document: ``path`` first.

        Raises:
            NotWritable: the disk is full, or gone.
        """
        line = json.dumps(document).encode("ascii") + b"\n"
        try:
            _write(self._stream, line)
            os.fsync(self._stream.fileno())
        except OSError as error:
            raise not_writable(self._path, error) from error
        self.pictures.add(document["path"])


@contextmanager
def open_journal(path: Path) -> Iterator[Journal]:
    """Opens a file of results, mended, for as long as the context lasts.

    Args:
        path: the file; made where there is none, and its folder with it.

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
    with stream:
        _lock(stream, path)
        stream.seek(0)
        content = stream.read()
        pictures, whole = _read(content, path)
        try:
            if whole < len(content):
                stream.truncate(whole)
            elif content and not content.endswith(b"\n"):
                _write(stream, b"\n")
            os.fsync(stream.fileno())
            _sync_folder(path.parent)
        except OSError as error:
            raise not_writable(path, error) from error
        yield Journal(stream, path, pictures)


def _write(stream: io.FileIO, line: bytes) -> None:
    # A disk that fills up takes the beginning, which the next start mends.
    if stream.write(line) != len(line):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _read(content: bytes, path: Path) -> tuple[set[str], int]:
    """The pictures that have lines, and how many bytes are whole lines."""
    pictures, whole = set(), 0
    for number, line in enumerate(content.splitlines(keepends=True), 1):
        picture = _picture(line)
        if picture is None:
            if whole + len(line) == len(content) and _is_torn(line):
                break
            raise InvalidValue(
                f"line {number} of {path} is no result of watch; name another file by --out"
            )
        pictures.add(picture)
        whole += len(line)
    return pictures, whole


def _picture(line: bytes) -> str | None:
    """The path of the picture that a line is of; None for what is no whole line."""
    try:
        document = json.loads(line)
    except ValueError:
        return None
    picture = document.get("path") if isinstance(document, dict) else None
    return picture if isinstance(picture, str) else None


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
            f"another mnist-edge writes to {path}: end it, or name another file by --out"
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
