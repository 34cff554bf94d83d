"""The rows of a history: readings, messages and states as SQLite's cells hold them, and back.

A cell may hold anything: whoever can write the file can write it. What no watch wrote is an error.
"""

from __future__ import annotations

import json
from datetime import datetime, timezone
from typing import Any

from mnist_edge.monitoring.message import Message
from mnist_edge.monitoring.readings import ValueReading, parse_number, parse_time
from mnist_edge.monitoring.rules import RegionState, parse_state

_MAX_TEXT = 10_000
"""Characters of a region's name, an error or a state, at most."""


def format_timestamp(time: datetime) -> str:
    """Write a time so that texts sort as the times do."""
    return time.astimezone(timezone.utc).isoformat(timespec="microseconds")


def reading_row(reading: ValueReading) -> tuple[Any, ...]:
    """Return the row of a reading, in the order in which ``parse_reading`` takes its cells."""
    return (
        reading.reading_id,
        reading.region,
        format_timestamp(reading.time),
        reading.raw,
        None if reading.value is None else f"{reading.value:f}",
        None if reading.rate is None else f"{reading.rate:f}",
        reading.error,
        reading.filled,
        reading.unit,
    )


def parse_reading(
    reading_id: Any,
    region: Any,
    time: Any,
    raw: Any,
    value: Any,
    rate: Any,
    error: Any,
    filled: Any,
    unit: Any,
) -> ValueReading:
    """Return the reading of a row.

    Raises:
        ValueError: a cell holds something that no watch wrote.
    """
    return ValueReading(
        region=_parse_text(region),
        time=parse_time(time),
        reading_id=_parse_text(reading_id),
        raw=_parse_text(raw),
        value=None if value is None else parse_number(value),
        rate=None if rate is None else parse_number(rate),
        error=None if error is None else _parse_text(error),
        unit=_parse_text(unit),
        filled=bool(filled),
    )


def parse_message(
    publisher: Any, payload: Any, reading_id: Any, time: Any, topic: Any, number: Any
) -> Message:
    """Return the message of a row.

    Raises:
        ValueError: a cell holds something that no watch wrote.
    """
    return Message(
        publisher=_parse_text(publisher),
        payload=parse_bytes(payload),
        reading_id=_parse_text(reading_id),
        time=parse_time(time),
        topic=_parse_text(topic),
        number=parse_count(number),
    )


def parse_stored_state(state: Any) -> RegionState:
    """Return the state of a region's rules from its cell.

    Raises:
        ValueError: it is not JSON.
        KeyError: it lacks a field.
    """
    try:
        return parse_state(json.loads(_parse_text(state)))
    except RecursionError as error:
        raise ValueError(f"{state!r:.40} is not a state") from error


def _parse_text(text: Any) -> str:
    """Return the text of a cell, which in SQLite may hold anything.

    Raises:
        ValueError: it is none, or longer than any that a watch writes.
    """
    if not isinstance(text, str) or len(text) > _MAX_TEXT:
        raise ValueError(f"{text!r:.40} is not the text of a reading")
    return text


def parse_bytes(content: Any) -> bytes:
    """Return the bytes of a cell.

    Raises:
        ValueError: it holds something else.
    """
    if not isinstance(content, bytes):
        raise ValueError(f"{content!r:.40} is no message or picture")  # noqa: TRY004  # damage
    return content


def parse_count(count: Any) -> int:
    """Return the number of a cell.

    Raises:
        ValueError: it holds something else.
    """
    if not isinstance(count, int):
        raise ValueError(f"{count!r:.40} is not a number")  # noqa: TRY004  # damage
    return count
