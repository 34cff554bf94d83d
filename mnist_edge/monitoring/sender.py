"""Send what waits in the outbox, in order, and try again while the other side is away."""

from __future__ import annotations

import threading
from collections.abc import Callable

from mnist_edge.errors import MnistEdgeError, NotDelivered
from mnist_edge.monitoring.clock import Clock
from mnist_edge.monitoring.history import History
from mnist_edge.monitoring.message import Publisher

IDLE_PAUSE = 5.0
"""Seconds between two looks at a connection with nothing to send."""
_FIRST_PAUSE = 1.0
"""Seconds after the first failure; each further one doubles them."""
_MAX_PAUSE = 60.0
"""Seconds between two attempts, at most."""


class Sender:
    """Sends the messages of one publisher.

    A message leaves the outbox when the other side has it. After a kill between the two it is sent
    again, with the same reading id.

    Args:
        history: with the outbox; the sender's own connection.
        publisher: what sends.
        clock: by which it waits after a failure.
        report: receives each problem once, when it begins, and a message when it is over.
    """

    def __init__(
        self,
        history: History,
        publisher: Publisher,
        clock: Clock,
        report: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._history = history
        self._publisher = publisher
        self._clock = clock
        self._report = report
        self._pause = _FIRST_PAUSE
        self._not_before: float | None = None
        self._delivered = 0
        """The number of the latest message that the other side has."""
        self._wake = threading.Event()
        self.problem: str | None = None
        """Why the latest attempt failed; None if it did not."""

    @property
    def name(self) -> str:
        """The publisher's name."""
        return self._publisher.name

    def step(self) -> float:
        """Send what waits, unless the pause after a failure lasts.

        Returns:
            Seconds until the next step.
        """
        now = self._clock.monotonic()
        if self._not_before is not None and now < self._not_before:
            return self._not_before - now
        try:
            problem = self._send_all()
        except MnistEdgeError as error:
            self._tell(str(error))
            pause, self._pause = self._pause, min(2 * self._pause, _MAX_PAUSE)
            self._not_before = now + pause
            return pause
        self._tell(problem)
        self._pause, self._not_before = _FIRST_PAUSE, None
        return IDLE_PAUSE

    def _send_all(self) -> str | None:
        """Send what waits; return why the other side refused the last that it did for good."""
        problem = None
        self._publisher.connect()
        while message := self._history.next_message(self._publisher.name):
            refused = False
            try:
                # Where the disk was full it is still in the outbox.
                if message.number != self._delivered:
                    self._publisher.send(message)
            except NotDelivered as error:
                if not error.refused:
                    raise
                problem, refused = str(error), True
            self._delivered = message.number
            self._history.remove_message(message, refused=refused)
        return problem

    def _tell(self, problem: str | None) -> None:
        before, self.problem = self.problem, problem
        if problem is not None and problem != before:
            self._report(f"{self.name}: {problem}")
        elif problem is None and before is not None:
            self._report(f"{self.name}: sending works again")

    def run(self, stop: threading.Event) -> None:
        """Step until ``stop`` is set; then send what can be sent at once, and disconnect."""
        while not stop.is_set():
            self._wake.wait(self.step())
            self._wake.clear()
        self.step()
        self._publisher.close()

    def wake(self) -> None:
        """End the wait of ``run``: something was recorded, or it is to stop."""
        self._wake.set()
