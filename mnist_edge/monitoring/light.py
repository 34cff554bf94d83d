"""Switch a light on and off by a program."""

from __future__ import annotations

import shlex
import subprocess

from mnist_edge.errors import InvalidValue, ProgramFailed
from mnist_edge.system.subprocesses import describe_exit

_SECONDS = 10.0
"""Time that the program may take."""


class Light:
    """A light that a program switches; without a program, none.

    Args:
        command: the program and its first words; ``on`` or ``off`` follows. No shell reads it.

    Raises:
        InvalidValue: a quote is not closed.
    """

    def __init__(self, command: str) -> None:
        try:
            self._words = shlex.split(command)
        except ValueError as error:
            raise InvalidValue(f"light_command: {command!r}: {error}") from error

    def __bool__(self) -> bool:
        return bool(self._words)

    def switch(self, *, on: bool) -> None:
        """Switch it, and wait until the program has ended.

        Raises:
            ProgramFailed: it cannot be started, fails, or takes too long.
        """
        if not self._words:
            return
        words = [*self._words, "on" if on else "off"]
        try:
            ended = subprocess.run(
                words,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                timeout=_SECONDS,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise ProgramFailed(f"light_command {shlex.join(words)}: {error}") from error
        if ended.returncode:
            raise ProgramFailed(
                f"light_command {shlex.join(words)} ended with {describe_exit(ended.returncode)}"
            )
