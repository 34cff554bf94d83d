from __future__ import annotations

import sqlite3
import tempfile
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import closing
from pathlib import Path

import pytest

from mnist_edge.errors import InvalidHistory, NotWritable
from mnist_edge.monitoring.history import History, HistorySettings
from mnist_edge.monitoring.rules import RegionState
from tests.support.programs import run_python
from tests.support.readings import counter_reading, waiting_message


@pytest.fixture
def settings(tmp_path: Path) -> HistorySettings:
    return HistorySettings(path=tmp_path / "made" / "readings.db")


def test_one_process_writes_while_another_reads(settings: HistorySettings) -> None:
    writer = History(settings)
    writer.record([counter_reading(1)], {})
    reader = History(settings, read_only=True)
    writer.record([counter_reading(2)], {})
    assert len(list(reader.readings())) == 2
    with pytest.raises(NotWritable, match="readonly"):
        reader.record([counter_reading(3)], {})


READ_BY_ANOTHER = """
import os, sys
from pathlib import Path
from mnist_edge.monitoring.history import History, HistorySettings
from mnist_edge.monitoring.rules import RegionState

folder = Path(sys.argv[1])
if os.geteuid():
    folder.chmod(0o555)
else:
    os.setuid(65534)
history = History(HistorySettings(path=folder / "readings.db"), read_only=True)
print(len(list(history.readings())))
"""


def test_a_history_that_another_process_is_making_is_waited_for(settings: HistorySettings) -> None:
    settings.path.parent.mkdir()
    other = sqlite3.connect(settings.path, isolation_level=None, check_same_thread=False)
    with closing(other), ThreadPoolExecutor(1) as pool:
        other.execute("BEGIN IMMEDIATE")
        opened = pool.submit(History, settings)
        ended, _ = wait([opened], timeout=0.2)
        assert not ended
        other.execute("ROLLBACK")
        opened.result().close()


def test_damage_that_sqlite_reads_around_is_refused_before_more_is_recorded(
    settings: HistorySettings,
) -> None:
    history = History(settings)
    for number in (1, 2):
        history.record([counter_reading(number)], {})
    history.close()
    with closing(sqlite3.connect(settings.path)) as connection:
        query = "SELECT rootpage FROM sqlite_master WHERE name = 'readings'"
        (page,) = connection.execute(query).fetchone()
        (size,) = connection.execute("PRAGMA page_size").fetchone()
    content = bytearray(settings.path.read_bytes())
    # The two rows' places on their page, which follow its header of eight bytes, change.
    places = (page - 1) * size + 8
    content[places : places + 4] = content[places + 2 : places + 4] + content[places : places + 2]
    settings.path.write_bytes(content)
    with pytest.raises(InvalidHistory, match=r"out of order; move it away, and a new one is made$"):
        History(settings)


@pytest.mark.parametrize("is_open", [True, False])
def test_somebody_who_may_only_read_can_read(is_open: bool) -> None:
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        writer = History(HistorySettings(path=Path(folder) / "readings.db"))
        writer.record([counter_reading(1)], {})
        if not is_open:
            writer.close()
        shown = run_python(READ_BY_ANOTHER, folder)
        writer.close()
        Path(folder).chmod(0o755)
    assert shown == "1"


def test_a_reader_who_leaves_early_leaves_no_error(settings: HistorySettings) -> None:
    history = History(settings)
    for number in range(3):
        history.record([counter_reading(number)], {})
    rows = history.readings()
    assert next(rows) == counter_reading(0)
    history.close()
    del rows


def test_a_full_disk_records_nothing_and_the_next_picture_is_recorded(
    settings: HistorySettings,
) -> None:
    history = History(settings)
    history.record([counter_reading(1)], {})
    connection = history._file.connection  # noqa: SLF001  # SQLite's own simulation of a full disk
    ((pages,),) = connection.execute("PRAGMA page_count").fetchall()
    connection.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(NotWritable, match=r"cannot use the history .*full; make room"):
        history.record([counter_reading(2)], {}, [waiting_message(2, payload=bytes(50_000))])
    connection.execute("PRAGMA max_page_count = 1000000")
    assert history.record([counter_reading(2)], {}, [waiting_message(2, payload=bytes(50_000))])
    assert len(list(history.readings())) == 2


def test_a_file_that_is_not_a_history_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidHistory, match=r"no history .*check the path"):
        History(HistorySettings(path=tmp_path / "none.db"), read_only=True)
    text = tmp_path / "text.db"
    text.write_text("no database at all, and longer than the header of one" * 20)
    with pytest.raises(InvalidHistory, match="cannot be read: file is not a database; move it"):
        History(HistorySettings(path=text))
    with sqlite3.connect(tmp_path / "other.db") as other:
        other.execute("CREATE TABLE songs (name TEXT)")
    with pytest.raises(InvalidHistory, match="database of another program"):
        History(HistorySettings(path=tmp_path / "other.db"))
    (tmp_path / "folder.db").mkdir()
    with pytest.raises(NotWritable, match=": Is a directory; make room"):
        History(HistorySettings(path=tmp_path / "folder.db"))
    with pytest.raises(NotWritable, match=": Is a directory; check the path"):
        History(HistorySettings(path=tmp_path / "folder.db"), read_only=True)


@pytest.mark.parametrize(
    ("statement", "reason"),
    [
        ("UPDATE readings SET time = 'noon'", "'noon' is no time"),
        ("UPDATE readings SET time = '0001-01-01T00:00:00+23:59'", "is no time"),
        ("UPDATE readings SET value = '1e999999999'", "'1e999999999' is no number of a display"),
        ("UPDATE readings SET unit = x'ff'", "is not the text of a reading"),
        ("UPDATE readings SET raw = CAST(x'ff' AS TEXT)", "Could not decode"),
        ("PRAGMA user_version = -5", "its schema is of no version"),
        (
            "PRAGMA writable_schema = ON; UPDATE sqlite_master SET sql = 'CREATE NONSENSE', "
            "name = CAST(x'72dc' AS TEXT) WHERE name = 'readings_time'",
            "a table's name in it is not UTF-8",
        ),
        ("DROP TABLE crops", "its tables are not those of a history"),
        (
            "CREATE TRIGGER t AFTER INSERT ON crops BEGIN DELETE FROM readings; END",
            "its tables are not those of a history",
        ),
    ],
)
def test_what_no_watch_wrote_is_damage(
    settings: HistorySettings, statement: str, reason: str
) -> None:
    history = History(settings)
    history.record([counter_reading(1)], {"water": RegionState()})
    history.close()
    with sqlite3.connect(settings.path) as database:
        database.executescript(statement)
    database.close()
    with pytest.raises(InvalidHistory, match=f"{reason}.*move it away"):
        [*History(settings, read_only=True).readings()]


def test_a_size_that_is_wrong_deletes_nothing_without_an_end(settings: HistorySettings) -> None:
    history = History(settings)
    for name in ("crops", "outbox mqtt"):
        history._file.connection.execute(  # noqa: SLF001  # damage
            "INSERT INTO sizes VALUES (?, 1 << 40)", (name,)
        )
    with pytest.raises(InvalidHistory, match="a wrong size of its crops"):
        history.record([counter_reading(1)], {})
