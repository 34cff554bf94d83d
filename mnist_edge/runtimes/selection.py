"""Select the runtime that runs the models: an installed TFLite runtime, or numpy."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib.util import find_spec

from mnist_edge.errors import MissingDependency, UnknownName, reinstall_command

RUNTIME_VARIABLE = "MNIST_EDGE_RUNTIME"
"""The environment variable that names the runtime, for this process and its children."""
NUMPY = "numpy"
"""The runtime that needs no further package, runs int8 only, and takes two to seven times as
long."""
REFERENCE_RUNTIME = "tflite-runtime"
"""The runtime that files are verified on where it is installed: its integers are the same on every
processor, and those that standalone C and the numpy runtime compute."""
_LITERT = "ai-edge-litert"
RUNTIMES = {
    _LITERT: "ai_edge_litert.interpreter",
    REFERENCE_RUNTIME: "tflite_runtime.interpreter",
    NUMPY: "mnist_edge.runtimes.numpy_backend.executor",
}
"""Modules of the runtimes, by the names of their packages, the fastest first; the first that is
installed is used. On x86-64 ai-edge-litert 2.3.0 hands a whole graph in int8 to XNNPACK, and takes
a sixth of the time of tflite-runtime 2.14.0, whose wheel hands it none. Their answers differ by one
or two steps of 256, which the golden vectors allow."""
_KNOWN_FAST = {"x86_64", "AMD64"}
"""Processors on which that was measured."""


def requested_runtime() -> str | None:
    """Return the runtime that the environment names, if it names one.

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
            f"{name} is not installed; install it with: {install_command()}, or choose {NUMPY}, "
            "which needs no further package"
        )
    return name


def installed_version(name: str) -> str | None:
    """Return the version of an installed runtime; None if it is not installed.

    Args:
        name: one of ``RUNTIMES``.
    """
    return _version(name)


def selected_runtime() -> str:
    """Return the name of the runtime in use, one of ``RUNTIMES``.

    Raises:
        UnknownName: the environment names an unknown runtime.
        MissingDependency: the runtime that it names is not installed, or not even numpy is.
    """
    name = requested_runtime() or next(filter(_is_installed, RUNTIMES), None)
    if name is None:
        # numpy is a dependency: the installation is damaged.
        raise MissingDependency(f"numpy is not installed: {reinstall_command()}")
    return name


def reference_runtime() -> str:
    """Return the runtime to verify files on: the requested one, or else ``REFERENCE_RUNTIME``.

    Where that is not installed, it is the one in use.

    Raises:
        UnknownName: the environment names an unknown runtime.
        MissingDependency: the runtime that it names is not installed, or not even numpy is.
    """
    if requested_runtime() is None and _is_installed(REFERENCE_RUNTIME):
        return REFERENCE_RUNTIME
    return selected_runtime()


def installed_runtimes() -> list[str]:
    """Return the names of the runtimes that are installed, the fastest first."""
    return [*filter(_is_installed, RUNTIMES)]


def describe_runtime(name: str | None = None) -> str:
    """Return a runtime with its version, for example ``tflite-runtime 2.14.0``.

    Args:
        name: one of ``RUNTIMES``; None for the one in use.

    Raises:
        UnknownName: the environment names an unknown runtime.
        MissingDependency: the runtime that it names is not installed, or not even numpy is.
    """
    name = name or selected_runtime()
    return f"{name} {_version(name) or 'of unknown version'}"


def is_numpy_fallback() -> bool:
    """Return whether numpy is in use because no TFLite runtime is, rather than by request."""
    return requested_runtime() is None and selected_runtime() == NUMPY


@contextmanager
def using_runtime(name: str) -> Iterator[None]:
    """Use a runtime within the context, in this process and its children.

    Args:
        name: one of ``RUNTIMES``.

    Raises:
        UnknownName: there is no such runtime.
        MissingDependency: it is not installed.
    """
    before = os.environ.get(RUNTIME_VARIABLE)
    # Child processes inherit the environment.
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
    """Return the command that installs a TFLite runtime on this machine.

    tflite-runtime has wheels for Linux only, and for Python up to 3.11.
    """
    has_wheel = sys.platform == "linux" and sys.version_info < (3, 12)
    return f"pip install {'tflite-runtime' if has_wheel else 'ai-edge-litert'}"


def faster_install_command() -> str | None:
    """Return the command that installs a faster runtime, None if none is known to be faster."""
    is_known = platform.machine() in _KNOWN_FAST and not _is_installed(_LITERT)
    return f"pip install {_LITERT}" if is_known else None


@cache
def _is_installed(name: str) -> bool:
    """Look for the package itself: asking for its version takes 10 ms more."""
    return find_spec(RUNTIMES[name].partition(".")[0] if name != NUMPY else NUMPY) is not None


@cache
def _version(package: str) -> str | None:
    from importlib import metadata

    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None
