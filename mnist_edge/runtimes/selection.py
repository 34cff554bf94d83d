"""Which runtime runs the models: one for TFLite that is installed, or numpy."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib.util import find_spec

from mnist_edge.errors import MissingDependency, UnknownName, reinstall_command

RUNTIME_VARIABLE = "MNIST_EDGE_RUNTIME"
"""The environment variable that names the runtime to use, for this process and its children."""
NUMPY = "numpy"
"""The runtime that needs nothing else, runs int8 alone, and takes two to seven times as long."""
RUNTIMES = {
    "tflite-runtime": "tflite_runtime.interpreter",
    "ai-edge-litert": "ai_edge_litert.interpreter",
    NUMPY: "mnist_edge.runtimes.numpy_backend.executor",
}
"""Modules of the runtimes by the names of their packages; the first that is installed is used."""


def requested_runtime() -> str | None:
    """The runtime that the environment names; None where it leaves the choice.

    Raises:
        UnknownName: there is no such runtime.
        MissingDependency: it is not installed.
    """
    name = os.environ.get(RUNTIME_VARIABLE)
    if not name:
        return None
    if name not in RUNTIMES:
        raise UnknownName("runtime", name, RUNTIMES)
    if not _is_installed(name):
        raise MissingDependency(
            f"{name} is not installed; on this machine: {install_command()}, or take {NUMPY}, "
            "which needs nothing"
        )
    return name


def installed_version(name: str) -> str | None:
    """The version of an installed runtime, one of ``RUNTIMES``; None where it is not installed."""
    return _version(name)


def describe_runtime() -> str:
    """The runtime in use with its version, for example ``tflite-runtime 2.14.0``.

    Raises:
        UnknownName: the environment names one that there is not.
        MissingDependency: it names one that is not installed, or not even numpy is.
    """
    name = selected_runtime()
    return f"{name} {_version(name) or 'of unknown version'}"


def selected_runtime() -> str:
    """The name of the runtime in use, one of ``RUNTIMES``.

    Raises:
        UnknownName: the environment names one that there is not.
        MissingDependency: it names one that is not installed, or not even numpy is.
    """
    name = requested_runtime() or next(filter(_is_installed, RUNTIMES), None)
    if name is None:
        # numpy is a dependency: the installation is damaged.
        raise MissingDependency(f"numpy is not installed: {reinstall_command()}")
    return name


def is_numpy_fallback() -> bool:
    """Whether numpy is in use because nothing else is installed, and not because it was chosen."""
    return requested_runtime() is None and selected_runtime() == NUMPY


@contextmanager
def using_runtime(name: str) -> Iterator[None]:
    """Chooses a runtime for as long as the context lasts.

    Args:
        name: one of ``RUNTIMES``.

    Raises:
        UnknownName: there is no such runtime.
        MissingDependency: it is not installed.
    """
    before = os.environ.get(RUNTIME_VARIABLE)
    # In the environment, the processes that try models find it too.
    os.environ[RUNTIME_VARIABLE] = name
    try:
        requested_runtime()
        yield
    finally:
        if before is None:
            del os.environ[RUNTIME_VARIABLE]
        else:
            os.environ[RUNTIME_VARIABLE] = before


def install_command() -> str:
    """What to type for a TFLite runtime on this machine.

    The wheels of tflite-runtime end with Python 3.11, and were made for Linux alone.
    """
    last = sys.platform == "linux" and sys.version_info < (3, 12)
    return f"pip install {'tflite-runtime' if last else 'ai-edge-litert'}"


@cache
def _is_installed(name: str) -> bool:
    """Looks for the package itself: asking for its version takes Python longer by 10 ms."""
    return find_spec(RUNTIMES[name].partition(".")[0] if name != NUMPY else NUMPY) is not None


@cache
def _version(package: str) -> str | None:
    from importlib import metadata

    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None
