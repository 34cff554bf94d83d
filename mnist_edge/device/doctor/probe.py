"""Try in a child process what may end the process.

A wheel built for another processor ends with an illegal instruction, one built against another
numpy with a crash, and neither is an exception. Nothing here imports numpy at the top, which may be
the broken one.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable
from importlib import import_module
from typing import Any

from mnist_edge import DIGIT_SHAPE
from mnist_edge.errors import MnistEdgeError
from mnist_edge.system.subprocesses import ChildFailed, ChildLimits, call_in_child

_SECONDS = 60.0
"""Time limit of a probe: importing a runtime takes a Pi Zero some seconds."""
_RUNS = 50
"""Digits whose median time is the latency, unless they take longer than ``_MAX_SECONDS``."""
_MAX_SECONDS = 2.0
"""Seconds after which no further digit is timed."""


def probe_package(module: str, *, seconds: float = _SECONDS) -> dict[str, Any]:
    """Import a module in a child process.

    Args:
        module: its name.
        seconds: the time limit.

    Returns:
        ``{"version": str | None, "seconds": float}``: the module's version and the import's time.

    Raises:
        ChildFailed: it does not import, crashes or hangs.
    """
    return _probe(_import_package, module, seconds)


def probe_runtime(name: str, *, seconds: float = _SECONDS) -> dict[str, Any]:
    """Import a runtime in a child process, as ``probe_package`` does.

    Args:
        name: one of ``mnist_edge.runtimes.selection.RUNTIMES``.
        seconds: the time limit.

    Raises:
        ChildFailed: it does not import, crashes or hangs.
    """
    return _probe(_import_runtime, name, seconds)


def probe_model(model: str, *, seconds: float = _SECONDS) -> dict[str, Any]:
    """Run a model's self-test and time it on the selected runtime, in a child process.

    Args:
        model: as ``modelstore.loading.load_model`` takes it.
        seconds: the time limit.

    Returns:
        ``{"runtime": str, "steps": list[float] | None, "allowed": float | None,
        "passed": bool | None, "microseconds": float}``: for each golden vector the largest
        difference in steps, the limit, and whether all keep it, each None if the manifest has no
        vectors; and the median time of a digit.

    Raises:
        ChildFailed: it does not run, crashes or hangs.
    """
    return _probe(_run_model, model, seconds)


def _probe(task: Callable[[str], dict[str, Any]], name: str, seconds: float) -> dict[str, Any]:
    try:
        return call_in_child(ChildLimits(seconds=seconds), task, name)
    except MnistEdgeError as error:
        raise ChildFailed(f"fails: {error}") from error


def _import_package(module: str) -> dict[str, Any]:
    return _time_import(lambda: import_module(module))


def _import_runtime(name: str) -> dict[str, Any]:
    from mnist_edge.runtimes.backends import import_runtime

    return _time_import(lambda: import_runtime(name))


def _time_import(load: Callable[[], Any]) -> dict[str, Any]:
    before = time.perf_counter()
    module = load()
    seconds = round(time.perf_counter() - before, 3)
    return {"version": getattr(module, "__version__", None), "seconds": seconds}


def _run_model(name: str) -> dict[str, Any]:
    import numpy as np

    from mnist_edge.modelstore import loading
    from mnist_edge.runtimes import golden
    from mnist_edge.runtimes.sandbox import open_model
    from mnist_edge.runtimes.selection import describe_runtime

    model = loading.load_model(name)
    found = golden.run_self_test(model)
    interpreter, digit = open_model(model), np.zeros((1, *DIGIT_SHAPE), np.uint8)
    times: list[float] = []
    while len(times) < _RUNS and sum(times) < _MAX_SECONDS:
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
