"""Start and time programs, from a small process.

Linux counts the memory of the parent at the time of the fork in a child's peak: in a parent that
has imported numpy, the children's own memory would not show. So
``mnist_edge.evaluation.benchmark.cold_start`` runs this file as a script that imports next to
nothing. It reads the commands as JSON on standard input, and writes the seconds, peak bytes and
exit status of every start as JSON to standard output.
"""

import json
import os
import subprocess
import sys
import time

_PEAK_UNIT = 1 if sys.platform == "darwin" else 1024
"""Bytes per unit of ``ru_maxrss``: macOS counts bytes, Linux KiB."""


def run_timed(command: list[str]) -> "tuple[float, int | None, int]":
    """Run a program and wait for it.

    Returns:
        Seconds, peak memory in bytes (None if the system does not report it), and exit status.
    """
    started = time.perf_counter()
    child = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    if not hasattr(os, "wait4"):  # Windows
        status = child.wait()
        return time.perf_counter() - started, None, status
    _, status, usage = os.wait4(child.pid, 0)
    seconds = time.perf_counter() - started
    child.returncode = os.waitstatus_to_exitcode(status)
    return seconds, _PEAK_UNIT * usage.ru_maxrss, child.returncode


def time_commands() -> None:
    """Run the commands from standard input in rounds, and write what each start took."""
    order = json.load(sys.stdin)
    rounds = [[run_timed(command) for command in order["commands"]] for _ in range(order["rounds"])]
    json.dump(rounds, sys.stdout)


if __name__ == "__main__":
    time_commands()
