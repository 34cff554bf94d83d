"""Timing calls, one after the other or in turn, and what is said of the times."""

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
"""Calls before the first that counts: they pay for what is set up when it is first needed."""
LOADS = 3
"""Times that a model is loaded, of which the median counts."""

Clock = Callable[[], float]
"""Gives seconds, from any start."""


@dataclass(frozen=True, kw_only=True)
class Latency:
    """What one call takes."""

    runs: int
    """Calls that count."""
    warm_up: int
    """Calls before them that do not."""
    median_us: float
    """Microseconds that half of the calls stay under."""
    p95_us: float
    """Microseconds that 95 of 100 stay under."""
    p99_us: float
    """Microseconds that 99 of 100 stay under."""


@dataclass(frozen=True, kw_only=True)
class Ratio:
    """One thing's time, or memory, in another's."""

    rounds: int
    """Rounds in which both were measured, one right after the other."""
    median: float
    """Median of each round's ratio."""
    low: float
    """First quartile of them."""
    high: float
    """Third quartile of them."""


def summarize_latency(seconds: Sequence[float], *, warm_up: int = WARM_UP) -> Latency:
    """What single times say.

    Args:
        seconds: of each call that counts; at least one.
        warm_up: calls that were made before.
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
    """How much the first takes in the second's, round by round.

    What slows the machine for a while slows both of a round, so that the ratio is steadier than
    the times.

    Args:
        first: one figure a round.
        second: of the same rounds, above 0.
    """
    low, median, high = np.percentile(np.divide(first, second), [25, 50, 75])
    return Ratio(rounds=len(first), median=float(median), low=float(low), high=float(high))


def time_each(
    call: Callable[[NDArray[np.uint8]], object],
    digits: Iterable[NDArray[np.uint8]],
    *,
    clock: Clock = time.perf_counter,
) -> list[float]:
    """Seconds that a call takes for each digit."""
    seconds = []
    for digit in digits:
        started = clock()
        call(digit)
        seconds.append(clock() - started)
    return seconds


def call_each(
    call: Callable[[NDArray[Any]], object], inputs: Sequence[NDArray[Any]] | NDArray[Any]
) -> Callable[[], None]:
    """One of ``time_interleaved``: the call of each input, one after the other."""

    def turn() -> None:
        for one in inputs:
            call(one)

    return turn


def time_interleaved(
    calls: Sequence[Callable[[], object]], *, rounds: int, clock: Clock = time.perf_counter
) -> list[list[float]]:
    """Times calls in alternation, A B A B: in each round each of them, once.

    Returns:
        Of each call the seconds of every round.
    """
    seconds: list[list[float]] = [[] for _ in calls]
    for _ in range(rounds):
        for call, its in zip(calls, seconds, strict=True):
            started = clock()
            call()
            its.append(clock() - started)
    return seconds


def time_load(content: bytes) -> float:
    """From a file's bytes to an interpreter that is ready; the median of several times."""
    loads = []
    for _ in range(LOADS):
        started = time.perf_counter()
        Interpreter(content)
        loads.append(time.perf_counter() - started)
    return statistics.median(loads)


def throughput(
    content: bytes, digits: NDArray[np.uint8], *, threads: int, batch: int | None = None
) -> float:
    """Digits a second.

    Args:
        content: the bytes of a ``.tflite`` file.
        digits: ``(n, 28, 28) uint8``; every thread reads all of them.
        threads: each has an interpreter of its own, for a digit is too small to share out.
        batch: digits that are given in one call; all where it is None.
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
