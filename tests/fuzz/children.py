"""Calls of the program in this process and its forks, in place of programs that start anew.

To start Python and to import numpy takes a hundred times as long as to try a damaged model.
"""

from __future__ import annotations

import io
import json
import os
import select
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from typing import Any
from unittest import mock

from mnist_edge.commands.app import main
from mnist_edge.errors import MnistEdgeError
from mnist_edge.system import subprocesses
from mnist_edge.system.subprocesses import (
    ChildFailed,
    ChildLimits,
    rebuild_error,
)


@contextmanager
def forked_children() -> Iterator[None]:
    """Make the calls that a child process would answer in a fork of this one."""
    with mock.patch.object(subprocesses, "call_in_child", _call_in_fork):
        yield


def _call_in_fork(
    limits: ChildLimits, function: Callable[..., Any], *arguments: Any, **keywords: Any
) -> Any:
    """Stand for ``call_in_child``: the same limits, arguments and outcomes."""
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        _answer(limits, function, arguments, keywords, writer)
    os.close(writer)
    with os.fdopen(reader, "rb") as stream:
        in_time, _, _ = select.select([stream], [], [], subprocesses.PATIENCE * limits.seconds)
        if not in_time:
            os.kill(child, signal.SIGKILL)
        answer = stream.read()
    _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    if code or not answer:
        raise ChildFailed(subprocesses.describe_end(limits, code if in_time else None))
    outcome = json.loads(answer)
    if "kind" in outcome:
        raise rebuild_error(outcome["kind"], outcome["message"])
    if "raised" in outcome:
        raise ChildFailed(f"fails: {outcome['raised']}")
    return outcome["result"]


def _answer(
    limits: ChildLimits,
    function: Callable[..., Any],
    arguments: tuple[Any, ...],
    keywords: dict[str, Any],
    writer: int,
) -> None:
    subprocesses._limit_resources(limits.seconds, limits.memory)  # noqa: SLF001  # the same limits
    try:
        outcome = {"result": function(*arguments, **keywords)}
    except MnistEdgeError as error:
        outcome = {"kind": type(error).__name__, "message": str(error)}
    except BaseException as error:  # noqa: BLE001  # as in a child
        outcome = {"raised": f"{type(error).__name__}: {error}"}
    os.write(writer, json.dumps(outcome).encode())
    os._exit(0)


def run_program(*words: str) -> str:
    """Run a command in this process, and check that a terminal can show what it says.

    Returns:
        What it wrote to standard output.
    """
    said = call_program(*words)
    for text in said:
        lines = text.split("\n")
        assert all(line.isprintable() for line in lines), f"controls in {text!r}"
    return said[0]


def call_program(*words: str) -> tuple[str, str]:
    """Run a command in this process, whose standard output and messages are UTF-8.

    Returns:
        What it wrote to both.
    """
    out, messages = (
        io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True) for _ in range(2)
    )
    code: object = 0
    with redirect_stdout(out), redirect_stderr(messages):
        try:
            main(words)
        except SystemExit as ended:
            code = ended.code
    said = out.buffer.getvalue().decode("utf-8"), messages.buffer.getvalue().decode("utf-8")
    assert code in (0, 1, 2), f"exit {code}: {said[1]}"
    return said
