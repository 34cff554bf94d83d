from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from mnist_edge.errors import InvalidHistory
from mnist_edge.monitoring import history_schema
from mnist_edge.monitoring.history_schema import MIGRATIONS, migrate, schema_version


def open_database(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(path / "readings.db", isolation_level=None)


def test_an_older_history_gets_the_new_columns_and_keeps_its_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    migrate(open_database(tmp_path))
    connection = open_database(tmp_path)
    connection.execute("INSERT INTO states VALUES ('water', '{}')")
    later = (*MIGRATIONS, ("ALTER TABLE states ADD COLUMN note TEXT",))
    monkeypatch.setattr(history_schema, "MIGRATIONS", later)
    migrate(connection)
    assert schema_version(connection) == len(later)
    assert connection.execute("SELECT * FROM states").fetchall() == [("water", "{}", None)]


def test_a_migration_that_fails_leaves_the_old_version(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection = open_database(tmp_path)
    migrate(connection)
    broken = ("ALTER TABLE states ADD COLUMN note TEXT", "ALTER TABLE nothing ADD COLUMN note TEXT")
    monkeypatch.setattr(history_schema, "MIGRATIONS", (*MIGRATIONS, broken))
    with pytest.raises(sqlite3.OperationalError):
        migrate(connection)
    assert schema_version(connection) == len(MIGRATIONS)
    connection.execute("INSERT INTO states VALUES ('water', '{}')")
    assert connection.execute("SELECT * FROM states").fetchall() == [("water", "{}")]


def test_a_history_of_a_newer_release_is_refused(tmp_path: Path) -> None:
    connection = open_database(tmp_path)
    migrate(connection)
    connection.execute("PRAGMA user_version = 99")
    with pytest.raises(InvalidHistory, match=r"version 99, and this release knows .*update"):
        migrate(connection)
