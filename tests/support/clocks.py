"""A clock for tests."""

from __future__ import annotations

from collections.abc import Callable


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
