"""What a program takes from its start to its end: time, and memory of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mnist_edge.errors import ProgramFailed
from mnist_edge.system.subprocesses import describe_exit, python_command

_STARTER = Path(__file__).with_name("spawn.py")
_LEFT_OUT = ("PYTHONDONTWRITEBYTECODE", "PYTHONUNBUFFERED")
"""Variables of the environment under which Python compiles its modules anew at every start, or
writes each line by itself; nobody's device has them set."""
_MIB = 1 << 20


@dataclass(frozen=True, kw_only=True)
class StartTimes:
    """One program, started some times."""

    seconds: tuple[float, ...]
    """From start to end, one a round."""
    peak_mib: float | None
    """The most memory that it held, the median of the rounds; None where the system does not
    tell."""


def time_starts(commands: Sequence[Sequence[str]], *, rounds: int) -> list[StartTimes]:
    """StartTimes programs in turn, A B A B, after one round that does not count.

    That round finds the files in the system's cache, and leaves the modules compiled.

    Args:
        commands: words of each.
        rounds: times that each is started.

    Returns:
        One for each command.

    Raises:
        ProgramFailed: one ended with an error.
    """
    environment = {name: value for name, value in os.environ.items() if name not in _LEFT_OUT}
    child = subprocess.run(
        [sys.executable, "-S", "-E", str(_STARTER)],
        input=json.dumps({"commands": [list(words) for words in commands], "rounds": rounds + 1}),
        capture_output=True,
        text=True,
        check=True,
        env=environment,
    )
    found = json.loads(child.stdout)
    for turn in found:
        for (_, _, status), words in zip(turn, commands, strict=True):
            if status:
                raise ProgramFailed(
                    f"{' '.join(words[:4])} ... ended with {describe_exit(status)} and cannot be "
                    "timed; run: mnist-edge doctor"
                )
    return [
        StartTimes(
            seconds=tuple(seconds for seconds, _, _ in turns),
            peak_mib=None if turns[0][1] is None else _median([b for _, b, _ in turns]) / _MIB,
        )
        for turns in zip(*found[1:], strict=True)
    ]


def predict_command(model: str | Path, picture: str | Path) -> list[str]:
    """How this installation's ``mnist-edge predict`` is started."""
    return python_command(
        "mnist_edge.commands.app:main", "predict", "--model", str(model), str(picture)
    )


def _median(values: Sequence[int]) -> float:
    ordered = sorted(values)
    return (ordered[(len(ordered) - 1) // 2] + ordered[len(ordered) // 2]) / 2
