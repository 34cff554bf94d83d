"""The SQLite file of a history: opened, migrated, and written in whole transactions."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from mnist_edge.errors import InvalidHistory, NotWritable
from mnist_edge.monitoring.history_schema import migrate, require_tables, schema_version
from mnist_edge.system.files import exists, require_regular_file
from mnist_edge.system.text import one_line

Row = TypeVar("Row")

_BUSY_TIMEOUT = 10
"""Seconds to wait for another process that writes."""
_RETRY_SECONDS = 0.02
"""Seconds between two tries of what SQLite does not wait for."""
_MAX_LOG_BYTES = 4_000_000
"""Bytes that the write-ahead log keeps on disk between checkpoints."""
_FETCHED_ROWS = 500
"""Rows that are read from the file at a time."""
_NO_TEXT = "Could not decode"
"""Begins the error of Python's sqlite3 of a text that is not UTF-8, which is damage to the file."""


class HistoryFile:
    """A file that is open, for one thread at a time.

    Args:
        path: the file; it is made if it does not exist.
        read_only: never change it.

    Raises:
        NotWritable: the file cannot be opened or made.
        InvalidHistory: the file is no history, is damaged, or is from a newer release; or it does
            not exist and is not to be made.
    """

    def __init__(self, path: Path, *, read_only: bool) -> None:
        self._path, self._read_only = path, read_only
        if read_only and not exists(path):
            raise InvalidHistory(f"no history {path}; check the path")
        with self._errors():
            if exists(path):
                require_regular_file(path)
            if not read_only:
                path.parent.mkdir(parents=True, exist_ok=True)
            self.connection = _connect(path, "mode=ro" if read_only else "mode=rwc")
            """The connection to SQLite."""
        try:
            try:
                with self._errors():
                    self._prepare(read_only=read_only)
            except NotWritable:
                if not read_only or exists(path.with_name(f"{path.name}-wal")):
                    raise
                # SQLite would make the log that readers and writers share, where this user may not
                # write. There is none: nobody has the file open.
                self.connection.close()
                with self._errors():
                    self.connection = _connect(path, "mode=ro&immutable=1")
                    self._prepare(read_only=True)
        except BaseException:
            self.close()
            raise

    def _prepare(self, *, read_only: bool) -> None:
        if read_only:
            if not schema_version(self.connection):
                raise InvalidHistory("it is empty; check the path")
            require_tables(self.connection)
            return
        _begin_log(self.connection)
        # Each commit reaches the disk: a state that is lost in a power cut is a wrong value later.
        self.connection.execute("PRAGMA synchronous = FULL")
        self.connection.execute(f"PRAGMA journal_size_limit = {_MAX_LOG_BYTES}")
        migrate(self.connection)
        require_tables(self.connection)
        _require_sound(self.connection)

    def close(self) -> None:
        """Close the file."""
        self.connection.close()

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Apply all that the block does with the connection, or nothing if it raises.

        Raises:
            NotWritable: the disk is full, or the file cannot be written.
        """
        with self._errors():
            self.connection.execute("BEGIN IMMEDIATE")
            try:
                yield self.connection
                self.connection.execute("COMMIT")
            finally:
                # After an error; SQLite has rolled back by itself after some.
                if self.connection.in_transaction:
                    self.connection.execute("ROLLBACK")

    def rows(
        self, parse: Callable[..., Row], query: str, arguments: tuple[Any, ...] = ()
    ) -> Iterator[Row]:
        """Yield the rows of a query, which are read as they are needed.

        Args:
            parse: makes a row of its cells; raises ValueError for one that no watch wrote.
            query: in SQL.
            arguments: of the query.

        Raises:
            InvalidHistory: a row was not written by a watch, or the file is damaged.
        """
        with self._errors():
            cursor = self.connection.execute(query, arguments)
        cells: list[Any] = [()]
        while cells:
            # Errors of the caller are not of the database: nothing is caught while it has a row.
            with self._errors():
                cells = cursor.fetchmany(_FETCHED_ROWS)
                try:
                    rows = [parse(*row) for row in cells]
                except ValueError as error:
                    raise sqlite3.DatabaseError(f"it holds what no watch wrote: {error}") from error
            yield from rows

    @contextmanager
    def _errors(self) -> Iterator[None]:
        """Raise errors of this package for those of SQLite."""
        try:
            yield
        except InvalidHistory as error:
            raise InvalidHistory(f"{self._path}: {error}") from error
        except (sqlite3.OperationalError, OSError) as error:
            if _NO_TEXT in str(error):
                raise self._damaged(error) from error
            advice = "check the path" if self._read_only else "make room, or name another file"
            reason = getattr(error, "strerror", None) or one_line(error)
            raise NotWritable(f"cannot use the history {self._path}: {reason}; {advice}") from error
        except sqlite3.DatabaseError as error:
            raise self._damaged(error) from error
        except UnicodeDecodeError as error:
            # SQLite says what is wrong with a table, and Python cannot decode that.
            raise self._damaged("a table's name in it is not UTF-8") from error

    def _damaged(self, reason: Exception | str) -> InvalidHistory:
        return InvalidHistory(
            f"{self._path} cannot be read: {one_line(reason)}; move it away, and a new one is made"
        )


def _begin_log(connection: sqlite3.Connection) -> None:
    """Have a file written ahead to its log.

    While another process makes the file, SQLite refuses that at once, whatever its timeout is.
    """
    until = time.monotonic() + _BUSY_TIMEOUT
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > until:
                raise
            time.sleep(_RETRY_SECONDS)
        else:
            return


def _require_sound(connection: sqlite3.Connection) -> None:
    """Check every page: 500,000 readings, 95 MB, take 0.13 s of an x86-64 processor.

    SQLite reads around some damage: what is recorded after it is not found again.

    Raises:
        sqlite3.DatabaseError: a page is damaged.
    """
    (found,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    if found != "ok":
        raise sqlite3.DatabaseError(found.removeprefix("*** in database main ***\n"))


def _connect(path: Path, parameters: str) -> sqlite3.Connection:
    return sqlite3.connect(
        f"{path.absolute().as_uri()}?{parameters}",
        uri=True,
        timeout=_BUSY_TIMEOUT,
        isolation_level=None,
        check_same_thread=False,
    )
