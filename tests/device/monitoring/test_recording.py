from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from mnist_edge.errors import NotWritable
from mnist_edge.monitoring.history import History, HistorySettings
from mnist_edge.monitoring.readings import RegionReading, ValueReading
from mnist_edge.monitoring.recording import Recorder, Recording, Unrecorded
from mnist_edge.monitoring.rule_settings import RuleSettings
from mnist_edge.monitoring.settings import RegionSettings
from tests.support.publishers import SentMessages

REGIONS = (RegionSettings(name="water", rules=RuleSettings(only_grows=True)),)
FULL = "cannot use the history: database or disk is full; make room"
START = datetime(2026, 11, 27, tzinfo=timezone.utc)


def seen(number: int, text: str | None = None) -> list[RegionReading]:
    return [
        RegionReading(
            region="water",
            time=START + timedelta(minutes=number),
            reading_id=f"id-{number}",
            text=text or str(number),
        )
    ]


class Told:
    """A recording, and what it reported and warned of."""

    def __init__(self, recorder: Recorder) -> None:
        self.readings: list[ValueReading] = []
        self.warnings: list[str] = []
        self.recording = Recording(REGIONS, recorder, report=self.report, warn=self.warnings.append)
        self.is_writable = True

    def report(self, readings: Sequence[ValueReading]) -> None:
        if not self.is_writable:
            raise NotWritable("cannot write out.jsonl: No space left on device")
        self.readings += readings


class FullNowAndThen(Unrecorded):
    is_full = False

    def record(self, *arguments: Any, **options: Any) -> bool:
        if self.is_full:
            raise NotWritable(FULL)
        return super().record(*arguments, **options)


def test_without_a_history_the_rules_know_the_value_before() -> None:
    told = Told(Unrecorded())
    for number in (5, 6, 4):
        assert told.recording.record(seen(number), {})
    assert [one.reason for one in told.readings] == [None, None, "only_grows"]


def test_lost_readings_are_reported_in_the_place_of_the_first_one() -> None:
    recorder = FullNowAndThen()
    told = Told(recorder)
    assert told.recording.record(seen(0), {})
    recorder.is_full = True
    for number in (1, 2, 3):
        assert not told.recording.record(seen(number), {})
    recorder.is_full = False
    assert told.recording.record(seen(4), {})
    assert [one.reading_id for one in told.readings] == ["id-0", "id-1", "id-4"]
    lost = told.readings[1]
    assert lost.error == f"history: the readings of 3 pictures are lost: {FULL}"
    assert (lost.value, lost.raw, lost.is_problem) == (None, "", True)
    assert told.warnings == [
        f"readings are lost: {FULL}",
        "readings are kept again; those of 3 pictures are lost",
    ]


def test_lost_readings_are_also_sent_as_an_error(tmp_path: Path) -> None:
    history = History(HistorySettings(path=tmp_path / "readings.db"))
    recording = Recording(
        REGIONS,
        history,
        publishers=[SentMessages()],
        report=lambda readings: None,
        warn=lambda message: None,
    )
    connection = history._file.connection  # noqa: SLF001  # no other door makes it refuse
    connection.execute("PRAGMA query_only = on")
    assert not recording.record(seen(0), {})
    connection.execute("PRAGMA query_only = off")
    assert recording.record(seen(1), {})
    assert [one.reading_id for one in history.readings()] == ["id-0", "id-1"]
    assert history.waiting_messages("recorder") == 2
    history.close()


def test_unwritable_lines_are_reported_once_and_end_nothing() -> None:
    told = Told(Unrecorded())
    told.is_writable = False
    for number in range(3):
        assert told.recording.record(seen(number), {})
    told.is_writable = True
    assert told.recording.record(seen(3), {})
    assert told.warnings == ["cannot write out.jsonl: No space left on device"]
    assert [one.reading_id for one in told.readings] == ["id-3"]


def test_an_error_of_the_camera_is_recorded_as_it_is() -> None:
    told = Told(Unrecorded())
    (unplugged,) = seen(0)
    told.recording.record([replace(unplugged, text="", error="camera: no picture")], {})
    assert told.readings[0].error == "camera: no picture"
