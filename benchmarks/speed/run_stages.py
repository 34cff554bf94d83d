"""Time ``mnist-edge run`` stage by stage, with MNIST in the cache.

    python -m benchmarks.speed.run_stages

It trains the recipe ``quick`` from nothing. Below full size nothing is trained: the shipped
``nano`` is there already, a finished training that is kept.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator

from benchmarks import shipped
from benchmarks.rows import Row, main

STAGES = {
    "fetch": "finding MNIST in the cache, verified",
    "train": "training quick",
    "convert": "converting to every scheme, verified",
    "report": "report of every scheme, with corrupted pictures",
    "predict": "predicting a digit",
}
"""What to call the stages, in order; all but the first are commands."""
_PROGRAM = "$ mnist-edge "
"""Start of the line with which ``run`` names the command it starts."""


def measure(share: float) -> Iterator[Row]:
    """Yield a row for each stage."""
    with tempfile.TemporaryDirectory(prefix="mnist-edge-") as folder:
        recipe = "quick" if share == 1 else "nano"
        if recipe == "nano":
            for name in ("model.keras", "training.json"):
                shutil.copy(shipped.MODELS / recipe / name, folder)
        seconds = _stages(["run", "--recipe", recipe, "--out", folder])
    for stage, took in seconds.items():
        yield Row(what=f"make run: {STAGES[stage]}", figure=took, unit="s")
    yield Row(what="make run, all of it", figure=sum(seconds.values()), unit="s")


def _stages(words: list[str]) -> dict[str, float]:
    """Time each stage of a run, in seconds, by what it prints to standard error."""
    started = [("fetch", time.perf_counter())]
    said = []
    with subprocess.Popen(
        [sys.executable, "-m", "mnist_edge", *words],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as child:
        assert child.stderr is not None  # noqa: S101  # it is a pipe
        for line in child.stderr:
            said.append(line)
            if line.startswith(_PROGRAM):
                stage = line.removeprefix(_PROGRAM).split()[0]
                started.append((stage, time.perf_counter()))
    if child.returncode:
        raise SystemExit(f"the run failed: {said[-1].strip()}")
    ends = [*(when for _, when in started[1:]), time.perf_counter()]
    return {stage: end - begin for (stage, begin), end in zip(started, ends, strict=True)}


if __name__ == "__main__":
    main(measure, __doc__)
