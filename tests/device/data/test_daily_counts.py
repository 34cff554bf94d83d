"""Sums of readings by day: what is added, by several processes, and what cannot be written."""

from __future__ import annotations

import multiprocessing
import sqlite3
from contextlib import closing
from datetime import date, timedelta
from pathlib import Path

import pytest

from mnist_edge.data.daily_counts import DailyCounts, compare_sources, counting

TODAY = date(2026, 11, 25)


def warn(message: str) -> None:
    raise AssertionError(message)


def add_days(path: Path, *, weeks: int, source: str = "serve", model: str = "m") -> None:
    """Add ten readings a day of complete weeks before today."""
    today = [TODAY]
    counts = DailyCounts(source, warn=warn, path=path, today=lambda: today[0])
    for number in range(7 * weeks):
        today[0] = date(2026, 11, 22) - timedelta(days=number)
        counts.add(model, [(str(digit), 0.9) for digit in range(10)])
        counts.flush()


def rows(path: Path) -> list[tuple[str, int, float]]:
    with sqlite3.connect(path) as database:
        return database.execute("SELECT answer, count, confidence FROM readings").fetchall()


def test_readings_of_a_day_are_added_up(tmp_path: Path) -> None:
    path = tmp_path / "state" / "counts.db"
    for confidence in (0.5, 0.25):
        counts = DailyCounts("serve", warn=warn, path=path)
        counts.add("m", [("7", confidence), ("blank", 0.0)])
        counts.add("m", [("7", confidence)])
        counts.flush()
        counts.flush()
    assert rows(path) == [("7", 4, 1.5), ("blank", 2, 0.0)]


def _add(path: str) -> None:
    counts = DailyCounts("serve", warn=warn, path=Path(path))
    for _ in range(20):
        counts.add("m", [("3", 1.0)])
        counts.flush()


def test_several_processes_add_to_one_file(tmp_path: Path) -> None:
    path = tmp_path / "counts.db"
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=_add, args=(str(path),)) for _ in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
        assert process.exitcode == 0
    assert rows(path) == [("3", 60, 60.0)]


def test_old_days_are_forgotten(tmp_path: Path) -> None:
    path = tmp_path / "counts.db"
    day = date(2020, 1, 1)
    counts = DailyCounts("serve", warn=warn, path=path, today=lambda: day)
    counts.add("m", [("3", 1.0)])
    counts.flush()
    counts = DailyCounts("serve", warn=warn, path=path, today=lambda: TODAY)
    counts.add("m", [("4", 1.0)])
    counts.flush()
    assert rows(path) == [("4", 1, 1.0)]


def test_each_source_is_compared_by_its_latest_model(tmp_path: Path) -> None:
    path = tmp_path / "counts.db"
    add_days(path, weeks=9)
    add_days(path, weeks=9, source="watch /a", model="old")
    counts = DailyCounts("watch /a", warn=warn, path=path, today=lambda: TODAY)
    counts.add("new", [("3", 1.0)])
    counts.flush()
    serve, watch = compare_sources(path, today=TODAY)
    assert (serve.source, serve.days) == ("serve", 63)
    assert serve.difference is not None
    assert serve.difference.differing == []
    assert (watch.source, watch.days, watch.difference) == ("watch /a", 1, None)


def test_a_failure_to_write_is_reported_once(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    said: list[str] = []
    counts = DailyCounts("serve", warn=said.append, path=tmp_path / "file" / "counts.db")
    for _ in range(2):
        counts.add("m", [("3", 1.0)])
        counts.flush()
    (message,) = said
    assert "XDG_STATE_HOME" in message


def test_a_file_of_something_else_is_ignored(tmp_path: Path) -> None:
    assert compare_sources(tmp_path / "gone.db") == []
    other = tmp_path / "other.db"
    other.write_bytes(b"no database" * 100)
    assert compare_sources(other) == []
    said: list[str] = []
    counts = DailyCounts("serve", warn=said.append, path=other)
    counts.add("m", [("3", 1.0)])
    counts.flush()
    assert len(said) == 1
    assert other.read_bytes().startswith(b"no database")


def test_a_damaged_file_is_ignored(tmp_path: Path) -> None:
    path = tmp_path / "counts.db"
    with closing(sqlite3.connect(path)) as database, database:
        # What SQLite says of this table is not UTF-8.
        database.executescript(
            "CREATE TABLE t (x); PRAGMA writable_schema = ON; UPDATE sqlite_master "
            "SET sql = 'CREATE NONSENSE', name = CAST(x'72dc' AS TEXT)"
        )
    assert compare_sources(path) == []
    said: list[str] = []
    counts = DailyCounts("serve", warn=said.append, path=path)
    counts.add("m", [("3", 1.0)])
    counts.flush()
    assert len(said) == 1


def test_a_program_writes_its_sums_at_its_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    with counting("serve", warn=warn) as counts:
        counts.add("m", [("3", 1.0)])
    assert rows(tmp_path / "mnist-edge" / "readings-by-day.db") == [("3", 1, 1.0)]


def test_a_folder_whose_name_is_no_unicode_is_counted(tmp_path: Path) -> None:
    path = tmp_path / "days.db"
    counts = DailyCounts("watch in\udcff", warn=warn, path=path, today=lambda: TODAY)
    counts.add("m", [("7", 0.9)])
    counts.flush()
    (week,) = compare_sources(path, today=TODAY)
    assert week.source == r"watch in\udcff"
