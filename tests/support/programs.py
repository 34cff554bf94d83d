"""Run the program, in this process or in one of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from subprocess import CompletedProcess
from typing import TypeAlias

import pytest

from mnist_edge.commands.app import main
from tests.support.paths import ROOT

Run: TypeAlias = Callable[..., CompletedProcess[str]]
"""The fixture ``run``: the program's arguments, in this process."""
Start: TypeAlias = Callable[..., CompletedProcess[bytes]]
"""The fixture ``start``: the program's arguments, in a process of its own."""


def exit_status(*arguments: str | Path) -> int:
    """Run the program in this process and return the status that it exits with."""
    with pytest.raises(SystemExit) as ended:
        main([str(argument) for argument in arguments])
    status = ended.value.code
    assert isinstance(status, int)
    return status


def mnist_edge(*arguments: str, folder: Path) -> CompletedProcess[str]:
    """Run the program in a folder, and return its result even if it fails."""
    return subprocess.run(
        [sys.executable, "-m", "mnist_edge", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )


@contextmanager
def start_program(*arguments: str | Path) -> Iterator[subprocess.Popen[str]]:
    """Start the program in a process of its own, which ends with the block at the latest."""
    words = [sys.executable, "-m", "mnist_edge", *map(str, arguments)]
    with subprocess.Popen(
        words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def run_python(code: str, argument: str) -> str:
    """Run code in a process of its own, and return what it prints."""
    outcome = subprocess.run(
        [sys.executable, "-c", code, argument],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    return outcome.stdout.strip()
