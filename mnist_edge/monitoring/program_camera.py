"""A camera that a program reads: a child that writes JPEG pictures, watched and ended."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import threading
from collections.abc import Sequence
from contextlib import suppress
from typing import IO

from mnist_edge.monitoring.camera_keeper import CameraFailed, Frame
from mnist_edge.monitoring.clock import Clock
from mnist_edge.monitoring.mjpeg import FrameSplitter
from mnist_edge.system.subprocesses import describe_exit
from mnist_edge.system.text import escape_controls, hide_passwords, one_line

_END_SECONDS = 2.0
"""Time in which a program may end by itself after SIGTERM."""
_CHUNK = 1 << 16
_SPEAKER = re.compile(r"\[[^\[\]]+ @ 0x[0-9a-f]+\] ?")
"""Which part of ffmpeg says something, with its address in memory, which is another each time."""
_LAST_BYTES = 2000
"""Bytes of a program's messages that are kept: it may write endlessly."""


class ProgramCamera:
    """A program that writes JPEG pictures to its standard output, one after another.

    It is ended with everything that it started. Where there is ``setpriv`` (util-linux), the system
    ends it if this process is killed; elsewhere it ends at the next picture that nobody takes.

    Args:
        command: its words.
        clock: for the time of each picture.
    """

    def __init__(self, command: Sequence[str], clock: Clock) -> None:
        self._command, self._clock = list(command), clock
        self._program = os.path.basename(command[0])  # noqa: PTH119
        self._child: subprocess.Popen[bytes] | None = None
        self._threads: list[threading.Thread] = []
        self._lock = threading.Lock()
        self._newest: Frame | None = None
        self._messages = b""

    def start(self) -> None:
        """Start the program.

        Raises:
            CameraFailed: the system cannot start it.
        """
        self.stop()
        words = self._command
        if guard := shutil.which("setpriv"):
            words = [guard, "--pdeathsig", "KILL", "--", *words]
        self._newest, self._messages = None, b""
        try:
            child = subprocess.Popen(
                words,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                bufsize=0,
                start_new_session=True,
            )
        except OSError as error:
            raise CameraFailed(f"{self._program} cannot be started: {error.strerror}") from error
        self._child = child
        self._threads = [
            threading.Thread(target=work, args=(stream,), daemon=True)
            for work, stream in (
                (self._collect_pictures, child.stdout),
                (self._collect_messages, child.stderr),
            )
        ]
        for thread in self._threads:
            thread.start()

    def newest(self) -> Frame | None:
        """Return the newest picture since the start."""
        with self._lock:
            return self._newest

    def end(self) -> str | None:
        """Return how the program ended, with its last words; None as long as it runs."""
        if self._child is None or self._child.poll() is None:
            return None
        for thread in self._threads:
            thread.join(_END_SECONDS)
        # What a camera says is recorded and sent, and ffmpeg repeats the address that it was given.
        words = hide_passwords(self._messages.decode(errors="replace"))
        words = escape_controls(one_line(words))
        words = _SPEAKER.sub("", words)
        said = f": {words[-300:]}" if words else ""
        return f"{self._program} ended with {describe_exit(self._child.returncode)}{said}"

    def advance(self) -> None:
        """Do nothing: the next picture is already on its way."""

    def stop(self) -> None:
        """End the program and what it started."""
        child, self._child = self._child, None
        if child is None:
            return
        _signal_group(child, signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            child.wait(_END_SECONDS)
        # What it started may still run, and hold its pipes.
        _signal_group(child, signal.SIGKILL)
        child.wait()
        for thread in self._threads:
            thread.join(_END_SECONDS)
        for stream in (child.stdout, child.stderr):
            if stream:
                stream.close()

    def _collect_pictures(self, stream: IO[bytes]) -> None:
        splitter = FrameSplitter()
        with suppress(OSError, ValueError):
            while chunk := stream.read(_CHUNK):
                for content in splitter.feed(chunk):
                    frame = Frame(content=content, at=self._clock.monotonic())
                    with self._lock:
                        self._newest = frame

    def _collect_messages(self, stream: IO[bytes]) -> None:
        with suppress(OSError, ValueError):
            while chunk := stream.read(_CHUNK):
                self._messages = (self._messages + chunk)[-_LAST_BYTES:]


def _signal_group(child: subprocess.Popen[bytes], number: int) -> None:
    """Signal a child and everything that it started in its group."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, number)
