"""The tables of a history, and how an older one becomes the newest."""

from __future__ import annotations

import sqlite3
from functools import cache

from mnist_edge.errors import InvalidHistory

APPLICATION_ID = 0x6D656467
"""SQLite's ``application_id`` of a history: ``medg``."""
MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
        """
        CREATE TABLE readings (
            id INTEGER PRIMARY KEY,
            reading_id TEXT NOT NULL,
            region TEXT NOT NULL,
            time TEXT NOT NULL,
            raw TEXT NOT NULL,
            value TEXT,
            rate TEXT,
            error TEXT,
            filled INTEGER NOT NULL,
            unit TEXT NOT NULL,
            UNIQUE (reading_id, region)
        )
        """,
        "CREATE INDEX readings_time ON readings (time)",
        "CREATE INDEX readings_region ON readings (region)",
        "CREATE TABLE states (region TEXT PRIMARY KEY, state TEXT NOT NULL)",
        """
        CREATE TABLE crops (
            id INTEGER PRIMARY KEY,
            reading_id TEXT NOT NULL,
            region TEXT NOT NULL,
            picture BLOB NOT NULL
        )
        """,
        "CREATE INDEX crops_reading ON crops (reading_id)",
        """
        CREATE TABLE outbox (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            publisher TEXT NOT NULL,
            topic TEXT NOT NULL,
            payload BLOB NOT NULL,
            reading_id TEXT NOT NULL,
            time TEXT NOT NULL
        )
        """,
        "CREATE INDEX outbox_publisher ON outbox (publisher, id)",
        "CREATE TABLE dropped (publisher TEXT PRIMARY KEY, messages INTEGER NOT NULL)",
        # Kept by triggers: a sum over the rows would read them all at each reading.
        "CREATE TABLE sizes (name TEXT PRIMARY KEY, bytes INTEGER NOT NULL)",
        """
        CREATE TRIGGER crop_added AFTER INSERT ON crops BEGIN
            INSERT INTO sizes VALUES ('crops', length(NEW.picture))
            ON CONFLICT (name) DO UPDATE SET bytes = bytes + excluded.bytes;
        END
        """,
        """
        CREATE TRIGGER crop_deleted AFTER DELETE ON crops BEGIN
            UPDATE sizes SET bytes = bytes - length(OLD.picture) WHERE name = 'crops';
        END
        """,
        """
        CREATE TRIGGER message_added AFTER INSERT ON outbox BEGIN
            INSERT INTO sizes VALUES ('outbox ' || NEW.publisher, length(NEW.payload))
            ON CONFLICT (name) DO UPDATE SET bytes = bytes + excluded.bytes;
        END
        """,
        """
        CREATE TRIGGER message_deleted AFTER DELETE ON outbox BEGIN
            UPDATE sizes SET bytes = bytes - length(OLD.payload)
            WHERE name = 'outbox ' || OLD.publisher;
        END
        """,
    ),
)
"""The statements that lead from each version of the schema to the next; the first makes it. What
was released is never changed: a change is one more version."""


_STATE = """
SELECT application_id, user_version, (SELECT count(*) FROM sqlite_master)
FROM pragma_application_id, pragma_user_version
"""
"""What a file is; in one query, since another process may be making it."""


def schema_version(connection: sqlite3.Connection) -> int:
    """Return the version of a history's schema; 0 for an empty file.

    Raises:
        InvalidHistory: the file is another program's, or from a newer release, or damaged.
    """
    ((application, version, tables),) = connection.execute(_STATE).fetchall()
    if application != APPLICATION_ID and (application or version or tables):
        raise InvalidHistory("it is a database of another program; name another file")
    if version > len(MIGRATIONS):
        raise InvalidHistory(
            f"its schema is version {version}, and this release knows {len(MIGRATIONS)}; update "
            "mnist-edge"
        )
    if version < 0:
        raise InvalidHistory("its schema is of no version; move it away, and a new one is made")
    return int(version)


def require_tables(connection: sqlite3.Connection) -> None:
    """Require the tables of a history as a watch made them, with no other triggers.

    A view in place of a table can have rows without end, and a trigger can add them. Whoever has
    tables of their own in the file keeps them.

    Raises:
        InvalidHistory: they are others.
    """
    made = _made_objects(len(MIGRATIONS))
    query = "SELECT type, name, tbl_name, sql FROM sqlite_master"
    found = connection.execute(query).fetchall()
    triggers = {one for one in found if one[0] == "trigger"}
    if not made <= {*found} or not triggers <= made:
        raise InvalidHistory(
            "its tables are not those of a history; move it away, and a new one is made"
        )


@cache
def _made_objects(version: int) -> frozenset[tuple[str, str, str, str]]:
    """Return type, name, table and statement of all that the first migrations make."""
    connection = sqlite3.connect(":memory:")
    try:
        for statement in (one for migration in MIGRATIONS[:version] for one in migration):
            connection.execute(statement)
        query = "SELECT type, name, tbl_name, sql FROM sqlite_master"
        return frozenset(connection.execute(query).fetchall())
    finally:
        connection.close()


def migrate(connection: sqlite3.Connection) -> None:
    """Bring a history to the newest version of the schema, completely or not at all.

    Raises:
        InvalidHistory: as for ``schema_version``.
    """
    if schema_version(connection) == len(MIGRATIONS):
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        # Another process may have done it meanwhile.
        for version in range(schema_version(connection), len(MIGRATIONS)):
            for statement in MIGRATIONS[version]:
                connection.execute(statement)
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")
        connection.execute("COMMIT")
    except BaseException:
        connection.execute("ROLLBACK")
        raise
