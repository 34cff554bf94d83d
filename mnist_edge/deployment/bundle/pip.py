"""Run pip in a child process, the only way that pip supports for programs."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from runpy import run_module

from mnist_edge.errors import BundleFailed, MissingDependency
from mnist_edge.system.subprocesses import python_command


def run_pip(
    words: Sequence[str | Path], *, doing: str, environment: Mapping[str, str] | None = None
) -> None:
    """Run pip and wait for it.

    Args:
        words: the command and its options.
        doing: what it does, for messages.
        environment: variables to add to this process's own.

    Raises:
        MissingDependency: this Python has no pip.
        BundleFailed: pip failed; the message quotes its reason.
    """
    if find_spec("pip") is None:
        raise MissingDependency(
            f"this Python has no pip; install it with: {sys.executable} -m ensurepip"
        )
    ran = subprocess.run(
        python_command(_run_as_module, "--disable-pip-version-check", "--no-input", *words),
        check=False,
        capture_output=True,
        text=True,
        env={**os.environ, **(environment or {})},
    )
    if ran.returncode:
        raise BundleFailed(
            f"pip failed at {doing}: {_last_error(ran.stderr)}; check the network and pip's index, "
            "and try again"
        )


def _run_as_module() -> None:
    """Run pip in the child, as ``python -m pip`` does."""
    run_module("pip", run_name="__main__", alter_sys=True)


def _last_error(messages: str) -> str:
    """Return the last error that pip printed, which is the cause."""
    lines = [line.strip() for line in messages.splitlines() if line.strip()]
    errors = [line.removeprefix("ERROR: ") for line in lines if line.startswith("ERROR: ")]
    return (errors or lines or ["no message"])[-1].rstrip(".")
