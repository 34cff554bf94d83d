from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Callable
from typing import Any

import pytest

from mnist_edge import errors
from mnist_edge.errors import InvalidManifest, MnistEdgeError, UnknownName
from mnist_edge.system.subprocesses import (
    ChildFailed,
    ChildLimits,
    call_in_child,
    describe_exit,
    rebuild_error,
)
from tests.support.paths import ROOT

SOON = ChildLimits(seconds=60)


@pytest.fixture(autouse=True)
def importable(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let child processes import this module by its name."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT))


def echo(value: Any, *, times: int = 1) -> dict[str, Any]:
    return {
        "value": value,
        "times": times,
        "path": sys.path,
        "threads": os.environ["OPENBLAS_NUM_THREADS"],
    }


def raise_ours(name: str) -> None:
    raise UnknownName("runtime", name, ["numpy"])


def raise_theirs() -> None:
    raise ZeroDivisionError("by\n  nothing")


def end(how: str) -> None:
    if how == "silently":
        os._exit(0)
    if how == "hang":
        time.sleep(60)
    if how == "spin":
        while True:
            pass
    if how == "allocate":
        bytearray(1 << 30)
    sys.stderr.write("so many words " * 100_000 + "to say: the end")
    sys.stderr.flush()
    if how == "abort":
        os.kill(os.getpid(), signal.SIGABRT)
    sys.exit(7)


def print_arguments() -> None:
    print(json.dumps(sys.argv[1:]))  # noqa: T201


def test_a_call_returns_what_the_function_returns() -> None:
    outcome = call_in_child(SOON, echo, [1, "two", None], times=3)
    assert outcome["value"] == [1, "two", None]
    assert outcome["times"] == 3
    assert outcome["threads"] == "1"


def test_an_error_of_the_child_is_raised_again() -> None:
    with pytest.raises(UnknownName, match=r"^unknown runtime 'onnx': choose one of numpy$"):
        call_in_child(SOON, raise_ours, "onnx")


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: call_in_child(SOON, raise_theirs), "^fails: ZeroDivisionError: by nothing$"),
        (lambda: call_in_child(SOON, end, "silently"), r"^ends with status 0 \(no message\)$"),
        (lambda: call_in_child(SOON, end, "exit"), r"^ends with status 7 \(.* to say: the end\)$"),
        (lambda: call_in_child(SOON, end, "abort"), r"^crashes \(SIGABRT, aborted\)$"),
        (
            lambda: call_in_child(ChildLimits(seconds=0.05), end, "hang"),
            "^gives no answer in 0.05 seconds$",
        ),
        (
            lambda: call_in_child(ChildLimits(seconds=1), end, "spin"),
            "^gives no answer in 1 seconds$",
        ),
        (
            lambda: call_in_child(ChildLimits(seconds=60, memory=1 << 29), end, "allocate"),
            "^fails: MemoryError: MemoryError$",
        ),
    ],
)
def test_how_a_child_fails_is_one_short_line(call: Callable[[], Any], message: str) -> None:
    with pytest.raises(ChildFailed, match=message) as failed:
        call()
    assert len(str(failed.value)) < 300


def wait(seconds: float) -> str:
    time.sleep(seconds)
    return "sound"


def test_a_child_that_waits_for_a_processor_is_not_ended() -> None:
    # As on a busy machine: much time by the clock, little of a processor.
    assert call_in_child(ChildLimits(seconds=1), wait, 1.5) == "sound"


def test_every_error_class_can_be_rebuilt() -> None:
    ours = {
        name
        for name, kind in vars(errors).items()
        if isinstance(kind, type) and issubclass(kind, MnistEdgeError)
    }
    assert "UnknownName" in ours
    for name in ours:
        error = rebuild_error(name, "a message")
        assert (type(error).__name__, str(error)) == (name, "a message")
    # What a broken child may answer.
    for name in ("SystemExit", "Iterable", "annotations", "no such"):
        assert type(rebuild_error(name, "a message")) is MnistEdgeError


def test_an_exit_is_described() -> None:
    assert describe_exit(3) == "status 3"
    assert describe_exit(-signal.SIGKILL) == "SIGKILL, killed"
    assert describe_exit(-250) == "signal 250"


def test_a_manifest_error_can_be_prefixed() -> None:
    error = rebuild_error("InvalidManifest", f"nano: {InvalidManifest('is damaged')}")
    assert str(error) == "nano: is damaged"
