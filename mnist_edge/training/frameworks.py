"""Lazy, quiet imports of Keras and TensorFlow that report a missing extra as our own error."""

from __future__ import annotations

import os
import platform
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module, metadata
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

from mnist_edge.errors import MissingDependency, extra_install_command
from mnist_edge.system.capture import capture_descriptors

_PACKAGES = ("keras", "tensorflow", "jax", "numpy")


def require_workstation() -> None:
    """Check, without importing it, that what trains and converts is installed.

    Under ``KERAS_BACKEND=jax`` that is Keras alone: there is no TensorFlow to train with.

    Raises:
        MissingDependency: the workstation extra is not installed.
    """
    jax = os.environ.get("KERAS_BACKEND") == "jax"
    for name in ("keras",) if jax else ("keras", "tensorflow"):
        if find_spec(name) is None:
            raise _missing(f"training and converting need TensorFlow (no module named {name!r})")


def import_keras() -> ModuleType:
    """Import ``keras``.

    Raises:
        MissingDependency: the workstation extra is not installed.
    """
    return _import("keras", needed_for="training and converting need TensorFlow")


def import_tensorflow() -> ModuleType:
    """Import ``tensorflow``.

    Raises:
        MissingDependency: the workstation extra is not installed.
    """
    return _import("tensorflow", needed_for="converting needs TensorFlow")


def import_jax() -> ModuleType:
    """Import ``jax``.

    Raises:
        MissingDependency: the jax extra is not installed.
    """
    try:
        return import_module("jax")
    except ImportError as error:
        raise MissingDependency(
            f"Keras' backend jax needs JAX ({error}): {extra_install_command('jax')}"
        ) from error


def has_accelerator() -> bool:
    """Return whether JAX is installed and finds an accelerator: a GPU or TPU."""
    if find_spec("jax") is None:
        return False
    with _without_chatter():
        return bool(import_jax().default_backend() != "cpu")


def choose_backend() -> None:
    """Let Keras train under JAX if that finds an accelerator, unless ``KERAS_BACKEND`` is set.

    Has no effect once Keras is imported.
    """
    if "KERAS_BACKEND" not in os.environ and "keras" not in sys.modules and has_accelerator():
        os.environ["KERAS_BACKEND"] = "jax"


def keep_compilations(folder: Path) -> None:
    """Keep what JAX compiles for an accelerator, so that the next process need not do so again."""
    import_jax().config.update("jax_compilation_cache_dir", str(folder))


def describe_backend() -> str:
    """Describe what Keras computes on and with."""
    backend = import_keras().backend.backend()
    if backend != "jax":
        return f"this machine's processor ({backend})"
    device = import_jax().devices()[0]
    return f"{device.device_kind} ({backend})"


def import_tf_keras() -> ModuleType:
    """Import ``tf_keras``, the maintained Keras 2, for files that Keras 3 does not load.

    Raises:
        MissingDependency: the workstation extra is not installed.
    """
    return _import("tf_keras", needed_for="files of Keras 2 need tf_keras")


def _import(name: str, *, needed_for: str) -> ModuleType:
    if module := sys.modules.get(name):
        return module
    try:
        with _without_chatter(), _ended_by_interrupts():
            return import_module(name)
    except ImportError as error:
        raise _missing(f"{needed_for} ({error})") from error


def _missing(reason: str) -> MissingDependency:
    return MissingDependency(f"{reason}: {extra_install_command('workstation')}")


def package_versions() -> dict[str, str]:
    """Return the versions of Python and of the installed packages that affect a trained model."""
    found = {"python": platform.python_version()}
    for package in _PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found


@contextmanager
def _ended_by_interrupts() -> Iterator[None]:
    """Let Ctrl-C end the process at once, as the system does by itself.

    A ``KeyboardInterrupt`` is lost where an import runs native code, a callback of the import
    system or a bare ``except``, as those of the frameworks do for seconds.
    """
    handler = signal.getsignal(signal.SIGINT)
    # Another handler belongs to somebody who waits for signals.
    is_ours = handler is signal.default_int_handler
    if not is_ours or threading.current_thread() is not threading.main_thread():
        yield
        return
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, handler)


@contextmanager
def _without_chatter() -> Iterator[None]:
    """Silence TensorFlow's notes on CPU flags and missing CUDA while it is imported."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with capture_descriptors(2):
        yield
