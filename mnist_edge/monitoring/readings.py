"""What one picture shows in a region: the digits, and the value that the rules make of them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timezone
from decimal import Decimal, InvalidOperation
from typing import Any

UNREAD = "?"
"""Stands in a text for a digit that was not read."""
READING_FIELDS = (
    "time",
    "region",
    "value",
    "unit",
    "rate",
    "raw",
    "error",
    "filled",
    "reading_id",
)
"""The names in a reading's document, in their order."""
_MAX_EXPONENT = 40
"""Largest power of ten of a number, up or down: ``1e999999999`` would be written in a gigabyte."""
_YEARS = range(1970, 9999)
"""Years that every time zone has."""


@dataclass(frozen=True, kw_only=True)
class RegionReading:
    """The digits that one picture shows in one region."""

    region: str
    """The region's name."""
    time: datetime
    """When the picture was taken, in UTC."""
    reading_id: str
    """Names the picture; the readings of all its regions share it."""
    text: str
    """The digits from left to right, ``?`` for each that was not read; no decimal point. Empty if
    nothing was read."""
    confidences: tuple[float, ...] = ()
    """The confidence of each digit of the text, 0..1."""
    error: str | None = None
    """Why nothing could be read, for example ``camera: no picture for 60 s``; None otherwise."""


@dataclass(frozen=True, kw_only=True)
class ValueReading:
    """What the rules make of the digits of a region."""

    region: str
    """The region's name."""
    time: datetime
    """When the picture was taken, in UTC."""
    reading_id: str
    """Names the picture."""
    raw: str
    """The text as it was read, with ``?``."""
    value: Decimal | None
    """The value; None if it was refused, or there was none."""
    rate: Decimal | None
    """The change per minute since the previous value; None if it is not known."""
    error: str | None
    """The rule that refused the value, or the error of the region, a colon, and a sentence."""
    unit: str
    """The unit of the value; empty if it has none."""
    filled: bool = False
    """Whether digits that were not read as they are were completed by the previous value."""

    @property
    def reason(self) -> str | None:
        """The name that the error begins with: a rule's, ``camera`` or ``alignment``."""
        return None if self.error is None else self.error.partition(":")[0]

    @property
    def is_problem(self) -> bool:
        """Whether somebody should look: a change that waits for equal readings is none."""
        return self.error is not None and self.reason != "equal_readings"


def parse_number(text: Any) -> Decimal:
    """Parse a number that was kept.

    Raises:
        ValueError: it is none that a display shows.
    """
    try:
        number = Decimal(text) if isinstance(text, str) else Decimal("nan")
    except InvalidOperation:
        number = Decimal("nan")
    _, digits, exponent = number.as_tuple()
    if not isinstance(exponent, int) or max(len(digits), abs(exponent)) > _MAX_EXPONENT:
        raise ValueError(f"{text!r:.40} is no number of a display")
    return number


def parse_time(text: Any) -> datetime:
    """Parse a time that was kept, in UTC.

    Raises:
        ValueError: it is none, or its zone is not known.
    """
    try:
        time = datetime.fromisoformat(text).astimezone(timezone.utc)
    except (TypeError, ValueError, OverflowError) as error:
        raise ValueError(f"{text!r:.40} is no time") from error
    if time.year not in _YEARS:
        raise ValueError(f"{text!r:.40} is outside {_YEARS[0]}..{_YEARS[-1]}")
    return time


def reading_document(reading: ValueReading) -> dict[str, Any]:
    """Return a reading as a JSON document; values are strings, which keep their decimals."""
    document = {
        "region": reading.region,
        "time": reading.time.isoformat(),
        "reading_id": reading.reading_id,
        "raw": reading.raw,
        "value": _plain(reading.value),
        "rate": _plain(reading.rate),
        "error": reading.error,
        "filled": reading.filled,
        "unit": reading.unit,
    }
    return {name: document[name] for name in READING_FIELDS}


def _plain(number: Decimal | None) -> str | None:
    """Write a number without an exponent."""
    return None if number is None else f"{number:f}"
