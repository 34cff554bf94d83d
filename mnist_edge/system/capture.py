"""Capture what native code writes to the standard streams."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import BinaryIO

_LOCK = threading.RLock()
"""Held while descriptors are redirected: they belong to the whole process, and two threads that
redirect them in turn would restore each other's temporary file."""


@contextmanager
def capture_descriptors(*descriptors: int) -> Iterator[Callable[[], str]]:
    """Redirect file descriptors to a temporary file within the context.

    TensorFlow and the TFLite runtime announce themselves on every load, below Python's own streams,
    and report there why they failed.

    Args:
        descriptors: 1 for standard output, 2 for standard error.

    Yields:
        A function that returns the text written so far, for an error message.
    """
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            stream.flush()
    saved: dict[int, int] = {}
    with _LOCK, _open_temporary() as file:

        def captured() -> str:
            file.seek(0)
            return file.read().decode(errors="replace")

        try:
            for descriptor in descriptors:
                # A process may have been started with the stream closed.
                if _is_open(descriptor):
                    saved[descriptor] = os.dup(descriptor)
                    os.dup2(file.fileno(), descriptor)
            yield captured
        finally:
            for descriptor, copy in saved.items():
                os.dup2(copy, descriptor)
                os.close(copy)


def _open_temporary() -> BinaryIO:
    """Open a file without a name, in memory where the system has such files."""
    if hasattr(os, "memfd_create"):
        try:
            return os.fdopen(os.memfd_create("mnist-edge"), "w+b")
        except OSError:  # a sandbox may forbid it
            pass
    import tempfile

    return tempfile.TemporaryFile()


def _is_open(descriptor: int) -> bool:
    try:
        os.fstat(descriptor)
    except OSError:
        return False
    return True
