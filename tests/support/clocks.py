"""A clock for tests."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta, timezone


class Clock:
    """A clock that advances only by the work of ``work``'s calls."""

    def __init__(self) -> None:
        self.now = 0.0
        self.called = ""

    def __call__(self) -> float:
        return self.now

    def work(self, name: str, seconds: float) -> Callable[[], None]:
        def call() -> None:
            self.called += name
            self.now += seconds

        return call


class SteppedClock:
    """A monitoring clock that advances only by its sleeps."""

    def __init__(self, start: datetime = datetime(2026, 11, 27, 12, tzinfo=timezone.utc)) -> None:
        self._start = start
        self.elapsed = 0.0
        """Seconds since the start."""

    def now(self) -> datetime:
        return self._start + timedelta(seconds=self.elapsed)

    def monotonic(self) -> float:
        return self.elapsed

    def sleep(self, seconds: float) -> None:
        self.elapsed += seconds
