"""Keep readings, the state of the rules, and what was not sent yet in one SQLite file.

One transaction holds all that follows from a picture: its readings, the states for the next one,
and the messages about it. A kill or a power cut at any step leaves all of it or nothing.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Literal

from mnist_edge.errors import InvalidHistory, InvalidValue, did_you_mean
from mnist_edge.monitoring.clock import Duration
from mnist_edge.monitoring.history_file import HistoryFile
from mnist_edge.monitoring.history_rows import (
    format_timestamp,
    parse_bytes,
    parse_count,
    parse_message,
    parse_reading,
    parse_stored_state,
    reading_row,
)
from mnist_edge.monitoring.message import Message
from mnist_edge.monitoring.readings import ValueReading
from mnist_edge.monitoring.rules import RegionState, state_document

_INSERT = """
INSERT INTO readings (reading_id, region, time, raw, value, rate, error, filled, unit)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
"""
_DELETE_OLD = (
    "DELETE FROM crops WHERE reading_id IN (SELECT reading_id FROM readings WHERE time < ?)",
    "DELETE FROM readings WHERE time < ?",
)
_SELECT = """
SELECT reading_id, region, time, raw, value, rate, error, filled, unit FROM readings
WHERE time >= ?1 AND (?2 IS NULL OR region = ?2) ORDER BY time, id
"""
_SELECT_NEWEST = """
SELECT reading_id, region, time, raw, value, rate, error, filled, unit FROM (
    SELECT id, reading_id, region, time, raw, value, rate, error, filled, unit FROM readings
    WHERE time >= ?1 AND (?2 IS NULL OR region = ?2) ORDER BY time DESC, id DESC LIMIT ?3
) ORDER BY time, id
"""
_SELECT_LATEST = """
SELECT reading_id, region, time, raw, value, rate, error, filled, unit FROM readings
WHERE id IN (SELECT (SELECT max(id) FROM readings WHERE region = states.region) FROM states)
ORDER BY region
"""


@dataclass(frozen=True, kw_only=True)
class HistorySettings:
    """Where readings are kept, and how many."""

    path: Path = field(
        default=Path("readings.db"),
        metadata={"help": "SQLite file of the readings; mnist-edge readings prints them."},
    )
    keep: Duration | None = field(
        default=None,
        metadata={
            "help": "Time after which readings and their pictures are deleted; without it, never.",
            "example": '"730d"',
        },
    )
    crops: Literal["never", "errors", "always"] = field(
        default="never",
        metadata={"help": "Of which readings the picture of the region is kept."},
    )
    max_crop_bytes: int = field(
        default=50_000_000,
        metadata={"help": "Bytes of pictures to keep; the oldest go first."},
    )
    max_outbox_bytes: int = field(
        default=10_000_000,
        metadata={
            "help": "Bytes of messages to keep for each publisher while its other side is away; "
            "the oldest go first, and are counted."
        },
    )

    def __post_init__(self) -> None:
        if self.keep is not None and not self.keep > 0:
            raise InvalidValue(f"keep: {self.keep:g} is not more than 0")
        for name in ("max_crop_bytes", "max_outbox_bytes"):
            if getattr(self, name) < 1000:
                raise InvalidValue(f"{name}: {getattr(self, name)} is less than 1000")


class History:
    """A history that is open; each thread opens its own.

    Args:
        settings: where it is; the file is made if it does not exist.
        read_only: never change the file.

    Raises:
        NotWritable: the file cannot be opened or made.
        InvalidHistory: the file is no history, is damaged, or is from a newer release; or it does
            not exist and is not to be made.
    """

    def __init__(self, settings: HistorySettings, *, read_only: bool = False) -> None:
        self._settings = settings
        self._file = HistoryFile(settings.path, read_only=read_only)

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def record(
        self,
        readings: Sequence[ValueReading],
        states: Mapping[str, RegionState],
        messages: Iterable[Message] = (),
        *,
        crops: Mapping[str, bytes] | None = None,
    ) -> bool:
        """Record everything that follows from one picture, completely or not at all.

        Args:
            readings: of the regions of the picture, all with its reading id.
            states: for the next picture, by region.
            messages: for the publishers.
            crops: the encoded picture of each region, by its name; kept if the settings say so.

        Returns:
            Whether it was new. A picture that is recorded already changes nothing.

        Raises:
            NotWritable: the disk is full, or the file cannot be written.
        """
        with self._file.transaction() as connection:
            known = "SELECT 1 FROM readings WHERE reading_id = ?"
            if readings and connection.execute(known, (readings[0].reading_id,)).fetchone():
                return False
            connection.executemany(_INSERT, map(reading_row, readings))
            connection.executemany(
                "INSERT OR REPLACE INTO states VALUES (?, ?)",
                [(name, json.dumps(state_document(state))) for name, state in states.items()],
            )
            self._queue(connection, messages)
            self._keep_crops(connection, readings, crops or {})
            if readings and self._settings.keep is not None:
                oldest = readings[0].time - timedelta(seconds=self._settings.keep)
                for statement in _DELETE_OLD:
                    connection.execute(statement, (format_timestamp(oldest),))
        return True

    def state(self, region: str) -> RegionState:
        """Return the state of a region's rules."""
        query = "SELECT state FROM states WHERE region = ?"
        return next(self._file.rows(parse_stored_state, query, (region,)), RegionState())

    def forget(self, region: str) -> None:
        """Forget the previous value of a region: the next one is accepted without comparison.

        Raises:
            InvalidValue: no reading of this region was recorded.
            NotWritable: the file cannot be written.
        """
        with self._file.transaction() as connection:
            nothing = json.dumps(state_document(RegionState()))
            forgotten = connection.execute(
                "UPDATE states SET state = ? WHERE region = ?", (nothing, region)
            )
            if not forgotten.rowcount:
                self.require_region(region)

    def require_region(self, region: str) -> None:
        """Check that something was recorded of a region.

        Raises:
            InvalidValue: nothing was.
        """
        known = [*self._file.rows(str, "SELECT region FROM states")]
        if region not in known:
            raise InvalidValue(
                f"nothing is kept of a region {region!r}{did_you_mean(region, known)}"
            )

    def readings(
        self, *, since: datetime | None = None, region: str | None = None
    ) -> Iterator[ValueReading]:
        """Yield the readings, the oldest first.

        Args:
            since: leave out those before.
            region: of this region only.
        """
        arguments = ("" if since is None else format_timestamp(since), region)
        yield from self._file.rows(parse_reading, _SELECT, arguments)

    def newest(
        self, limit: int, *, since: datetime | None = None, region: str | None = None
    ) -> list[ValueReading]:
        """Return as many of the newest readings at most, the oldest of them first."""
        arguments = ("" if since is None else format_timestamp(since), region, limit)
        return [*self._file.rows(parse_reading, _SELECT_NEWEST, arguments)]

    def latest(self) -> list[ValueReading]:
        """Return the latest reading of each region."""
        return [*self._file.rows(parse_reading, _SELECT_LATEST)]

    def crop(self, reading_id: str, region: str) -> bytes | None:
        """Return the encoded picture of a region in a reading; None if it was not kept."""
        query = "SELECT picture FROM crops WHERE reading_id = ? AND region = ?"
        return next(self._file.rows(parse_bytes, query, (reading_id, region)), None)

    def next_message(self, publisher: str) -> Message | None:
        """Return the oldest message that a publisher has not sent; None if there is none."""
        query = (
            "SELECT publisher, payload, reading_id, time, topic, id FROM outbox "
            "WHERE publisher = ? ORDER BY id LIMIT 1"
        )
        return next(self._file.rows(parse_message, query, (publisher,)), None)

    def remove_message(self, message: Message, *, refused: bool = False) -> None:
        """Remove a message that was sent, or that the other side refuses for good.

        Raises:
            NotWritable: the file cannot be written.
        """
        with self._file.transaction() as connection:
            connection.execute("DELETE FROM outbox WHERE id = ?", (message.number,))
            if refused:
                _count_dropped(connection, message.publisher)

    def waiting_messages(self, publisher: str) -> int:
        """Return how many messages a publisher has not sent."""
        query = "SELECT count(*) FROM outbox WHERE publisher = ?"
        return next(self._file.rows(parse_count, query, (publisher,)))

    def dropped_messages(self, publisher: str) -> int:
        """Return how many messages of a publisher were never sent: no room, or refused."""
        query = "SELECT messages FROM dropped WHERE publisher = ?"
        return next(self._file.rows(parse_count, query, (publisher,)), 0)

    def _queue(self, connection: sqlite3.Connection, messages: Iterable[Message]) -> None:
        for one in messages:
            connection.execute(
                "INSERT INTO outbox (publisher, topic, payload, reading_id, time) "
                "VALUES (?, ?, ?, ?, ?)",
                (one.publisher, one.topic, one.payload, one.reading_id, format_timestamp(one.time)),
            )
            while _size(connection, f"outbox {one.publisher}") > self._settings.max_outbox_bytes:
                _delete_oldest(connection, "outbox WHERE publisher = ?", one.publisher)
                _count_dropped(connection, one.publisher)

    def _keep_crops(
        self,
        connection: sqlite3.Connection,
        readings: Sequence[ValueReading],
        crops: Mapping[str, bytes],
    ) -> None:
        wanted = self._settings.crops
        for reading in readings:
            is_wanted = wanted == "always" or (wanted == "errors" and reading.error is not None)
            # Only a picture that is asked for is encoded.
            if is_wanted and (picture := crops.get(reading.region)) is not None:
                connection.execute(
                    "INSERT INTO crops (reading_id, region, picture) VALUES (?, ?, ?)",
                    (reading.reading_id, reading.region, picture),
                )
        while _size(connection, "crops") > self._settings.max_crop_bytes:
            _delete_oldest(connection, "crops")


def _size(connection: sqlite3.Connection, name: str) -> int:
    rows = connection.execute("SELECT bytes FROM sizes WHERE name = ?", (name,)).fetchall()
    size = rows[0][0] if rows else 0
    if not isinstance(size, int):
        raise _wrong_size(name)
    return size


def _delete_oldest(connection: sqlite3.Connection, rows: str, *arguments: str) -> None:
    """Delete the oldest of some rows of a table, to make room.

    Raises:
        InvalidHistory: there is none, so that the size that was kept of them is wrong.
    """
    table = rows.partition(" ")[0]
    statement = f"DELETE FROM {table} WHERE id = (SELECT min(id) FROM {rows})"  # noqa: S608  # ours
    if not connection.execute(statement, arguments).rowcount:
        raise _wrong_size(table)


def _wrong_size(name: str) -> InvalidHistory:
    return InvalidHistory(
        f"it holds a wrong size of its {name}; move it away, and a new one is made"
    )


def _count_dropped(connection: sqlite3.Connection, publisher: str) -> None:
    connection.execute(
        "INSERT INTO dropped VALUES (?, 1) "
        "ON CONFLICT (publisher) DO UPDATE SET messages = messages + 1",
        (publisher,),
    )
