"""Detect which pictures of a folder are complete, by polling.

Polling works on every operating system and file system, network ones included, where notifications
do not. A picture is complete when two scans find the same file. One that cannot be read may still
be written slowly, and is waited for a few scans longer. A file's own time says nothing of that: the
clock of the camera, of the server or of this machine may be wrong.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Container, Iterator
from dataclasses import dataclass
from pathlib import Path

from mnist_edge.preprocessing.decoding import SUFFIXES

PATIENCE = 10
"""Scans that must find an unreadable picture unchanged before it is given up."""
_MAX_FIRST_PAUSE = 1.0
"""Seconds between two scans, at most, where pictures that were there before are waited for."""


@dataclass(frozen=True, kw_only=True)
class FileStamp:
    """What changes with the content of a file."""

    modified: int
    """Modification time in nanoseconds since 1970."""
    size: int
    """Bytes."""
    inode: int
    """The file's number, which a rename keeps."""


@dataclass(frozen=True, kw_only=True)
class Arrival:
    """A picture that two scans found the same."""

    path: str
    """Its path."""
    stamp: FileStamp
    """Its stamp at the last scan."""
    final: bool
    """Whether to give the picture up if it cannot be read."""

    def is_unchanged(self) -> bool:
        """Check that the file still exists and has not changed since."""
        return _stamp(self.path) == self.stamp


class FolderWatcher:
    """Scans a folder and the folders below it.

    Names that begin with a dot are ignored: programs use them for files that they still write.

    Args:
        folder: the folder; it may disappear and return.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.waiting: dict[str, tuple[FileStamp, int]] = {}
        """The unknown pictures of the last scan: the stamp of each, and how many scans before the
        last found the same."""

    def scan(self, known: Container[str]) -> list[Arrival]:
        """Scan the folder once.

        Args:
            known: paths of the pictures that are done.

        Returns:
            The complete pictures that are not known, the oldest first.
        """
        waiting = {}
        for path in _picture_paths(self._folder):
            stamp = None if path in known else _stamp(path)
            if stamp is not None:
                before, scans = self.waiting.get(path, (None, 0))
                waiting[path] = (stamp, scans + 1 if before == stamp else 0)
        self.waiting = waiting
        arrivals = [
            Arrival(path=path, stamp=stamp, final=scans >= PATIENCE)
            for path, (stamp, scans) in waiting.items()
            if scans
        ]
        return sorted(arrivals, key=lambda one: (one.stamp.modified, one.path))


def watch(
    folder: Path,
    known: Container[str],
    *,
    interval: float,
    pause: Callable[[float], bool],
) -> Iterator[Arrival]:
    """Yield pictures as they arrive, until ``pause`` returns False.

    A picture that the caller does not add to ``known`` is yielded again after the next scan.

    Args:
        folder: where the pictures arrive.
        known: paths of the pictures that are done; the caller adds to it.
        interval: seconds between scans.
        pause: waits for that many seconds, and returns whether to continue.
    """
    watcher = FolderWatcher(folder)
    watcher.scan(known)
    seconds = min(interval, _MAX_FIRST_PAUSE)
    while pause(seconds):
        seconds = interval
        for arrival in watcher.scan(known):
            yield arrival
            if not pause(0):
                return


def sweep(
    folder: Path,
    known: Container[str],
    *,
    interval: float,
    pause: Callable[[float], bool],
) -> Iterator[Arrival]:
    """Yield the pictures that are in a folder now, as ``watch`` does, until all of them are done.

    Args:
        folder: where the pictures are.
        known: as for ``watch``.
        interval: as for ``watch``.
        pause: as for ``watch``.
    """
    watcher = FolderWatcher(folder)
    arrivals = watcher.scan(known)
    remaining = set(watcher.waiting)
    while True:
        for arrival in arrivals:
            if arrival.path in remaining:
                yield arrival
            if not pause(0):
                return
        remaining = {path for path in remaining if path in watcher.waiting and path not in known}
        if not remaining or not pause(min(interval, _MAX_FIRST_PAUSE)):
            return
        arrivals = watcher.scan(known)


def _picture_paths(folder: Path) -> Iterator[str]:
    """Yield the path of every file below a folder whose suffix is a picture's."""
    for parent, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in files:
            if not name.startswith(".") and os.path.splitext(name)[1].lower() in SUFFIXES:  # noqa: PTH122
                yield os.path.join(parent, name)  # noqa: PTH118


def _stamp(path: str) -> FileStamp | None:
    """Return a file's stamp; None if it is gone, or not a regular file: reading a pipe hangs."""
    try:
        status = os.stat(path)  # noqa: PTH116
    except OSError:
        return None
    if not stat.S_ISREG(status.st_mode):
        return None
    return FileStamp(modified=status.st_mtime_ns, size=status.st_size, inode=status.st_ino)
