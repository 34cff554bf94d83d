"""Keras gets every picture, in order, with no thread left running; prefetching ends well."""

from __future__ import annotations

import subprocess
import sys
import threading

import numpy as np
import pytest

from mnist_edge.training.input_pipeline import Prefetch, in_batches
from tests.support.waiting import SECONDS


def test_batches_hold_every_picture_and_its_target() -> None:
    images = np.arange(7 * 4, dtype=np.uint8).reshape(7, 2, 2)
    targets = np.arange(7, dtype=np.float32)
    batches = list(in_batches(images, targets, size=3)["x"].as_numpy_iterator())
    assert [len(pictures) for pictures, _ in batches] == [3, 3, 1]
    np.testing.assert_array_equal(np.concatenate([pictures for pictures, _ in batches]), images)
    np.testing.assert_array_equal(np.concatenate([wanted for _, wanted in batches]), targets)


def test_the_dataset_is_not_autotuned() -> None:
    pipelines = in_batches(np.zeros((2, 2, 2), np.uint8), np.zeros(2, np.uint8), size=1)
    assert pipelines["x"].options().autotune.enabled is False


def test_prefetching_runs_beside_the_consumer() -> None:
    may_end = threading.Event()
    prefetch = Prefetch(may_end.wait)
    may_end.set()
    assert prefetch.result() is True


def test_a_prefetch_error_is_raised_at_the_fetch() -> None:
    prefetch = Prefetch(lambda: 1 // 0)
    with pytest.raises(ZeroDivisionError):
        prefetch.result()


def test_a_program_ends_with_unfetched_results() -> None:
    code = (
        "import threading; from mnist_edge.training.input_pipeline import Prefetch; "
        "Prefetch(threading.Event().wait); print('over')"
    )
    # Without the daemon thread it would never end.
    ended = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=SECONDS, check=True
    )
    assert ended.stdout == "over\n"
