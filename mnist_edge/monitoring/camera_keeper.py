"""Keep a camera running: notice each way in which it fails, and restart it.

It may end, give nothing, give broken pictures, or give the same picture over and over. Each is a
problem with a name within a minute, and goes away by itself when pictures come again.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import Protocol

from mnist_edge.errors import PictureError
from mnist_edge.monitoring.clock import Clock, format_duration
from mnist_edge.monitoring.settings import CameraSettings
from mnist_edge.preprocessing.decoding import picture_size

_FIRST_PAUSE, _LAST_PAUSE = 1.0, 30.0
"""Seconds before a camera is restarted: at first, and at most; each pause is twice the last."""


@dataclass(frozen=True, kw_only=True)
class Frame:
    """A picture of a camera."""

    content: bytes
    """The picture, encoded."""
    at: float
    """When it arrived, by the monotonic clock."""


class CameraFailed(Exception):
    """A camera cannot be started; the message says why."""


class Camera(Protocol):
    """Gives pictures from its start to its stop, and may be started again."""

    def start(self) -> None:
        """Start it.

        Raises:
            CameraFailed: it cannot be started now.
        """

    def newest(self) -> Frame | None:
        """Return its newest picture since the start; None if there is none yet."""

    def end(self) -> str | None:
        """Return why it gives no more pictures; None as long as it may."""

    def advance(self) -> None:
        """Take note that its newest picture was read: one that replays pictures goes on."""

    def stop(self) -> None:
        """Stop it."""


class CameraKeeper:
    """Starts a camera, and starts it again when it fails.

    Args:
        camera: not yet started.
        settings: what counts as a failure.
        clock: all times are of it.
    """

    def __init__(self, camera: Camera, settings: CameraSettings, clock: Clock) -> None:
        self._camera, self._settings, self._clock = camera, settings, clock
        self.problem: str | None = None
        """Why there are no pictures now; None if there are, or the camera just started."""
        self.problem_since = 0.0
        """When the last good picture came before it, or it was opened, by the monotonic clock."""
        self.starts = 0
        """How often the camera was started."""
        self._is_wanted = self._is_running = False
        self._is_complete = False
        """Whether the program has ended after its picture, as for an address of a single one."""
        self._pause = _FIRST_PAUSE
        self._opened = self._started = self._retry_at = 0.0
        self._last: Frame | None = None
        self._digest: int | None = None
        self._changed_at = 0.0
        """When the content of the pictures last changed."""

    def open(self) -> None:
        """Want pictures from now on."""
        if not self._is_wanted:
            self._is_wanted = True
            self._opened = self._retry_at = self._clock.monotonic()
        self.tend()

    def close(self) -> None:
        """Stop the camera."""
        self._is_wanted = False
        self._stop()

    @property
    def is_healthy(self) -> bool:
        """Whether it gives pictures now."""
        return self.problem is None and self._last is not None

    def advance(self) -> None:
        """Take note that the newest picture was read."""
        self._camera.advance()

    def tend(self) -> None:
        """Look after the camera; called every few seconds, or oftener."""
        now = self._clock.monotonic()
        if not self._is_wanted:
            return
        if not self._is_running:
            if now >= self._retry_at:
                self._start(now)
            return
        reason = self._take_newest() or self._ended() or self._silence(now)
        if reason:
            self._fail(reason, now)

    def newest(self, after: float) -> Frame | None:
        """Return the newest picture if it is later than a time and the camera has settled."""
        self.tend()
        frame = self._last
        settled = 0.0 if self._is_complete else self._started + self._settings.warm_up
        return frame if frame and self._is_running and frame.at >= max(after, settled) else None

    def latest(self, max_age: float) -> Frame | None:
        """Return the newest picture if it is not too old, whether or not the camera has settled.

        Args:
            max_age: in seconds.
        """
        oldest = self._clock.monotonic() - max_age
        return self._last if self._last and self._last.at >= oldest else None

    def reject(self, reason: str) -> None:
        """Take note that the newest picture cannot be decoded: the camera is restarted."""
        self._fail(reason, self._clock.monotonic())

    def _ended(self) -> str | None:
        """Return why the camera gives no more pictures.

        One that is started for each reading may end after a picture.
        """
        reason = self._camera.end()
        if reason and self._last and not self._settings.keep_open:
            self._is_complete, reason = True, None
        return reason

    def _silence(self, now: float) -> str | None:
        """Return what is wrong if there was no picture for too long: longer after a start."""
        patience = self._settings.no_picture_after
        since = self._last.at if self._last else self._started + min(self._settings.warm_up, 10.0)
        return f"no picture for {format_duration(patience)}" if now - since > patience else None

    def _start(self, now: float) -> None:
        self.starts += 1
        try:
            self._camera.start()
        except CameraFailed as error:
            self._fail(str(error), now)
            return
        self._is_running, self._started, self._last = True, self._clock.monotonic(), None
        self._is_complete = False

    def _take_newest(self) -> str | None:
        """Take the camera's newest picture; return what is wrong if it is the same for too long."""
        frame = self._camera.newest()
        if frame is None or (self._last and frame.at <= self._last.at):
            return None
        self._last = frame
        try:
            picture_size(frame.content)
        except PictureError:
            return "what it gives is no picture"
        digest = zlib.crc32(frame.content)
        frozen_after = self._settings.frozen_after
        if digest != self._digest or not frozen_after:
            self._digest, self._changed_at = digest, frame.at
            self.problem, self._pause = None, _FIRST_PAUSE
        elif frame.at - self._changed_at >= frozen_after:
            words = format_duration(frozen_after)
            return f"frozen: the same picture, byte for byte, for {words}"
        return None

    def _fail(self, reason: str, now: float) -> None:
        self._stop()
        if self.problem is None:
            self.problem_since = max(self._changed_at, self._opened)
        self.problem = reason
        self._retry_at = now + self._pause
        self._pause = min(2 * self._pause, _LAST_PAUSE)

    def _stop(self) -> None:
        if self._is_running:
            self._is_running, self._last = False, None
            self._camera.stop()
