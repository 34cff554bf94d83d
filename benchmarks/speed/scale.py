"""Measure time and memory of reading many pictures, beside a bare loop.

    python -m benchmarks.speed.scale                  # 10,000 pictures, and 10,000 arrays
    python -m benchmarks.speed.scale --memory 10000 100000 1000000

The pictures are MNIST's test digits as PNG files of 28x28; beyond 10,000 they are
hard links, a thousand per folder. The bare loop is eight lines of Pillow and tflite-runtime in one
thread. Runs take turns, so that other load is in all of them; processor seconds are given beside
those of the clock, which alone a busy machine stretches.
"""

from __future__ import annotations

import argparse
import re
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mnist_edge import Classifier
from mnist_edge.data.mnist import load_test_digits
from mnist_edge.inference.worker_pool import available_cores

_LOOK = 0.05
"""Seconds between two looks at a run's memory."""
_FOLDER = 1_000
"""Pictures in a folder."""
BARE = """
import os, sys
import numpy as np
from PIL import Image
from tflite_runtime.interpreter import Interpreter
engine = Interpreter(sys.argv[1], num_threads=1)
engine.allocate_tensors()
taken, given = engine.get_input_details()[0], engine.get_output_details()[0]
for folder, _, names in os.walk(sys.argv[2]):
    for name in names:
        pixels = np.asarray(Image.open(os.path.join(folder, name)))
        values = (pixels.astype(np.int16) + taken["quantization"][1]).astype(np.int8)
        engine.set_tensor(taken["index"], values.reshape(taken["shape"]))
        engine.invoke()
        print(engine.get_tensor(given["index"]).argmax())
"""
"""The loop that a user writes."""


@dataclass(frozen=True, kw_only=True)
class Cost:
    """What a run took."""

    clock: float
    """Seconds."""
    processor: float
    """Seconds of all its processes."""
    memory: tuple[int, ...] = ()
    """Most kilobytes that each process held at a time, the first that was started first."""


def run(words: Sequence[str | Path]) -> Cost:
    """Run a program and discard its output."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    started = time.perf_counter()
    child = subprocess.Popen([sys.executable, *map(str, words)], stdout=subprocess.DEVNULL)
    peaks: dict[str, int] = {}
    while child.poll() is None:
        for process in (str(child.pid), *_children(child.pid)):
            peaks[process] = max(peaks.get(process, 0), _peak(process))
        time.sleep(_LOOK)
    if child.returncode:
        raise SystemExit(f"exit {child.returncode}: {' '.join(map(str, words))}")
    clock = time.perf_counter() - started
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    memory = (peaks.pop(str(child.pid)), *sorted(peaks.values(), reverse=True))
    return Cost(clock=clock, processor=spent, memory=memory)


def _children(process: int) -> list[str]:
    """List the child processes of a process."""
    try:
        return Path(f"/proc/{process}/task/{process}/children").read_text("ascii").split()
    except OSError:
        return []


def _peak(process: str) -> int:
    """Most kilobytes of memory that a process has had so far; 0 when it is gone."""
    try:
        status = Path(f"/proc/{process}/status").read_text("utf-8")
    except OSError:
        return 0
    found = re.search(r"VmHWM:\s*(\d+)", status)
    return int(found[1]) if found else 0


def call(work: Callable[[], object]) -> Cost:
    """Run a function in this process."""
    started, spent = time.perf_counter(), time.process_time()
    work()
    return Cost(clock=time.perf_counter() - started, processor=time.process_time() - spent)


def in_turns(runs: dict[str, Callable[[], Cost]], rounds: int) -> None:
    """Print the cost of each run, the best of some rounds, compared with the first."""
    costs: dict[str, list[Cost]] = {name: [] for name in runs}
    for _ in range(rounds):
        for name, one in runs.items():
            costs[name].append(one())
    first = costs[next(iter(runs))]
    print(f"{'':32} {'clock s':>8} {'speed-up':>8} {'processor s':>11} {'share':>6}")
    for name, found in costs.items():
        clock, spent = min(one.clock for one in found), min(one.processor for one in found)
        faster = min(one.clock for one in first) / clock
        share = spent / min(one.processor for one in first)
        print(f"{name:32} {clock:8.2f} {faster:8.2f} {spent:11.2f} {share:6.2f}", flush=True)


def make(folder: Path, images: NDArray[np.uint8], count: int) -> None:
    """Fill a folder with a number of pictures."""
    first: list[Path] = []
    for number in range(count):
        path = folder / f"{number // _FOLDER:04}" / f"{number:07}.png"
        if number % _FOLDER == 0:
            path.parent.mkdir()
        if number < len(images):
            Image.fromarray(images[number]).save(path)
            first.append(path)
        else:
            path.hardlink_to(first[number % len(first)])


def predict(model: str, folder: Path, *options: str) -> Cost:
    """Read a folder by the command line."""
    words = ("-m", "mnist_edge", "predict", "--model", model, "--format", "jsonl")
    return run((*words, folder, *options))


def measure_speed(model: str, count: int, rounds: int) -> None:
    """Print the tables of pictures and of arrays."""
    images = load_test_digits().images[:count]
    classifiers = [Classifier(model, threads=threads) for threads in (1, available_cores())]
    file = classifiers[0].model.path
    several = str(available_cores())
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        make(folder, images, count)
        print(f"{count:,} PNG files, {model} in int8")
        in_turns(
            {
                "bare loop": lambda: run(["-c", BARE, file, folder]),
                "predict --jobs 1": lambda: predict(model, folder, "--jobs", "1"),
                f"predict --jobs {several}": lambda: predict(model, folder, "--jobs", several),
            },
            rounds,
        )
    print(f"\n{len(images):,} arrays, {model} in int8")
    in_turns(
        {
            "bare loop": lambda: call(lambda: bare_arrays(file, images)),
            "predict_many, 1 thread": lambda: call(
                lambda: list(classifiers[0].predict_many(images))
            ),
            f"predict_many, {several} threads": lambda: call(
                lambda: list(classifiers[1].predict_many(images))
            ),
            "predict_pixels, 1 thread": lambda: call(lambda: classifiers[0].predict_pixels(images)),
            f"predict_pixels, {several} threads": lambda: call(
                lambda: classifiers[1].predict_pixels(images)
            ),
        },
        rounds,
    )


def bare_arrays(file: Path, images: NDArray[np.uint8]) -> list[int]:
    """Read digits one after another, with the bare runtime."""
    from tflite_runtime.interpreter import Interpreter

    engine = Interpreter(str(file), num_threads=1)
    engine.allocate_tensors()
    taken, given = engine.get_input_details()[0], engine.get_output_details()[0]
    answers = []
    for pixels in images:
        values = (pixels.astype(np.int16) + taken["quantization"][1]).astype(np.int8)
        engine.set_tensor(taken["index"], values.reshape(taken["shape"]))
        engine.invoke()
        answers.append(int(engine.get_tensor(given["index"]).argmax()))
    return answers


def measure_memory(model: str, counts: Sequence[int], jobs: int) -> None:
    """Print the table of memory."""
    images = load_test_digits().images[:100]
    print(f"{'pictures':>10} {'MB':>7} {'MB of each worker':>18} {'clock s':>9}")
    for count in counts:
        with tempfile.TemporaryDirectory() as temporary:
            make(Path(temporary), images, count)
            cost = predict(model, Path(temporary), "--jobs", str(jobs))
        first, *workers = (f"{kilobytes / 1024:.1f}" for kilobytes in cost.memory)
        print(f"{count:10,} {first:>7} {' '.join(workers):>18} {cost.clock:9.1f}", flush=True)


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--model", default="edge", help="a shipped model")
    parser.add_argument("--count", type=int, default=10_000, help="pictures to time")
    parser.add_argument("--rounds", type=int, default=3, help="turns, of which the best counts")
    parser.add_argument("--memory", type=int, nargs="+", help="pictures to measure memory with")
    parser.add_argument(
        "--jobs", type=int, default=available_cores(), help="processes of the memory's table"
    )
    options = parser.parse_args()
    if options.memory:
        measure_memory(options.model, options.memory, options.jobs)
    else:
        measure_speed(options.model, options.count, options.rounds)


if __name__ == "__main__":
    main()
