"""Measure what reading with Ray costs beside ``predict`` on the same processors.

    python -m benchmarks.speed.cluster                        # 20,000 pictures
    python -m benchmarks.speed.cluster --counts 20000 60000   # and what each further one takes
    python -m benchmarks.speed.cluster --jobs 1 2             # one processor, and two
    python -m benchmarks.speed.cluster --programs batch --counts 10000 100000   # its memory

The pictures are those of ``benchmarks.speed.scale``. The programs take turns. Processor seconds are
of all processes, Ray's own among them, since other load stretches the clock's; memory is the share
of each process in what it holds (PSS), together, at its most.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
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


def measured(words: Sequence[str | Path]) -> Run:
    """Run the program, and watch it and its children."""
    started = time.perf_counter()
    child = subprocess.Popen(
        [sys.executable, "-m", "mnist_edge", *map(str, words)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    spent: dict[int, float] = {}
    most = 0.0
    while child.poll() is None:
        held = 0.0
        for process in _process_tree(child.pid):
            with suppress(OSError, ValueError, IndexError):
                spent[process] = _processor_seconds(process)
                held += _megabytes(process)
        most = max(most, held)
        time.sleep(_LOOK)
    clock = time.perf_counter() - started
    if child.returncode:
        raise SystemExit(f"exit {child.returncode}: {' '.join(map(str, words))}")
    return Run(clock=clock, processor=sum(spent.values()), memory=most)


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


def _processor_seconds(process: int) -> float:
    fields = _fields(process)
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _megabytes(process: int) -> float:
    """Return a process's memory, what it shares divided among those that share it."""
    for line in Path(f"/proc/{process}/smaps_rollup").read_text("utf-8").splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) / 1024
    return 0.0


def compare(model: str, folder: Path, count: int, jobs: int, programs: Sequence[str]) -> None:
    """Print a line of each program, and one of what ``batch`` takes without Ray's start."""
    several = ("--model", model, "--jobs", str(jobs))
    rate = 0.0
    if "predict" in programs:
        predict = measured(["predict", "--format", "jsonl", folder, *several])
        rate = count / predict.clock
        _print_row(count, jobs, "predict", predict, rate)
    if "batch" in programs:
        with tempfile.TemporaryDirectory() as out:
            batch = measured(["batch", folder, Path(out, "answers"), *several])
            summary = json.loads(Path(out, "answers/_summary.json").read_text("utf-8"))
        _print_row(count, jobs, "batch", batch, rate)
        reading = replace(batch, clock=summary["seconds"])
        _print_row(count, jobs, "its tasks", reading, rate)


def _print_row(count: int, jobs: int, name: str, run: Run, predict_rate: float) -> None:
    rate = count / run.clock
    share = f"{rate / predict_rate:.2f}" if predict_rate else ""
    print(
        f"{count:10,} {jobs:4} {name:11} {run.clock:8.1f} {run.processor:11.1f} {run.memory:6.0f} "
        f"{rate:10,.0f} {share:>6}",
        flush=True,
    )


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
    options = parser.parse_args()
    images = load_test_digits().images
    print(
        f"{'pictures':>10} {'jobs':>4} {'':11} {'clock s':>8} {'processor s':>11} {'MB':>6} "
        f"{'pictures/s':>10} {'share':>6}"
    )
    for count in options.counts:
        with tempfile.TemporaryDirectory() as temporary:
            make(Path(temporary), images, count)
            for jobs in options.jobs:
                compare(options.model, Path(temporary), count, jobs, options.programs)


if __name__ == "__main__":
    main()
