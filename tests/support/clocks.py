"""A clock that tests set themselves."""

from __future__ import annotations

from collections.abc import Callable


class Clock:
    """Every look at it takes a second, and every call as many as it says."""

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
