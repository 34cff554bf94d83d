"""pip, in a process of its own, as it asks to be used from programs."""

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
    """Runs pip to its end.

    Args:
        words: the command and its options.
        doing: what is being done, for a message.
        environment: variables on top of this process's own.

    Raises:
        MissingDependency: this Python has no pip.
        BundleFailed: pip failed; the message has its reason.
    """
    if find_spec("pip") is None:
        raise MissingDependency(f"this Python has no pip: {sys.executable} -m ensurepip")
    ran = subprocess.run(
        python_command(_run_as_module, "--disable-pip-version-check", "--no-input", *words),
        check=False,
        capture_output=True,
        text=True,
        env={**os.environ, **(environment or {})},
    )
    if ran.returncode:
        raise BundleFailed(
            f"pip failed at {doing}: {_reason(ran.stderr)}; check that the network and pip's index "
            "are there, and run it again"
        )


def _run_as_module() -> None:
    """Run pip in the child, as ``python -m pip`` does."""
    run_module("pip", run_name="__main__", alter_sys=True)


def _reason(said: str) -> str:
    """The last of pip's errors, which it puts after what led to it."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    errors = [line.removeprefix("ERROR: ") for line in lines if line.startswith("ERROR: ")]
    return (errors or lines or ["it said nothing"])[-1].rstrip(".")
