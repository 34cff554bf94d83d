"""What a scheme takes on this machine: to load, for one digit, and for many."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from mnist_edge.evaluation.benchmark.timing import (
    WARM_UP,
    latency_of,
    seconds_of_each,
    seconds_to_load,
    throughput,
)
from mnist_edge.evaluation.report.results import SchemeTimes
from mnist_edge.modelstore.loading import StoredModel
from mnist_edge.runtimes.interpreter import Interpreter

TIMED = 500
"""Digits that are timed one by one, and shared out among threads: five lie beyond the 99th
percentile, and a report of 10,000 takes a tenth longer for them at most."""


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
    load = seconds_to_load(model.content)
    interpreter = Interpreter(model.content)
    interpreter.logits(digits[:WARM_UP])
    latency = latency_of(seconds_of_each(interpreter.raw_output, digits))
    return SchemeTimes(
        scheme=model.path.stem,
        load_ms=1e3 * load,
        median_us=latency.median_us,
        p95_us=latency.p95_us,
        p99_us=latency.p99_us,
        throughput={
            str(count): one_thread
            if count == 1
            else throughput(model.content, digits, threads=count)
            for count in threads
        },
    )
