"""Keeping what native code writes to the standard streams off the user's screen."""

from __future__ import annotations

import os
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

_LOCK = threading.RLock()
"""Held while descriptors are redirected: they belong to the whole process, and two threads that
redirect them in turn would restore each other's temporary file."""


@contextmanager
def capture_descriptors(*descriptors: int) -> Iterator[Callable[[], str]]:
    """Sends what is written to some file descriptors to a temporary file for a while.

    TensorFlow and the TFLite runtime announce themselves on every load, below Python's own
    streams; they also give the reason of a failure there.

    Args:
        descriptors: 1 for standard output, 2 for standard error.

    Yields:
        A function that returns what has been written so far, for an error message.
    """
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            stream.flush()
    saved: dict[int, int] = {}
    with _LOCK, tempfile.TemporaryFile() as file:

        def said() -> str:
            file.seek(0)
            return file.read().decode(errors="replace")

        try:
            for descriptor in descriptors:
                # A process that was started with the stream closed has nothing to keep clean.
                if _is_open(descriptor):
                    saved[descriptor] = os.dup(descriptor)
                    os.dup2(file.fileno(), descriptor)
            yield said
        finally:
            for descriptor, kept in saved.items():
                os.dup2(kept, descriptor)
                os.close(kept)


def _is_open(descriptor: int) -> bool:
    try:
        os.fstat(descriptor)
    except OSError:
        return False
    return True
