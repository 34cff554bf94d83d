"""Histories, damaged, that ``readings`` and ``serve`` show, and that ``watch`` goes on with."""

from __future__ import annotations

import csv
import io
import json
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone
from functools import cache, partial
from pathlib import Path
from random import Random
from typing import Any

from starlette.requests import Request

from mnist_edge.deployment.server.history_routes import HistoryRoutes
from mnist_edge.errors import MnistEdgeError
from mnist_edge.monitoring.history import History, HistorySettings
from mnist_edge.monitoring.message import Message
from mnist_edge.monitoring.readings import RegionReading, ValueReading
from mnist_edge.monitoring.rule_settings import RuleSettings
from mnist_edge.monitoring.rules import RegionState, apply_rules
from tests.fuzz.children import call_program, run_program
from tests.fuzz.json_mutation import mutate_json
from tests.fuzz.mutation import Number, mutate
from tests.fuzz.target import KnownCase, Target, own_error

_TIME = datetime(2026, 11, 27, 12, tzinfo=timezone.utc)
_REGIONS = ("gas", "water")
_LOG = b"\n-wal follows\n"
"""Parts a case into the file, and the log beside it that a crash leaves."""
_CELLS: tuple[Any, ...] = (
    *(None, "", 0, -1, 1.5, 1 << 40, 1e308, "x" * 100_000, "NaN", "sNaN", "-Infinity", "1_0"),
    *("1e999999999", "1e-999999999", "9" * 5000, "1\n2", "\x1b[31m", "\0", "\ud800", b"\xff\xfe"),
    *(b"7", "2026-11-27", "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "[]", "{}"),
)
_COLUMNS = {
    "readings": ("id", "reading_id", "region", "time", "raw", "value", "rate", "error", "unit"),
    "states": ("region", "state"),
    "crops": ("reading_id", "region", "picture"),
    "outbox": ("publisher", "topic", "payload", "reading_id", "time"),
    "dropped": ("publisher", "messages"),
    "sizes": ("name", "bytes"),
}
_ENDLESS = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT x, x FROM n"
_STATEMENTS = (
    *(f"DROP TABLE {name}" for name in _COLUMNS),
    *(f"ALTER TABLE {name} RENAME TO other" for name in _COLUMNS),
    "ALTER TABLE readings DROP COLUMN unit",
    "DROP TABLE states; CREATE TABLE states (region)",
    f"DROP TABLE states; CREATE VIEW states (region, state) AS {_ENDLESS}",
    f"CREATE TRIGGER t AFTER INSERT ON readings BEGIN INSERT INTO states {_ENDLESS}; END",
    "CREATE TRIGGER t BEFORE INSERT ON readings BEGIN SELECT RAISE(FAIL, 'no'); END",
    "PRAGMA user_version = 2",
    "PRAGMA user_version = -1",
    "PRAGMA application_id = 1",
)


@cache
def _whole() -> tuple[bytes, bytes]:
    """Return a sound history, and one whose last picture is in the log alone."""
    with tempfile.TemporaryDirectory(prefix="mnist-edge-fuzz-") as folder:
        path = Path(folder) / "readings.db"
        history = History(HistorySettings(path=path, crops="always"))
        for number in range(6):
            _record(history, number)
        log = path.with_name("readings.db-wal")
        crashed = path.read_bytes() + _LOG + log.read_bytes()
        history.close()
        return path.read_bytes(), crashed


def _record(history: History, number: int) -> None:
    """Record what a picture shows: a value of one region, an error of the other, a message."""
    time, name = _TIME + timedelta(minutes=number), f"20261127T12{number:02}00.000000Z"
    seen = [
        RegionReading(region=region, time=time, reading_id=name, text=f"12{number}", error=error)
        for region, error in zip(_REGIONS, (None, "camera: no picture"), strict=True)
    ]
    outcomes = [apply_rules(RuleSettings(), history.state(one.region), one) for one in seen]
    readings = [reading for reading, _ in outcomes]
    states = {reading.region: state for reading, state in outcomes}
    message = Message(publisher="mqtt", payload=b"{}", reading_id=name, time=time, topic="a/b")
    history.record(readings, states, [message], crops=dict.fromkeys(_REGIONS, b"PNG"))


def _draw(random: Random) -> bytes:
    content = random.choice(_whole())
    file, _, log = content.partition(_LOG)
    if random.random() < 0.6:
        file = _changed(file, lambda connection: _change(random, connection))
        return file if random.random() < 0.9 else mutate(random, file, numbers=_numbers(file))
    if log and random.random() < 0.5:
        return file + _LOG + mutate(random, log, numbers=_numbers(log))
    damaged = mutate(random, file, numbers=_numbers(file), donors=_whole())
    return damaged + _LOG + log if log else damaged


def _numbers(content: bytes) -> list[Number]:
    """Find the numbers of the headers of a database and its pages (sqlite.org/fileformat)."""
    fields = ((16, 2), (18, 1), (19, 1), (20, 1), (28, 4), (32, 4), (36, 4), (44, 4), (56, 4))
    found = [Number(place, size) for place, size in fields]
    for page in range(0, len(content), 4096):
        start = page or 100
        found += [
            Number(start, 1),
            Number(start + 1, 2),
            Number(start + 3, 2),
            Number(start + 5, 2),
        ]
        found += [Number(start + place, 2) for place in range(8, 40, 2)]
    return found


def _change(random: Random, connection: sqlite3.Connection) -> None:
    """Change what is in the tables, or the tables."""
    for _ in range(random.choice((1, 1, 2, 4))):
        table = random.choice([*_COLUMNS])
        column, cell = random.choice(_COLUMNS[table]), random.choice(_CELLS)
        if column == "state" and random.random() < 0.7:
            document = {"value": "12", "time": _TIME.isoformat(), "waiting": None}
            cell = mutate_json(random, {**document, "waiting_count": 0}).decode("utf-8", "replace")
        try:
            if random.random() < 0.2:
                connection.executescript(random.choice(_STATEMENTS))
            else:
                statement = f"UPDATE OR REPLACE {table} SET {column} = ?"  # noqa: S608  # ours
                connection.execute(statement, (cell,))
        except (sqlite3.Error, UnicodeEncodeError):
            # The table is gone, or its column does not take this.
            continue


def _changed(content: bytes, change: Callable[[sqlite3.Connection], None]) -> bytes:
    with tempfile.TemporaryDirectory(prefix="mnist-edge-fuzz-") as folder:
        path = Path(folder) / "readings.db"
        path.write_bytes(content)
        connection = sqlite3.connect(path, isolation_level=None)
        try:
            connection.execute("PRAGMA synchronous = OFF")
            connection.execute("PRAGMA journal_mode = DELETE")
            change(connection)
        finally:
            connection.close()
        return path.read_bytes()


def _check(content: bytes, folder: Path) -> str:
    path = folder / "readings.db"
    file, _, log = content.partition(_LOG)
    path.write_bytes(file)
    if log:
        path.with_name("readings.db-wal").write_bytes(log)
    run_program("readings", str(path))
    lines = run_program("readings", str(path), "--format", "jsonl").splitlines()
    rows, _ = call_program("readings", str(path), "--format", "csv")
    assert len([*csv.DictReader(io.StringIO(rows, newline=""))]) == len(lines)
    run_program("readings", str(path), "--plot", str(folder / "readings.png"))
    return min(_outcomes(path), key=lambda outcome: outcome == "read")


def _outcomes(path: Path) -> Iterator[str]:
    """Do all that a server and a watch do; yield what comes of each."""
    routes = HistoryRoutes(path)
    routes.metrics()
    for query in (b"", b"region=gas&since=30d"):
        scope: dict[str, Any] = {"type": "http", "headers": [], "query_string": query}
        yield _outcome(partial(routes.readings, Request(scope)))
    yield _outcome(partial(_go_on, path))


def _outcome(call: Callable[[], Any]) -> str:
    try:
        call()
    except MnistEdgeError as error:
        return own_error(error)
    return "read"


def _go_on(path: Path) -> None:
    """Go on with a history as ``watch`` does, and send what waits."""
    history = History(HistorySettings(path=path, crops="always", max_crop_bytes=1000))
    try:
        _record(history, 30)
        for _ in range(history.waiting_messages("mqtt")):
            message = history.next_message("mqtt")
            if message is None:
                break
            history.remove_message(message, refused=True)
        history.dropped_messages("mqtt")
        latest: list[ValueReading] = history.latest()
        assert all(history.state(one.region) is not None for one in latest)
        history.forget("gas")
        assert history.state("gas") == RegionState()
        assert history.crop(latest[0].reading_id, "gas") in (b"PNG", None)
    finally:
        history.close()


def _with(statement: str, *arguments: Any) -> Callable[[], bytes]:
    return lambda: _changed(_whole()[0], lambda database: _execute(database, statement, arguments))


def _execute(database: sqlite3.Connection, statement: str, arguments: Any) -> None:
    if arguments:
        database.execute(statement, arguments)
    else:
        database.executescript(statement)


def _damaged(content: Callable[[], bytes]) -> KnownCase:
    return KnownCase(content=content, expected=("InvalidHistory",))


_STATE = json.dumps({"value": "1e999999999", "time": None, "waiting": None, "waiting_count": 0})

TARGET = Target(
    name="histories",
    draw=_draw,
    check=_check,
    count=80,
    known={
        "sound": KnownCase(content=lambda: _whole()[0], expected=("read",)),
        "after a crash": KnownCase(content=lambda: _whole()[1], expected=("read",)),
        "empty": _damaged(bytes),
        "no database": _damaged(lambda: b"time,region\n"),
        "cut off": _damaged(lambda: _whole()[0][:9000]),
        "no time": _damaged(_with("UPDATE readings SET time = 'noon'")),
        "a value that is none": _damaged(_with("UPDATE readings SET value = 'much'")),
        "a value of a gigabyte": _damaged(_with("UPDATE readings SET value = '1e999999999'")),
        "a state that is none": _damaged(_with("UPDATE states SET state = '[]'")),
        "a state of a gigabyte": _damaged(_with("UPDATE states SET state = ?", _STATE)),
        "a message that is a number": _damaged(_with("UPDATE outbox SET payload = 1 << 40")),
        "no table of readings": _damaged(_with("DROP TABLE readings")),
        "readings without an end": _damaged(
            _with(f"DROP TABLE states; CREATE VIEW states (region, state) AS {_ENDLESS}")
        ),
        "text that is none": _damaged(_with("UPDATE readings SET raw = CAST(x'ff' AS TEXT)")),
    },
    megabytes=150,
)
