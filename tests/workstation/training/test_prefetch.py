"""What is made ahead arrives, with its errors, and keeps nobody from leaving."""

from __future__ import annotations

import subprocess
import sys
import threading

import pytest

from mnist_edge.training.prefetch import Ahead


def test_work_goes_on_while_another_thread_makes_something() -> None:
    may_end = threading.Event()
    ahead = Ahead(may_end.wait)
    may_end.set()
    assert ahead.result() is True


def test_an_error_is_raised_where_the_result_is_fetched() -> None:
    ahead = Ahead(lambda: 1 // 0)
    with pytest.raises(ZeroDivisionError):
        ahead.result()


def test_a_program_ends_without_what_nobody_fetched() -> None:
    code = (
        "import threading; from mnist_edge.training.prefetch import Ahead; "
        "Ahead(threading.Event().wait); print('over')"
    )
    # Without the daemon thread it would never end.
    ended = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    assert ended.stdout == "over\n"
