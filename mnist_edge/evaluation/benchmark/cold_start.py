"""Measure programs from start to exit: time, and peak memory."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mnist_edge.errors import ProgramFailed
from mnist_edge.system.subprocesses import describe_exit, python_command

_SPAWN_SCRIPT = Path(__file__).with_name("spawn.py")
_REMOVED_VARIABLES = ("PYTHONDONTWRITEBYTECODE", "PYTHONUNBUFFERED")
"""Environment variables of developers that slow Python down: without bytecode caches, or
unbuffered."""
_MIB = 1 << 20


@dataclass(frozen=True, kw_only=True)
class StartTimes:
    """The measurements of one program."""

    seconds: tuple[float, ...]
    """Time from start to exit in each round."""
    peak_mib: float | None
    """Peak memory, the median of the rounds; None if the system does not report it."""


def time_starts(commands: Sequence[Sequence[str]], *, rounds: int) -> list[StartTimes]:
    """Start programs in alternation, A B A B, after one round that is not counted.

    The first round fills the system's file cache and Python's bytecode caches.

    Args:
        commands: the words of each command.
        rounds: number of times to start each.

    Returns:
        The measurements of each command.

    Raises:
        ProgramFailed: a program ended with an error.
    """
    environment = {
        name: value for name, value in os.environ.items() if name not in _REMOVED_VARIABLES
    }
    child = subprocess.run(
        [sys.executable, "-S", "-E", str(_SPAWN_SCRIPT)],
        input=json.dumps({"commands": [list(words) for words in commands], "rounds": rounds + 1}),
        capture_output=True,
        text=True,
        check=True,
        env=environment,
    )
    measured = json.loads(child.stdout)
    for starts in measured:
        for (_, _, status), words in zip(starts, commands, strict=True):
            if status:
                raise ProgramFailed(
                    f"{' '.join(words[:4])} ... ended with {describe_exit(status)} and cannot be "
                    "timed; run: mnist-edge doctor"
                )
    return [
        StartTimes(
            seconds=tuple(seconds for seconds, _, _ in starts),
            peak_mib=None
            if starts[0][1] is None
            else statistics.median(peak for _, peak, _ in starts) / _MIB,
        )
        for starts in zip(*measured[1:], strict=True)
    ]


def predict_argv(model: str | Path, picture: str | Path) -> list[str]:
    """Return the command that runs this installation's ``mnist-edge predict``."""
    return python_command(
        "mnist_edge.commands.app:main", "predict", "--model", str(model), str(picture)
    )
