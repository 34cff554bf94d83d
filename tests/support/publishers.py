"""A publisher of the tests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from mnist_edge.errors import NotDelivered
from mnist_edge.monitoring.message import Message
from mnist_edge.monitoring.readings import ValueReading


class SentMessages:
    """A publisher that keeps what it is sent."""

    name = "recorder"

    def __init__(self) -> None:
        self.sent: list[str] = []
        self.away = False
        self.refuses = ""
        self.attempts = 0
        self.closed = False

    def messages(
        self, readings: Sequence[ValueReading], crops: Mapping[str, bytes]
    ) -> list[Message]:
        return [
            Message(publisher="recorder", payload=b"", reading_id=one.reading_id, time=one.time)
            for one in readings
        ]

    def connect(self) -> None:
        self.attempts += 1
        if self.away:
            raise NotDelivered("nobody listens")

    def send(self, message: Message) -> None:
        if message.reading_id == self.refuses:
            raise NotDelivered("it is too odd", refused=True)
        self.sent.append(message.reading_id)

    def close(self) -> None:
        self.closed = True
