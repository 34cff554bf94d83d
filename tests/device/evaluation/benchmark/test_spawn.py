from __future__ import annotations

import sys

import numpy as np

from mnist_edge.evaluation.benchmark import cold_start
from mnist_edge.evaluation.benchmark.spawn import run_timed


def test_a_program_has_a_time_a_peak_of_memory_and_an_exit_status() -> None:
    seconds, peak, status = run_timed([sys.executable, "-S", "-c", "raise SystemExit(3)"])
    assert seconds > 0
    assert peak is None or peak > 1 << 20
    assert status == 3


def test_the_peak_memory_of_a_program_excludes_its_parents() -> None:
    ballast = np.ones(60 << 17)  # 60 MiB in this process
    command = [sys.executable, "-S", "-c", "pass"]
    (small,) = cold_start.time_starts([command], rounds=2)
    assert ballast.all()
    assert len(small.seconds) == 2
    if small.peak_mib is not None:
        assert 1 < small.peak_mib < 40
