"""Time calls, one after another or interleaved, and summarize the times."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mnist_edge.runtimes.interpreter import Interpreter

WARM_UP = 20
"""Calls before the first one that counts, for caches and lazy initialization."""
LOADS = 3
"""Number of times a model is loaded; the median counts."""

Clock = Callable[[], float]
"""Returns seconds since any fixed point in time."""


@dataclass(frozen=True, kw_only=True)
class Latency:
    """Duration of a call."""

    runs: int
    """Number of timed calls."""
    warm_up: int
    """Number of calls before them that were not timed."""
    median_us: float
    """Median in microseconds."""
    p95_us: float
    """95th percentile in microseconds."""
    p99_us: float
    """99th percentile in microseconds."""


@dataclass(frozen=True, kw_only=True)
class Ratio:
    """Time of one call relative to another, from interleaved rounds."""

    rounds: int
    """Number of rounds."""
    median: float
    """Median of the rounds' ratios."""
    low: float
    """First quartile of the rounds' ratios."""
    high: float
    """Third quartile of the rounds' ratios."""


def summarize_latency(seconds: Sequence[float], *, warm_up: int = WARM_UP) -> Latency:
    """Summarize the durations of calls.

    Args:
        seconds: of each timed call; at least one.
        warm_up: number of calls that were made before.
    """
    median, p95, p99 = 1e6 * np.percentile(seconds, [50, 95, 99])
    return Latency(
        runs=len(seconds),
        warm_up=warm_up,
        median_us=float(median),
        p95_us=float(p95),
        p99_us=float(p99),
    )


def summarize_ratio(first: Sequence[float], second: Sequence[float]) -> Ratio:
    """Summarize the ratios ``first / second`` of each round.

    A temporary slowdown of the machine affects both calls of a round, so ratios vary less than
    times.

    Args:
        first: one value per round.
        second: one value per round, above 0.
    """
    low, median, high = np.percentile(np.divide(first, second), [25, 50, 75])
    return Ratio(rounds=len(first), median=float(median), low=float(low), high=float(high))


def time_each(
    call: Callable[[NDArray[np.uint8]], object],
    digits: Iterable[NDArray[np.uint8]],
    *,
    clock: Clock = time.perf_counter,
) -> list[float]:
    """Time a call for each digit, in seconds."""
    seconds = []
    for digit in digits:
        started = clock()
        call(digit)
        seconds.append(clock() - started)
    return seconds


def call_each(
    call: Callable[[NDArray[Any]], object], inputs: Sequence[NDArray[Any]] | NDArray[Any]
) -> Callable[[], None]:
    """Return a function that calls ``call`` with each input, for ``time_interleaved``."""

    def call_all() -> None:
        for one in inputs:
            call(one)

    return call_all


def time_interleaved(
    calls: Sequence[Callable[[], object]], *, rounds: int, clock: Clock = time.perf_counter
) -> list[list[float]]:
    """Time calls in alternation, A B A B: each once per round.

    Returns:
        For each call, the seconds in every round.
    """
    seconds: list[list[float]] = [[] for _ in calls]
    for _ in range(rounds):
        for call, times in zip(calls, seconds, strict=True):
            started = clock()
            call()
            times.append(clock() - started)
    return seconds


def time_load(content: bytes) -> float:
    """Return the seconds that an interpreter takes to load a model, the median of ``LOADS``."""
    loads = []
    for _ in range(LOADS):
        started = time.perf_counter()
        Interpreter(content)
        loads.append(time.perf_counter() - started)
    return statistics.median(loads)


def measure_throughput(
    content: bytes, digits: NDArray[np.uint8], *, threads: int, batch: int | None = None
) -> float:
    """Measure how many digits all threads together read per second.

    Args:
        content: the bytes of a ``.tflite`` file.
        digits: ``(n, 28, 28) uint8``; every thread reads all of them.
        threads: number of threads, each with its own interpreter, since a single digit is too
            small to split.
        batch: digits per call; by default all.
    """
    interpreters = [Interpreter(content) for _ in range(threads)]
    for interpreter in interpreters:
        interpreter.logits(digits[:WARM_UP])
    step = batch or len(digits)

    def read(interpreter: Interpreter) -> None:
        for start in range(0, len(digits), step):
            interpreter.logits(digits[start : start + step])

    started = time.perf_counter()
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(read, interpreters))
    return threads * len(digits) / (time.perf_counter() - started)
