"""Something made on a thread of its own while other work goes on."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Ahead(Generic[T]):
    """A result under way.

    The thread is a daemon, unlike those of ``concurrent.futures``: whoever presses Ctrl-C does not
    wait for what nobody will fetch.

    Args:
        make: called at once, on the thread.
    """

    def __init__(self, make: Callable[[], T]) -> None:
        self._make = make
        self._made: T
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self._made = self._make()
        except BaseException as error:  # noqa: BLE001  # raised by result()
            self._error = error

    def result(self) -> T:
        """What was made, waited for; what went wrong is raised here."""
        self._thread.join()
        if self._error is not None:
            raise self._error
        return self._made
