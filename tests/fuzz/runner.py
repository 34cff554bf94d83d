"""Run a fuzzer's cases in child processes, and keep each that breaks the property."""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from tests.fuzz.target import CORPUS, find_target, list_cases
from tests.support.paths import ROOT

_BATCH = 1000
"""Cases of a child: a fresh one forgets what those before did to its memory."""
_ENOUGH = 3
"""Cases that are kept of one way to break the property."""
_MAX_FAILURES = 200
"""Failures after which a run ends: what is broken is known by then."""


@dataclass(frozen=True, kw_only=True)
class Failure:
    """A case that broke the property."""

    case: str
    """Its name, which is its seed and number if it was drawn."""
    reason: str
    """What the process last said."""
    place: str
    """Where, which tells one way to break the property from another."""
    path: Path | None
    """Where its bytes are kept; None if it is known, or enough of its kind are kept."""


@dataclass(kw_only=True)
class Run:
    """What a run of a fuzzer did."""

    outcomes: Counter[str] = field(default_factory=Counter)
    """Number of cases by outcome, but for those that broke the property."""
    failures: list[Failure] = field(default_factory=list)
    """The cases that broke the property."""
    peak: int = 0
    """Megabytes that the case of the highest peak took; 0 if none was measured."""
    slowest: tuple[float, str] = (0.0, "")
    """Seconds of the slowest case, and its name."""

    @property
    def cases(self) -> int:
        """Number of cases."""
        return self.outcomes.total() + len(self.failures)

    def summary(self) -> str:
        """Say in one line what the run did."""
        outcomes = ", ".join(f"{count} {name}" for name, count in self.outcomes.most_common())
        took, name = self.slowest
        parts = [f"{self.cases} cases", f"{len(self.failures)} failures", outcomes]
        parts += [f"slowest {took:.2f} s ({name})"]
        parts += [f"peak {self.peak} MB"] if self.peak else []
        return "; ".join(parts)


def fuzz(
    name: str, *, seed: str, count: int, seconds: float = float("inf"), kept: Path = CORPUS
) -> Run:
    """Run the known cases of a fuzzer, and then those that it draws.

    Args:
        name: the target's.
        seed: with the number of a case, all that its damage depends on.
        count: of cases that are drawn.
        seconds: after which no other case is begun.
        kept: where the bytes of those that break the property go, by target.
    """
    run, until = Run(), time.monotonic() + seconds
    known = len(list_cases(find_target(name)))
    done, kinds = 0, Counter[str]()
    # One child after another, since a failure is the end of its child.
    while done < known + count and len(run.failures) < _MAX_FAILURES:
        left = until - time.monotonic()
        if left <= 0:
            break
        with tempfile.TemporaryDirectory(prefix="mnist-edge-fuzz-") as temporary:
            folder = Path(temporary)
            end = min(known + count, done + _BATCH)
            _run_child([name, seed, str(done), str(end), str(left), temporary])
            passed = _read_log(folder / "log", run)
            done += passed
            if (folder / "failed").exists():
                run.failures.append(_keep(folder, kept / name if done >= known else None, kinds))
                done += 1
            elif not passed:
                break
    return run


def _run_child(words: list[str]) -> None:
    """Run a worker; what it says stays in its folder, in ``failed`` if it did not end well."""
    folder = Path(words[-1])
    with (folder / "messages").open("wb") as messages:
        child = subprocess.run(
            [sys.executable, "-X", "faulthandler", "-m", "tests.fuzz.worker", *words],
            check=False,
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT), "OPENBLAS_NUM_THREADS": "1"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=messages,
        )
    if child.returncode:
        last = f"ended with status {child.returncode}"
        said = (folder / "messages").read_text(encoding="utf-8", errors="replace")
        (folder / "failed").write_text(f"{said}\n{last}\n", encoding="utf-8")


def _read_log(log: Path, run: Run) -> int:
    """Add what a worker did to the run; return how many cases it passed."""
    lines = log.read_text(encoding="utf-8").splitlines() if log.exists() else []
    for line in map(json.loads, lines):
        run.outcomes[line["outcome"]] += 1
        run.peak = max(run.peak, line["peak"])
        run.slowest = max(run.slowest, (line["took"], line["case"]))
    return len(lines)


def _keep(folder: Path, kept: Path | None, kinds: Counter[str]) -> Failure:
    """Keep the case that a worker ended at."""
    lines = (folder / "failed").read_text(encoding="utf-8").splitlines()
    reasons = [
        line for line in lines if re.match(r"\w[\w.]*(Error|Warning|Exception)\b|Fatal", line)
    ]
    reason = (reasons or [lines[-1]])[-1][:300]
    places = [line.strip() for line in lines if re.match(r"\s*File \"", line)]
    if places:
        # Python's own traceback ends where it was raised, faulthandler's begins there.
        first = any("most recent call first" in line for line in lines)
        place = f"{places[0 if first else -1]}: {re.split(r'[:(]', reason)[0]}"
    else:
        place = reason
    kinds[place] += 1
    name, path = "none", None
    if (folder / "name").exists():
        name = (folder / "name").read_text(encoding="utf-8")
    if kept is not None and (folder / "case").exists() and kinds[place] <= _ENOUGH:
        content = (folder / "case").read_bytes()
        path = kept / hashlib.sha256(content).hexdigest()[:16]
        kept.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return Failure(case=name, reason=reason, place=place, path=path)
