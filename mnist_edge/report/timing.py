"""What a scheme takes on this machine: to load, for one digit, and for many."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from mnist_edge.interpreter import Interpreter
from mnist_edge.modelstore import StoredModel
from mnist_edge.report.content import SchemeTimes

TIMED = 500
"""Digits that are timed one by one, and shared out among threads: five lie beyond the 99th
percentile, and a report of 10,000 takes a tenth longer for them at most."""
_LOADS = 3
"""Times that a model is loaded, of which the median counts."""
_WARM_UP = 20
"""Digits before the first that counts: they pay for what is set up when it is first needed."""


def time_scheme(
    model: StoredModel, images: NDArray[np.uint8], *, one_thread: float, threads: Iterable[int]
) -> SchemeTimes:
    """Times a model that was opened before, and is sound.

    Args:
        model: what to time.
        images: ``(n, 28, 28) uint8``, one at least; the first ``TIMED`` are read, fewer again and
            again.
        one_thread: digits a second on one thread, as the report's own reading of them took.
        threads: how many to measure throughput with, each.
    """
    digits = np.resize(images, (TIMED, *images.shape[1:]))
    loads = [_seconds_to_load(model.content) for _ in range(_LOADS)]
    interpreter = Interpreter(model.content)
    interpreter.logits(digits[:_WARM_UP])
    median, p95, p99 = np.percentile(_seconds_of_each(interpreter, digits), [50, 95, 99])
    return SchemeTimes(
        scheme=model.path.stem,
        load_ms=1e3 * statistics.median(loads),
        median_us=1e6 * float(median),
        p95_us=1e6 * float(p95),
        p99_us=1e6 * float(p99),
        throughput={
            str(count): one_thread if count == 1 else _throughput(model.content, digits, count)
            for count in threads
        },
    )


def _seconds_to_load(content: bytes) -> float:
    started = time.perf_counter()
    Interpreter(content)
    return time.perf_counter() - started


def _seconds_of_each(interpreter: Interpreter, digits: NDArray[np.uint8]) -> list[float]:
    seconds = []
    for digit in digits:
        started = time.perf_counter()
        interpreter.raw_output(digit)
        seconds.append(time.perf_counter() - started)
    return seconds


def _throughput(content: bytes, digits: NDArray[np.uint8], threads: int) -> float:
    """Digits a second: a digit is too small to share out, so that each thread reads its own."""
    interpreters = [Interpreter(content) for _ in range(threads)]
    for interpreter in interpreters:
        interpreter.logits(digits[:_WARM_UP])
    started = time.perf_counter()
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(Interpreter.logits, interpreters, np.array_split(digits, threads)))
    return len(digits) / (time.perf_counter() - started)
