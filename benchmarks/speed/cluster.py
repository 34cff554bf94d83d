"""Measure what ``batch`` costs beside ``predict`` on the same processors.

    python -m benchmarks.speed.cluster                        # 20,000 pictures
    python -m benchmarks.speed.cluster --counts 20000 60000   # and what each further one takes
    python -m benchmarks.speed.cluster --jobs 1 2             # one processor, and two
    python -m benchmarks.speed.cluster --programs batch --counts 10000 300000   # its memory

The pictures are those of ``benchmarks.speed.scale``. The programs take turns, three rounds by
default, and the medians are given. Processor seconds are of all processes, since other load
stretches the clock's; memory is the share of each process in what it holds (PSS), together, at its
most.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from benchmarks.speed.scale import make
from mnist_edge.data.mnist import load_test_digits
from mnist_edge.inference.worker_pool import available_cores

_LOOK = 0.25
"""Seconds between two looks at a run."""


@dataclass(frozen=True, kw_only=True)
class Run:
    """What a run took, with all of its processes."""

    clock: float
    """Seconds."""
    processor: float
    """Seconds of processors."""
    memory: float
    """Most megabytes at a time."""


_NAMES = [field.name for field in fields(Run)]


def measured(words: Sequence[str | Path]) -> Run:
    """Run the program, and watch it and its children."""
    started = time.perf_counter()
    child = subprocess.Popen(
        [sys.executable, "-m", "mnist_edge", *map(str, words)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    most = 0.0
    while not (ended := os.wait4(child.pid, os.WNOHANG))[0]:
        held = 0.0
        for process in _process_tree(child.pid):
            with suppress(OSError, ValueError, IndexError):
                held += _megabytes(process)
        most = max(most, held)
        time.sleep(_LOOK)
    clock = time.perf_counter() - started
    _, status, used = ended
    if status:
        raise SystemExit(f"{os.waitstatus_to_exitcode(status)}: {' '.join(map(str, words))}")
    # It waits for its workers, so that theirs are counted.
    return Run(clock=clock, processor=used.ru_utime + used.ru_stime, memory=most)


def _process_tree(root: int) -> list[int]:
    """List a process with its children, and theirs."""
    children: dict[int, list[int]] = defaultdict(list)
    for entry in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            children[int(_fields(int(entry.name))[1])].append(int(entry.name))
    found, waiting = [], [root]
    while waiting:
        found.append(process := waiting.pop())
        waiting += children[process]
    return found


def _fields(process: int) -> list[str]:
    """Return the fields of a process's status after its name, which may hold anything."""
    return Path(f"/proc/{process}/stat").read_text("utf-8").rpartition(")")[2].split()


def _megabytes(process: int) -> float:
    """Return a process's memory, what it shares divided among those that share it."""
    for line in Path(f"/proc/{process}/smaps_rollup").read_text("utf-8").splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) / 1024
    return 0.0


def compare(
    model: str, folder: Path, count: int, jobs: int, programs: Sequence[str], rounds: int
) -> None:
    """Print a line of each program: the medians of its runs, which take turns."""
    several = ("--model", model, "--jobs", str(jobs))
    runs: dict[str, list[Run]] = {name: [] for name in programs}
    for _ in range(rounds):
        for name in programs:
            with tempfile.TemporaryDirectory() as out:
                words: dict[str, list[str | Path]] = {
                    "predict": ["predict", "--format", "jsonl", folder],
                    "batch": ["batch", folder, Path(out, "answers")],
                }
                runs[name].append(measured([*words[name], *several]))
    middle = {name: _median(those) for name, those in runs.items()}
    for name, run in middle.items():
        beside = middle.get("predict", run)
        print(
            f"{count:10,} {jobs:4} {name:8} {run.clock:8.1f} {run.processor:11.2f} "
            f"{run.memory:6.0f} {count / run.clock:10,.0f} {beside.clock / run.clock:9.2f} "
            f"{beside.processor / run.processor:10.2f}",
            flush=True,
        )


def _median(runs: Sequence[Run]) -> Run:
    return Run(**{name: statistics.median(asdict(run)[name] for run in runs) for name in _NAMES})


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--model", default="edge", help="a shipped model")
    parser.add_argument("--counts", type=int, nargs="+", default=[20_000], help="pictures")
    parser.add_argument(
        "--jobs", type=int, nargs="+", default=[available_cores()], help="processors"
    )
    parser.add_argument(
        "--programs", nargs="+", default=["predict", "batch"], choices=["predict", "batch"]
    )
    parser.add_argument("--rounds", type=int, default=3, help="runs of each program")
    options = parser.parse_args()
    images = load_test_digits().images
    print(
        f"{'pictures':>10} {'jobs':>4} {'':8} {'clock s':>8} {'processor s':>11} {'MB':>6} "
        f"{'pictures/s':>10} {'of predict':>9} {'in proc. s':>10}"
    )
    for count in options.counts:
        with tempfile.TemporaryDirectory() as temporary:
            make(Path(temporary), images, count)
            for jobs in options.jobs:
                compare(
                    options.model,
                    Path(temporary),
                    count,
                    jobs,
                    options.programs,
                    options.rounds,
                )


if __name__ == "__main__":
    main()
