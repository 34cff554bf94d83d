"""Wait for what other threads and processes do, for as long as a busy machine may take."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")

SECONDS = 180
"""Time after which an event will not happen, however busy the machine is."""
_PAUSE = 0.02


def eventually(check: Callable[[], T], *, seconds: float = SECONDS) -> T:
    """Repeat a check until its result counts as true, and return that."""
    until = time.monotonic() + seconds
    while not (result := check()):
        assert time.monotonic() < until, f"it did not happen in {seconds:g} seconds"
        time.sleep(_PAUSE)
    return result


def is_running(process: int) -> bool:
    """Return whether a process runs (Linux).

    One that has ended stays in the table of processes until its parent asks for its status, and the
    first process of a container, which inherits it from a parent that was killed, may never ask.
    """
    return _stat(Path(f"/proc/{process}"))[:1] not in ([], ["Z"])


def running_group(group: int) -> list[int]:
    """Return the processes of a group that run (Linux)."""
    found = {int(entry.name): _stat(entry) for entry in Path("/proc").glob("[0-9]*")}
    return [
        process
        for process, fields in found.items()
        if fields and fields[0] != "Z" and int(fields[2]) == group
    ]


def _stat(entry: Path) -> list[str]:
    """Return the fields of a process from its state on; none if it is gone."""
    try:
        # Its name, in brackets before them, may hold anything.
        return (entry / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []
