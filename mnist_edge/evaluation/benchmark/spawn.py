"""Starting programs in turn, from a process that is small itself.

Linux counts into a child's peak memory what its parent held when it started it: a parent with
numpy in it would hide most of what its children take. So this is run as a script, by
``mnist_edge.evaluation.benchmark.cold_start``, and imports next to nothing: a list of commands
comes in as JSON on standard input, and of each the seconds and bytes of every round go out.
"""

import json
import os
import subprocess
import sys
import time

_KIB = 1 if sys.platform == "darwin" else 1024
"""Bytes in which a peak is counted: macOS counts bytes, Linux KiB."""


def run_timed(command: list[str]) -> "tuple[float, int | None, int]":
    """Runs a program to its end.

    Returns:
        Seconds that it took, the most bytes that it held, None where the system does not tell, and
        its exit status.
    """
    started = time.perf_counter()
    child = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    if not hasattr(os, "wait4"):  # Windows
        status = child.wait()
        return time.perf_counter() - started, None, status
    _, status, used = os.wait4(child.pid, 0)
    seconds = time.perf_counter() - started
    child.returncode = os.waitstatus_to_exitcode(status)
    return seconds, _KIB * used.ru_maxrss, child.returncode


def time_commands() -> None:
    """Reads the commands, and writes what their rounds took."""
    order = json.load(sys.stdin)
    rounds = [[run_timed(command) for command in order["commands"]] for _ in range(order["rounds"])]
    json.dump(rounds, sys.stdout)


if __name__ == "__main__":
    time_commands()
