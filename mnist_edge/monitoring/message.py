"""A message that waits to be sent, and what sends it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from mnist_edge.monitoring.readings import ValueReading


@dataclass(frozen=True, kw_only=True)
class Message:
    """What one publisher sends about one picture."""

    publisher: str
    """The name of the publisher."""
    payload: bytes
    """What is sent."""
    reading_id: str
    """Names the picture."""
    time: datetime
    """When the picture was taken, in UTC."""
    topic: str = ""
    """The MQTT topic; empty for other publishers."""
    number: int = 0
    """Its place in the outbox, which grows; 0 before it is there."""


class Publisher(Protocol):
    """Sends readings to one place.

    ``messages`` is called where pictures are read, the others by one thread that may wait.
    """

    @property
    def name(self) -> str:
        """The name by which the outbox knows its messages."""

    def messages(
        self, readings: Sequence[ValueReading], crops: Mapping[str, bytes]
    ) -> list[Message]:
        """Return what to send about one picture.

        Args:
            readings: of all regions of the picture.
            crops: the encoded picture of each region, by its name; may lack some or all. It is
                encoded when it is asked for.
        """

    def connect(self) -> None:
        """Connect, unless it is connected.

        Raises:
            NotDelivered: it cannot.
        """

    def send(self, message: Message) -> None:
        """Send a message; return when the other side has it.

        Raises:
            NotDelivered: it has not, or refuses it for good.
        """

    def close(self) -> None:
        """Disconnect; nothing is raised."""
