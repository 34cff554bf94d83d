"""Run functions of this project in child processes: isolated, limited, their crashes reported.

Native code that meets a damaged file can crash, hang or ask for all the memory there is, and none
of these is an exception. A child ends in its place. Every child starts without the current folder
on its module path (``mnist_edge.system.isolated``).
"""

from __future__ import annotations

import json
import math
import os
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, ParamSpec, TypeVar, cast

from mnist_edge import errors
from mnist_edge.errors import MnistEdgeError
from mnist_edge.system.text import one_line

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")

_ISOLATED = Path(__file__).with_name("isolated.py")
_CALL, _RESULT, _MESSAGES = "call.json", "result.json", "messages.txt"
"""Files in the folder that a call shares with its child."""
_LAST_WORDS = 20
"""Words at the end of a child's messages, which may hold a traceback, that say why it ended."""
_LAST_BYTES = 4096
"""Bytes that are searched for these words: a child may write endlessly."""
PATIENCE = 10
"""Seconds that a child may wait for each second of a processor that it may take.

What never ends takes a processor, while what is sound may wait for one on a busy machine.
"""
_MAX_FILE = 1 << 28
"""Bytes that a child may write to a file, its messages included."""


class ChildFailed(Exception):
    """A child process crashed, hung or raised; the message follows the name of what it did."""


@dataclass(frozen=True, kw_only=True)
class ChildLimits:
    """What a call in a child process may take."""

    seconds: float
    """Time of a processor to start and to return; ten times as long by the clock."""
    memory: int | None = None
    """Bytes of address space, which Windows does not limit; None for no limit."""


def call_in_child(
    limits: ChildLimits,
    function: Callable[Parameters, Result],
    *arguments: Parameters.args,
    **keywords: Parameters.kwargs,
) -> Result:
    """Call a function in a child process and return its result.

    Args:
        limits: time and memory.
        function: of a module of this project, at its top level.
        arguments: JSON values, as is the result; arrays go through files.
        keywords: JSON values.

    Raises:
        ChildFailed: the child crashed, ran out of time, or raised an error that is not ours.
        MnistEdgeError: as the function raises.
    """
    # Slow to import, and most models and pictures are read without any child.
    import subprocess
    import tempfile

    with tempfile.TemporaryDirectory(prefix="mnist-edge-") as temporary:
        folder = Path(temporary)
        call = {
            "function": _name(function),
            "arguments": arguments,
            "keywords": keywords,
            "seconds": limits.seconds,
            "memory": limits.memory,
        }
        (folder / _CALL).write_text(json.dumps(call), encoding="utf-8")
        with (folder / _MESSAGES).open("wb") as messages:
            try:
                child = subprocess.run(
                    python_command(_answer_call, folder),
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=messages,
                    check=False,
                    env=single_threaded(),
                    timeout=PATIENCE * limits.seconds,
                )
            except subprocess.TimeoutExpired as error:
                raise ChildFailed(describe_end(limits, None)) from error
        if child.returncode < 0:
            raise ChildFailed(describe_end(limits, child.returncode))
        if child.returncode or not (folder / _RESULT).is_file():
            reason = _last_words(folder / _MESSAGES)
            raise ChildFailed(f"ends with {describe_exit(child.returncode)} ({reason})")
        outcome = json.loads((folder / _RESULT).read_text(encoding="utf-8"))
    if "kind" in outcome:
        raise rebuild_error(outcome["kind"], outcome["message"])
    if "raised" in outcome:
        raise ChildFailed(f"fails: {outcome['raised']}")
    return cast("Result", outcome["result"])


def describe_end(limits: ChildLimits, code: int | None) -> str:
    """Describe how a child was ended: by a signal, or since it took longer than its limits.

    Args:
        limits: of the child.
        code: the negative number of the signal, as ``subprocess`` has it; None for the clock.
    """
    if code is None or (sys.platform != "win32" and code == -signal.SIGXCPU):
        return f"gives no answer in {limits.seconds:g} seconds"
    return f"crashes ({describe_exit(code)})"


def python_command(target: Callable[[], Any] | str, *arguments: str | Path) -> list[str]:
    """Return the words that run a function in a new Python without the current folder on its path.

    Args:
        target: a module's function that takes its arguments from ``sys.argv``; by name,
            ``module:function``, where the caller must not import the module.
        arguments: of the function.
    """
    name = target if isinstance(target, str) else _name(target)
    return [sys.executable, str(_ISOLATED), name, *map(str, arguments)]


def code_command(code: str, *arguments: str | Path) -> list[str]:
    """Return the words that run a short program, as ``python -c`` does, in the same isolation."""
    words = [sys.executable, "-P", "-c", code]
    if sys.version_info < (3, 11):
        words[1:] = ["-c", f"import sys; del sys.path[0]\n{code}"]
    return [*words, *map(str, arguments)]


def single_threaded() -> dict[str, str]:
    """Return this process's environment for a child whose BLAS starts no threads.

    One thread is enough for a digit, and BLAS reserves address space for every other.
    """
    return {**os.environ, "OPENBLAS_NUM_THREADS": "1"}


def describe_exit(code: int) -> str:
    """Describe an exit status, for example ``status 3``, or ``SIGILL, illegal instruction``.

    Args:
        code: as ``subprocess`` has it: negative for a signal.
    """
    if code >= 0:
        return f"status {code}"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        return f"signal {-code}"
    words = (signal.strsignal(-code) or "").lower()
    return f"{name}, {words}" if words else name


def rebuild_error(kind: str, message: str) -> MnistEdgeError:
    """Recreate an error of this project from its class name and its message.

    Its constructor is not called, because constructors take different arguments.
    """
    found = getattr(errors, kind, None)
    if not (isinstance(found, type) and issubclass(found, MnistEdgeError)):
        found = MnistEdgeError
    return found.__new__(found, message)


def _name(function: Callable[..., Any]) -> str:
    return f"{function.__module__}:{function.__qualname__}"


def _last_words(file: Path) -> str:
    with file.open("rb") as stream:
        stream.seek(max(0, file.stat().st_size - _LAST_BYTES))
        words = stream.read().decode(errors="replace").split()
    return " ".join(words[-_LAST_WORDS:]) or "no message"


def _answer_call() -> None:
    """Make the call that the parent wrote to a folder, and write the outcome there."""
    folder = Path(sys.argv[1])
    call = json.loads((folder / _CALL).read_text(encoding="utf-8"))
    _limit_resources(call["seconds"], call["memory"])
    try:
        module, _, name = call["function"].partition(":")
        function = getattr(import_module(module), name)
        outcome = {"result": function(*call["arguments"], **call["keywords"])}
    except MnistEdgeError as error:
        outcome = {"kind": type(error).__name__, "message": str(error)}
    except Exception as error:  # noqa: BLE001  # damaged files and packages raise anything
        outcome = {"raised": f"{type(error).__name__}: {one_line(error)}"}
    (folder / _RESULT).write_text(json.dumps(outcome), encoding="utf-8")


def _limit_resources(seconds: float, memory: int | None) -> None:
    try:
        import resource
    except ImportError:  # Windows has no such limits
        return
    limits = {
        resource.RLIMIT_CPU: math.ceil(seconds) + 1,
        resource.RLIMIT_AS: memory,
        resource.RLIMIT_FSIZE: _MAX_FILE,
    }
    for kind, limit in limits.items():
        _, hard = resource.getrlimit(kind)
        if limit is not None:
            allowed = limit if hard == resource.RLIM_INFINITY else min(limit, hard)
            with suppress(ValueError, OSError):  # macOS refuses some limits
                resource.setrlimit(kind, (allowed, hard))
