"""Which pictures of a folder have arrived whole, told by looking again and again.

Looking works on every system and file system, network ones as well, where notifications do not. A
picture is whole once two looks find it the same. One that cannot be read may be a slow writer's
all the same, and is waited for some looks more.
"""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Callable, Container, Iterator
from dataclasses import dataclass
from pathlib import Path

from mnist_edge.preprocessing.decoding import SUFFIXES

PATIENCE = 10
"""Looks that find a picture the same before it is given up where it cannot be read."""


@dataclass(frozen=True, kw_only=True)
class Stamp:
    """What changes with a file's content."""

    modified: int
    """Nanoseconds since 1970."""
    size: int
    """Bytes."""
    number: int
    """The file's own, whatever it is called."""


@dataclass(frozen=True, kw_only=True)
class Arrival:
    """A picture that two looks found the same."""

    path: str
    """Where it is."""
    stamp: Stamp
    """How it was found."""
    final: bool
    """Whether it is given up, should it be unreadable."""

    def is_unchanged(self) -> bool:
        """Whether it is still there and as it was found."""
        return _stamp(self.path) == self.stamp


class Watcher:
    """Looks at a folder, and at the folders below it.

    Names that begin with a dot are left out: programs call what they are still writing so.

    Args:
        folder: need not be there all the time.
        interval: seconds between looks.
    """

    def __init__(self, folder: Path, *, interval: float) -> None:
        self._folder = folder
        self._interval = interval
        self.waiting: dict[str, tuple[Stamp, int]] = {}
        """Pictures that were not known at the last look: each with its stamp, and how many looks
        before found the same."""

    def look(self, known: Container[str]) -> list[Arrival]:
        """Looks once.

        Args:
            known: paths of the pictures that are done.

        Returns:
            The pictures that are whole, the oldest first.
        """
        found = {}
        for path in _pictures(self._folder):
            stamp = None if path in known else _stamp(path)
            if stamp is not None:
                before, looks = self.waiting.get(path, (None, 0))
                found[path] = (stamp, looks + 1 if before == stamp else 0)
        self.waiting = found
        # A file of long ago is not being written: there is no need to wait.
        long_ago = time.time_ns() - round(1e9 * PATIENCE * self._interval)
        arrivals = [
            Arrival(path=path, stamp=stamp, final=looks >= PATIENCE or stamp.modified < long_ago)
            for path, (stamp, looks) in found.items()
            if looks or stamp.modified < long_ago
        ]
        return sorted(arrivals, key=lambda one: (one.stamp.modified, one.path))


def watch(
    folder: Path,
    known: Container[str],
    *,
    interval: float,
    pause: Callable[[float], bool],
) -> Iterator[Arrival]:
    """Yields pictures as they arrive, until the pause says to end.

    One that the caller does not make known comes again at the next look.

    Args:
        folder: where they arrive.
        known: paths of the pictures that are done; the caller adds to it.
        interval: seconds between looks.
        pause: waits for some seconds, and gives whether to go on.
    """
    watcher = Watcher(folder, interval=interval)
    while True:
        for arrival in watcher.look(known):
            yield arrival
            if not pause(0):
                return
        if not pause(interval):
            return


def sweep(
    folder: Path,
    known: Container[str],
    *,
    interval: float,
    pause: Callable[[float], bool],
) -> Iterator[Arrival]:
    """Yields the pictures that are there, as ``watch``, and ends when all of them are done."""
    watcher = Watcher(folder, interval=interval)
    arrivals = watcher.look(known)
    there = set(watcher.waiting)
    while True:
        for arrival in arrivals:
            if arrival.path in there:
                yield arrival
            if not pause(0):
                return
        there = {path for path in there if path in watcher.waiting and path not in known}
        if not there or not pause(interval):
            return
        arrivals = watcher.look(known)


def _pictures(folder: Path) -> Iterator[str]:
    """The paths of everything that is called a picture."""
    for parent, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in files:
            if not name.startswith(".") and os.path.splitext(name)[1].lower() in SUFFIXES:  # noqa: PTH122
                yield os.path.join(parent, name)  # noqa: PTH118


def _stamp(path: str) -> Stamp | None:
    """How a file is found; None where it is gone, or a pipe or the like, which would hang."""
    try:
        found = os.stat(path)  # noqa: PTH116
    except OSError:
        return None
    if not stat.S_ISREG(found.st_mode):
        return None
    return Stamp(modified=found.st_mtime_ns, size=found.st_size, number=found.st_ino)
