"""Run cases of a fuzzer in this process, which ends at the first that breaks the property.

``python -m tests.fuzz.worker TARGET SEED FIRST END SECONDS FOLDER``: the first cases are the known
ones, and those after them are drawn. The case in hand lies in FOLDER as ``case``, its name as
``name``, and a line in ``log`` tells of each that is over. So whatever ends this process, a
segmentation fault included, the runner knows the case.
"""

from __future__ import annotations

import ctypes
import faulthandler
import gc
import json
import os
import re
import resource
import shutil
import signal
import sys
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from random import Random
from unittest import mock

from tests.fuzz.target import Target, find_target, list_cases

_ADDRESS_SPACE = 4 << 30
"""Bytes that a process may reserve, which keeps the machine well."""
_ADDRESS_SPACE_OF_TENSORFLOW = 16 << 30
"""The same for one whose memory is not measured, since TensorFlow takes what there is."""
_MAX_AT_REST = 150
"""Megabytes that the process may hold between two cases: what it imports, and what it keeps."""
_WAITING = 10
"""Seconds of a clock per second of the processor that a case may take: others may keep it busy."""
_STATUS = Path("/proc/self/status")
_CLEAR_REFS = Path("/proc/self/clear_refs")


def run(target: Target, seed: str, first: int, end: int, seconds: float, folder: Path) -> None:
    """Run the cases from ``first`` to ``end``, or as many as there is time for."""
    limit = _ADDRESS_SPACE if target.megabytes is not None else _ADDRESS_SPACE_OF_TENSORFLOW
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    gc.freeze()
    for number in (signal.SIGPROF, signal.SIGALRM):
        # It says where the case was, and then ends the process.
        faulthandler.register(number, chain=True)
    cases, until = _cases(target, seed, first, end), time.monotonic() + seconds
    with (
        (folder / "log").open("a", encoding="utf-8", buffering=1) as log,
        # Nothing here outlives the machine, and to wait for a disk takes longer than most cases.
        mock.patch.object(os, "fsync"),
    ):
        for name, content, expected in cases:
            if time.monotonic() > until:
                return
            (folder / "name").write_text(name, encoding="utf-8")
            (folder / "case").write_bytes(content)
            began = time.monotonic()
            outcome, peak = _check(target, content, folder / "files")
            took = time.monotonic() - began
            assert not expected or outcome in expected, f"{outcome}, expected {expected}"
            line = {"case": name, "outcome": outcome, "peak": peak, "took": took}
            log.write(json.dumps(line) + "\n")


def _cases(
    target: Target, seed: str, first: int, end: int
) -> Iterator[tuple[str, bytes, tuple[str, ...]]]:
    """Yield name, content and expected outcomes of known cases, and then of those of a seed."""
    known = list_cases(target)
    for name, case in known[first:end]:
        yield name, case.content(), case.expected
    for index in range(max(first - len(known), 0), end - len(known)):
        name = f"{seed}-{index}"
        yield name, target.draw(Random(f"{target.name} {name}")), ()  # noqa: S311  # damage, not secrets


def _check(target: Target, content: bytes, files: Path) -> tuple[str, int]:
    """Check one case; return its outcome, and the megabytes that it took at the peak."""
    files.mkdir()
    at_rest = 0
    signal.setitimer(signal.ITIMER_PROF, target.seconds)
    # faulthandler's own timer is a thread for each case, which takes longer than most of them.
    signal.setitimer(signal.ITIMER_REAL, _WAITING * target.seconds)
    if target.megabytes is not None:
        # What it took to make the case is not the program's: glibc may keep it for later.
        gc.collect()
        ctypes.CDLL(None).malloc_trim(0)
        _CLEAR_REFS.write_text("5", encoding="ascii")
        at_rest = _peak_megabytes()
        # The bytes of the file are the caller's, and held before and after.
        left = at_rest - len(content) // 1_000_000
        assert left < _MAX_AT_REST, f"{left} MB are left of the cases before"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            outcome = target.check(content, files)
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.setitimer(signal.ITIMER_REAL, 0)
        shutil.rmtree(files)
    if target.megabytes is None:
        return outcome, 0
    took = _peak_megabytes() - at_rest
    assert took < target.megabytes, f"took {took} MB, of {target.megabytes} allowed"
    return outcome, took


def _peak_megabytes() -> int:
    found = re.search(r"VmHWM:\s+(\d+) kB", _STATUS.read_text(encoding="ascii"))
    assert found is not None
    return int(found[1]) * 1024 // 1_000_000


if __name__ == "__main__":
    _name, _seed, _first, _end, _seconds, _folder = sys.argv[1:]
    run(find_target(_name), _seed, int(_first), int(_end), float(_seconds), Path(_folder))
