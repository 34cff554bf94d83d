"""Load time, latency and throughput of a scheme on this machine."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from mnist_edge.evaluation.benchmark.timing import (
    WARM_UP,
    measure_throughput,
    summarize_latency,
    time_each,
    time_load,
)
from mnist_edge.evaluation.report.results import SchemeTimes
from mnist_edge.modelstore.loading import StoredModel
from mnist_edge.runtimes.interpreter import Interpreter

TIMED_DIGITS = 500
"""Number of digits that are timed one by one, and that every thread reads: five lie beyond the 99th
percentile, and they add at most a tenth to the time of a report of 10,000."""


def time_scheme(
    model: StoredModel, images: NDArray[np.uint8], *, one_thread: float, threads: Iterable[int]
) -> SchemeTimes:
    """Measure a model that has already run without an error.

    Args:
        model: the model.
        images: ``(n, 28, 28) uint8``, at least one; the first ``TIMED_DIGITS`` are used, or all of
            them repeatedly.
        one_thread: digits per second on one thread, as measured over the report's pictures.
        threads: numbers of threads to measure the throughput with.
    """
    digits = np.resize(images, (TIMED_DIGITS, *images.shape[1:]))
    load = time_load(model.content)
    interpreter = Interpreter(model.content)
    interpreter.logits(digits[:WARM_UP])
    latency = summarize_latency(time_each(interpreter.raw_output, digits))
    return SchemeTimes(
        scheme=model.path.stem,
        load_ms=1e3 * load,
        median_us=latency.median_us,
        p95_us=latency.p95_us,
        p99_us=latency.p99_us,
        throughput={
            str(count): one_thread
            if count == 1
            else measure_throughput(model.content, digits, threads=count)
            for count in threads
        },
    )
