"""Readings of a counter, one a minute."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from decimal import Decimal

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
