"""Importing Keras and TensorFlow: late, quietly, and with our own error where they are missing."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import metadata
from types import ModuleType

from mnist_edge.errors import MissingDependency
from mnist_edge.quiet import captured_descriptors

INSTALL_HINT = "pip install 'mnist-edge[workstation]' (in a clone: pip install '.[workstation]')"

_PACKAGES = ("keras", "tensorflow", "jax", "numpy")


def import_keras() -> ModuleType:
    """The ``keras`` module.

    Raises:
        MissingDependency: the workstation extra is not installed.
    """
    try:
        with _quiet():
            import keras
    except ImportError as error:
        raise MissingDependency(
            f"training and converting need TensorFlow ({error}): {INSTALL_HINT}"
        ) from error
    module: ModuleType = keras
    return module


def import_tensorflow() -> ModuleType:
    """The ``tensorflow`` module.

    Raises:
        MissingDependency: the workstation extra is not installed.
    """
    try:
        with _quiet():
            import tensorflow  # noqa: ICN001  # the name is what a reader greps for
    except ImportError as error:
        raise MissingDependency(f"converting needs TensorFlow ({error}): {INSTALL_HINT}") from error
    module: ModuleType = tensorflow
    return module


def versions() -> dict[str, str]:
    """Version of Python and of each installed package that shapes a trained model."""
    found = {"python": platform.python_version()}
    for package in _PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found


@contextmanager
def _quiet() -> Iterator[None]:
    """TensorFlow tells everybody about CPU flags and missing CUDA while it is imported."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with captured_descriptors(2):
        yield
