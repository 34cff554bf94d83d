from __future__ import annotations

from pathlib import Path

import numpy as np

from mnist_edge.data.mnist import Digits
from tests.support.reports import measured


def test_every_scheme_is_timed(quick: Path, test_digits: Digits) -> None:
    times = measured(quick, test_digits.take(np.arange(20))).times
    assert times.threads[0] == 1
    for scheme in times.schemes:
        assert 0 < scheme.median_us <= scheme.p95_us <= scheme.p99_us
        assert scheme.load_ms > 0
        assert set(scheme.throughput) == {str(count) for count in times.threads}
        assert min(scheme.throughput.values()) > 0
    assert times.peak_memory_mb is None or times.peak_memory_mb > 10
