"""Daily sums of what was read, which are kept although the pictures are not.

A small SQLite file in the user's state folder has, for each source, model and day, the number of
readings by answer and the sum of their confidences. Several processes may add to it.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

from mnist_edge.errors import NotWritable
from mnist_edge.metrics.drift import (
    ANSWERS,
    WEEKS_BEFORE,
    DayCounts,
    WeekDifference,
    compare_last_week,
)
from mnist_edge.system.paths import daily_counts_path
from mnist_edge.system.text import to_unicode

FLUSH_SECONDS = 60.0
"""Time between two writes: what a kill may cost."""
_KEPT_DAYS = 7 * (WEEKS_BEFORE + 3)
"""Days that are kept."""
_WAIT_SECONDS = 5.0
"""Time to wait for another process that writes."""
_TABLE = """
CREATE TABLE IF NOT EXISTS readings (
  source TEXT, model TEXT, day TEXT, answer TEXT, count INTEGER, confidence REAL,
  PRIMARY KEY (source, model, day, answer)
) WITHOUT ROWID
"""
_ADD = """
INSERT INTO readings VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET
count = count + excluded.count, confidence = confidence + excluded.confidence
"""


class DailyCounts:
    """Adds what one program reads to the sums of the days.

    Threads may share it. If the sums cannot be written, that is reported once and reading goes on.

    Args:
        source: where the pictures come from, such as ``serve`` or ``watch /home/pi/inbox``.
        warn: takes a message when sums cannot be written.
        path: the file, by default the user's.
        today: tells the day; a test may let time pass.
    """

    def __init__(
        self,
        source: str,
        *,
        warn: Callable[[str], None],
        path: Path | None = None,
        today: Callable[[], date] = date.today,
    ) -> None:
        # A folder's name may be no Unicode, which SQLite's texts are.
        self._source = to_unicode(source)
        self._warn, self._path, self._today = warn, path, today
        self._lock = threading.Lock()
        self._pending: dict[tuple[str, str, str], tuple[int, float]] = defaultdict(lambda: (0, 0.0))
        self._flushed = time.monotonic()
        self._is_broken = False

    def add(self, model: str, answers: Iterable[tuple[str, float]]) -> None:
        """Add what was read in a picture.

        Args:
            model: sha256 of the model that read it; another model is another beginning.
            answers: each one of ``ANSWERS``, with its confidence.
        """
        with self._lock:
            if self._is_broken:
                return
            day = self._today().isoformat()
            for answer, confidence in answers:
                count, total = self._pending[model, day, answer]
                self._pending[model, day, answer] = (count + 1, total + confidence)
            is_due = time.monotonic() - self._flushed > FLUSH_SECONDS
        if is_due:
            self.flush()

    def flush(self) -> None:
        """Write what was added since the last time."""
        with self._lock:
            if self._is_broken or not self._pending:
                return
            rows = [(self._source, *key, *sums) for key, sums in self._pending.items()]
            self._pending.clear()
            self._flushed = time.monotonic()
            try:
                self._write(rows)
            except (OSError, sqlite3.Error, UnicodeDecodeError, NotWritable) as error:
                self._is_broken = True
                reason = getattr(error, "strerror", None) or error
                self._warn(
                    f"readings are not counted by day ({reason}), so doctor cannot say when they "
                    "change; set XDG_STATE_HOME to a folder that can be written"
                )

    def _write(self, rows: list[tuple[str, str, str, str, int, float]]) -> None:
        path = self._path or daily_counts_path()
        path.parent.mkdir(parents=True, exist_ok=True)
        oldest = (self._today() - timedelta(days=_KEPT_DAYS)).isoformat()
        with closing(sqlite3.connect(path, timeout=_WAIT_SECONDS)) as database, database:
            database.execute(_TABLE)
            database.executemany(_ADD, rows)
            database.execute("DELETE FROM readings WHERE day < ?", (oldest,))


@contextmanager
def counting(source: str, *, warn: Callable[[str], None]) -> Iterator[DailyCounts]:
    """Yield the sums of a program, which are written at its end, too."""
    counts = DailyCounts(source, warn=warn)
    try:
        yield counts
    finally:
        counts.flush()


@dataclass(frozen=True, kw_only=True)
class SourceWeek:
    """The last complete week of one source, with the model that it reads with now."""

    source: str
    """Where the pictures come from."""
    days: int
    """Number of days with readings, of this model."""
    difference: WeekDifference | None
    """How the week differs from those before; None where there are too few days."""


def compare_sources(path: Path | None = None, *, today: date | None = None) -> list[SourceWeek]:
    """Compare the last complete week of each source with the weeks before.

    Args:
        path: the file, by default the user's.
        today: by default today.

    Returns:
        Sorted by source; none if there is no file, or it cannot be read.
    """
    today = today or date.today()  # noqa: DTZ011  # days are the user's
    try:
        days = _read(path or daily_counts_path())
    except (OSError, sqlite3.Error, ValueError, NotWritable):
        return []
    return [
        SourceWeek(
            source=source, days=len(of_source), difference=compare_last_week(of_source, today)
        )
        for source, of_source in sorted(days.items())
    ]


def _read(path: Path) -> dict[str, dict[date, DayCounts]]:
    """Return the days of each source that its latest model read."""
    if not path.is_file():
        return {}
    with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as database:
        # In a group with a single max(), SQLite takes the other columns from its row.
        latest = dict(
            database.execute(
                "SELECT source, model FROM (SELECT source, model, max(day) "
                "FROM readings GROUP BY source)"
            )
        )
        rows = database.execute(
            "SELECT source, model, day, answer, count, confidence FROM readings"
        ).fetchall()
    counts: dict[tuple[str, date], list[int]] = defaultdict(lambda: [0] * len(ANSWERS))
    confidences: dict[tuple[str, date], float] = defaultdict(float)
    for source, model, day, answer, count, confidence in rows:
        if model == latest[source] and answer in ANSWERS:
            key = source, date.fromisoformat(day)
            counts[key][ANSWERS.index(answer)] += count
            confidences[key] += confidence
    days: dict[str, dict[date, DayCounts]] = defaultdict(dict)
    for (source, day), numbers in counts.items():
        days[source][day] = DayCounts(counts=tuple(numbers), confidence=confidences[source, day])
    return days
