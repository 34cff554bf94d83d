"""Readings of a counter, one a minute, and messages about them."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from decimal import Decimal

from mnist_edge.monitoring.message import Message
from mnist_edge.monitoring.readings import ValueReading

START = datetime(2026, 11, 27, tzinfo=timezone.utc)


def counter_reading(
    number: int, *, region: str = "water", error: str | None = None
) -> ValueReading:
    """The counter shows a hundredth of the number."""
    return ValueReading(
        region=region,
        time=START + timedelta(minutes=number),
        reading_id=f"id-{number}",
        raw=f"{number:05d}",
        value=None if error else Decimal(number).scaleb(-2),
        rate=None if error else Decimal("0.01"),
        error=error,
        unit="m³",
    )


def waiting_message(number: int, publisher: str = "mqtt", payload: bytes = b"{}") -> Message:
    """A message about that reading."""
    time = START + timedelta(minutes=number)
    return Message(publisher=publisher, payload=payload, reading_id=f"id-{number}", time=time)
