"""A camera whose pictures come with the clock, and which fails as it is told."""

from __future__ import annotations

from collections.abc import Callable

from mnist_edge.monitoring.camera_keeper import CameraFailed, Frame
from mnist_edge.monitoring.clock import Clock

SMALL = b"P5 1 1 255\n0"
"""A picture of a pixel, as PGM; what follows it counts no more."""


class FakeCamera:
    """Gives pictures as time goes by.

    Args:
        clock: stepped by the test.
        picture: gives the content of the picture of a number; by default, bytes that differ.
        interval: seconds of the clock between two pictures.
    """

    def __init__(
        self,
        clock: Clock,
        picture: Callable[[int], bytes] | None = None,
        *,
        interval: float = 0.5,
    ) -> None:
        self._clock = clock
        self._interval = interval
        self.picture = picture or (lambda number: SMALL + b"%d" % number)
        self._before = self.picture(0)
        self.fault: str | None = None
        """``unplugged``, ``silent``, ``frozen``, ``garbage``, or None."""
        self.is_running = False

    def start(self) -> None:
        if self.fault == "unplugged":
            raise CameraFailed("ffmpeg ended with status 1: no such device")
        self.is_running = True

    def newest(self) -> Frame | None:
        now = self._clock.monotonic()
        number = int(now / self._interval)
        if self.fault in {"unplugged", "silent"} or not self.is_running:
            return None
        if self.fault == "garbage":
            return Frame(content=b"\xff\xd8\xff\xd9 %d" % number, at=now)
        if self.fault != "frozen":
            self._before = self.picture(number)
        return Frame(content=self._before, at=number * self._interval)

    def end(self) -> str | None:
        return "ffmpeg ended with status 1: no such device" if self.fault == "unplugged" else None

    def advance(self) -> None:
        pass

    def stop(self) -> None:
        self.is_running = False
