"""The time, as an object, so that a day passes in a test within seconds."""

from __future__ import annotations

import re
import time
from datetime import datetime, timedelta, timezone
from typing import Annotated, Protocol, TypeAlias

from mnist_edge.errors import InvalidValue
from mnist_edge.system.text import shorten

Duration: TypeAlias = Annotated[float, "duration"]
"""Seconds, which settings and options write as ``10``, ``"10s"``, ``"5m"``, ``"2h"`` or
``"7d"``."""

_SECONDS = {"ms": 0.001, "": 1, "s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_MAX_DURATION = 3.2e9
"""Seconds of a century; no clock waits as long as some numbers say."""
_DURATION = re.compile(rf"\s*(\d+(?:\.\d+)?|\.\d+)\s*({'|'.join(filter(None, _SECONDS))})?\s*")


class Clock(Protocol):
    """Tells the time, and waits."""

    def now(self) -> datetime:
        """Return the time of day, in UTC."""

    def monotonic(self) -> float:
        """Return seconds since some point in the past, which no correction of the time changes."""

    def sleep(self, seconds: float) -> None:
        """Wait; it may return earlier."""


class SystemClock:
    """The time of this machine."""

    def now(self) -> datetime:
        """Return the time of day, in UTC."""
        return datetime.now(timezone.utc)

    def monotonic(self) -> float:
        """Return seconds since the machine was started."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait."""
        time.sleep(max(0.0, seconds))


def parse_duration(text: str | float) -> float:
    """Return the seconds of a duration, for example 300.0 for ``5m``.

    Args:
        text: a number of seconds, or a number with ``ms``, ``s``, ``m``, ``h``, ``d`` or ``w``.

    Raises:
        InvalidValue: it is neither, or longer than a century.
    """
    found = _DURATION.fullmatch(str(text))
    if isinstance(text, bool) or not found:
        raise InvalidValue(f"{text!r} is no duration; write for example 10s, 5m, 2h or 7d")
    seconds = float(found[1]) * _SECONDS[found[2] or ""]
    if seconds > _MAX_DURATION:
        raise InvalidValue(
            f"{shorten(repr(text), 60)} is longer than a century; write for example 10s or 7d"
        )
    return seconds


def parse_since(text: str, now: datetime) -> datetime:
    """Return the time, in UTC, that a duration such as ``7d`` goes back to, or that a date names.

    Args:
        text: a duration before now, or a date or time as ISO 8601; local without a time zone.
        now: the time.

    Raises:
        InvalidValue: it is neither.
    """
    try:
        return datetime.fromisoformat(text).astimezone(timezone.utc)
    except (ValueError, OverflowError):
        pass
    try:
        return now - timedelta(seconds=parse_duration(text))
    except (InvalidValue, OverflowError) as error:
        raise InvalidValue(
            f"since {text}: expected a time such as 12h or 7d, or a date such as 2026-11-01"
        ) from error


def format_duration(seconds: float) -> str:
    """Format seconds as ``parse_duration`` reads them, in the largest unit that divides them."""
    for unit in ("d", "h", "m"):
        if seconds and seconds % _SECONDS[unit] == 0:
            return f"{seconds / _SECONDS[unit]:.12g}{unit}"
    return f"{seconds:.12g}s"
