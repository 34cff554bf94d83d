"""What a scheme takes on this machine: to load, for one digit, and for many."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from mnist_edge.benchmarking.timing import (
    WARM_UP,
    latency_of,
    seconds_of_each,
    seconds_to_load,
    throughput,
)
from mnist_edge.interpreter import Interpreter
from mnist_edge.modelstore import StoredModel
from mnist_edge.report.content import SchemeTimes

TIMED = 1_000
"""Digits that are timed: ten of them lie beyond the 99th percentile."""


def time_scheme(
    model: StoredModel, images: NDArray[np.uint8], *, threads: Iterable[int]
) -> SchemeTimes:
    """Times a model that was opened before, and is sound.

    Args:
        model: what to time.
        images: ``(n, 28, 28) uint8``, one at least; the first thousand are read, fewer again and
            again.
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
            str(count): throughput(model.content, digits, threads=count) for count in threads
        },
    )
