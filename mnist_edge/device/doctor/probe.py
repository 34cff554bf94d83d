"""Trying, in a process of its own, what may end the process.

A wheel built for another processor ends with an illegal instruction, one built against another
numpy with a crash, and neither is an exception. Nothing here imports numpy, which may be the one.

``python -m mnist_edge.device.doctor.probe FILE TASK ARGUMENT`` is the child: it leaves what it
found in the file.
"""

from __future__ import annotations

import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

from mnist_edge import DIGIT_SHAPE
from mnist_edge.errors import MnistEdgeError

_SECONDS = 60.0
"""Time that a probe has: importing a runtime takes a Pi Zero some seconds."""
_RUNS = 50
"""Digits that latency is the median of,"""
_LONG_ENOUGH = 2.0
"""or as many as take so many seconds, where that is fewer."""
_LAST_WORDS = 20
"""Words of what a child said, which may be a traceback, that tell why it ended."""


class ProbeFailed(Exception):
    """What was tried failed; the message is what came of it, to follow "it"."""


def probe_package(module: str, *, seconds: float = _SECONDS) -> dict[str, Any]:
    """Imports a module in a child.

    Args:
        module: its name.
        seconds: time that it has.

    Returns:
        ``{"version": str | None, "seconds": float}``: of the module, and of the import.

    Raises:
        ProbeFailed: it does not import, crashes or hangs.
    """
    return _probe("package", module, seconds)


def probe_runtime(name: str, *, seconds: float = _SECONDS) -> dict[str, Any]:
    """Imports one of ``mnist_edge.runtimes.selection.RUNTIMES`` in a child.

    Otherwise as ``import_package``.
    """
    return _probe("runtime", name, seconds)


def probe_model(model: str, *, seconds: float = _SECONDS) -> dict[str, Any]:
    """Runs a model on the runtime in use, in a child.

    Args:
        model: as ``modelstore.load`` takes it.
        seconds: time that it has.

    Returns:
        ``{"runtime": str, "steps": list[float] | None, "allowed": float | None,
        "passed": bool | None, "microseconds": float}``: of each golden vector the largest
        difference in steps, what is allowed, and whether it is kept, None where the manifest has no
        vectors; and the median time of a digit.

    Raises:
        ProbeFailed: it does not run, crashes or hangs.
    """
    return _probe("model", model, seconds)


def _probe(task: str, argument: str, seconds: float) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="mnist-edge-") as folder:
        report = Path(folder) / "report.json"
        try:
            child = subprocess.run(
                [
                    sys.executable,
                    "-m",
                    "mnist_edge.device.doctor.probe",
                    str(report),
                    task,
                    argument,
                ],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="replace",
                check=False,
                env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},
                timeout=seconds,
            )
        except subprocess.TimeoutExpired as error:
            raise ProbeFailed(f"gives no answer in {seconds:g} seconds") from error
        if child.returncode < 0:
            raise ProbeFailed(f"crashes ({_signal(-child.returncode)})")
        if child.returncode or not report.is_file():
            reason = " ".join(child.stderr.split()[-_LAST_WORDS:])
            raise ProbeFailed(f"ends with status {child.returncode} ({reason})")
        document: dict[str, Any] = json.loads(report.read_text(encoding="utf-8"))
    if "error" in document:
        raise ProbeFailed(document["error"])
    return document


def _signal(number: int) -> str:
    """A signal in words, for example ``SIGILL, illegal instruction``."""
    try:
        name = signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
    words = (signal.strsignal(number) or "").lower()
    return f"{name}, {words}" if words else name


def _package(module: str) -> dict[str, Any]:
    return _imported(lambda: import_module(module))


def _runtime(name: str) -> dict[str, Any]:
    from mnist_edge.runtimes.backends import import_runtime

    return _imported(lambda: import_runtime(name))


def _imported(load: Callable[[], Any]) -> dict[str, Any]:
    before = time.perf_counter()
    module = load()
    seconds = round(time.perf_counter() - before, 3)
    return {"version": getattr(module, "__version__", None), "seconds": seconds}


def _model(name: str) -> dict[str, Any]:
    import numpy as np

    from mnist_edge.modelstore import loading
    from mnist_edge.runtimes import golden
    from mnist_edge.runtimes.sandbox import open_model
    from mnist_edge.runtimes.selection import describe_runtime

    model = loading.load_model(name)
    found = golden.run_self_test(model)
    interpreter, digit = open_model(model), np.zeros((1, *DIGIT_SHAPE), np.uint8)
    times: list[float] = []
    while len(times) < _RUNS and sum(times) < _LONG_ENOUGH:
        before = time.perf_counter()
        interpreter.logits(digit)
        times.append(time.perf_counter() - before)
    return {
        "runtime": describe_runtime(),
        "steps": [min(float(step), sys.float_info.max) for step in found.steps] if found else None,
        "allowed": found.allowed if found else None,
        "passed": found.passed if found else None,
        "microseconds": round(1e6 * statistics.median(times), 1),
    }


_TASKS: dict[str, Callable[[str], dict[str, Any]]] = {
    "package": _package,
    "runtime": _runtime,
    "model": _model,
}


def main() -> None:
    """The child's side."""
    report, task, argument = sys.argv[1:]
    try:
        document = _TASKS[task](argument)
    except MnistEdgeError as error:
        document = {"error": f"fails: {error}"}
    except Exception as error:  # noqa: BLE001  # a broken package raises whatever it was led to
        said = " ".join(str(error).split())
        document = {"error": f"fails: {type(error).__name__}: {said}"}
    Path(report).write_text(json.dumps(document), encoding="utf-8")


if __name__ == "__main__":
    main()
