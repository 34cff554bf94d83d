from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path

import pytest

from mnist_edge.errors import NotWritable
from mnist_edge.monitoring.history import History, HistorySettings
from mnist_edge.monitoring.message import Message
from mnist_edge.monitoring.readings import ValueReading
from mnist_edge.monitoring.sender import Sender
from tests.support.clocks import SteppedClock
from tests.support.publishers import SentMessages
from tests.support.waiting import SECONDS

START = datetime(2026, 11, 27, tzinfo=timezone.utc)


def record(history: History, publisher: SentMessages, number: int) -> None:
    reading = ValueReading(
        region="water",
        time=START + timedelta(minutes=number),
        reading_id=str(number),
        raw=str(number),
        value=Decimal(number),
        rate=None,
        error=None,
        unit="",
    )
    history.record([reading], {}, publisher.messages([reading], {}))


@pytest.fixture
def history(tmp_path: Path) -> Iterator[History]:
    opened = History(HistorySettings(path=tmp_path / "readings.db"))
    yield opened
    opened.close()


def test_after_an_hour_without_a_network_every_message_arrives_once_and_in_order(
    history: History,
) -> None:
    publisher, clock = SentMessages(), SteppedClock()
    sender = Sender(history, publisher, clock)
    for number in range(5):
        record(history, publisher, number)
        clock.sleep(60)
        sender.step()
    assert publisher.sent == ["0", "1", "2", "3", "4"]
    publisher.away = True
    publisher.attempts = 0
    for number in range(5, 65):
        record(history, publisher, number)
        clock.sleep(60)
        sender.step()
    assert 0 < publisher.attempts <= 65
    publisher.away = False
    clock.sleep(60)
    sender.step()
    assert publisher.sent == [str(number) for number in range(65)]
    assert sender.problem is None
    assert history.waiting_messages("recorder") == 0


def test_a_problem_and_its_end_are_each_reported_once(history: History) -> None:
    told: list[str] = []
    publisher, clock = SentMessages(), SteppedClock()
    sender = Sender(history, publisher, clock, told.append)
    for away in (False, True, True, True, False, False):
        publisher.away = away
        clock.sleep(60)
        sender.step()
    assert told == ["recorder: nobody listens", "recorder: sending works again"]


def test_attempts_become_rarer_while_nobody_answers(history: History) -> None:
    publisher, clock = SentMessages(), SteppedClock()
    publisher.away = True
    sender = Sender(history, publisher, clock)
    pauses = []
    for _ in range(9):
        pauses.append(sender.step())
        clock.sleep(pauses[-1])
    assert pauses == [1, 2, 4, 8, 16, 32, 60, 60, 60]
    assert publisher.attempts == 9
    assert sender.step() == 60
    assert sender.step() == 60
    assert publisher.attempts == 10


def test_a_message_that_is_refused_for_good_does_not_hold_up_the_next(history: History) -> None:
    publisher = SentMessages()
    publisher.refuses = "1"
    sender = Sender(history, publisher, SteppedClock())
    for number in range(3):
        record(history, publisher, number)
    sender.step()
    assert publisher.sent == ["0", "2"]
    assert sender.problem == "it is too odd"
    assert history.dropped_messages("recorder") == 1


def test_a_full_disk_does_not_send_a_message_again_and_again(
    history: History, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(message: Message, *, refused: bool = False) -> None:
        raise NotWritable("cannot use the history: the disk is full")

    publisher, clock = SentMessages(), SteppedClock()
    sender = Sender(history, publisher, clock)
    record(history, publisher, 0)
    record(history, publisher, 1)
    with monkeypatch.context() as full:
        full.setattr(history, "remove_message", refuse)
        for _ in range(5):
            sender.step()
            clock.sleep(60)
        assert sender.problem == "cannot use the history: the disk is full"
    sender.step()
    assert publisher.sent == ["0", "1"]
    assert history.waiting_messages("recorder") == 0


def test_a_thread_sends_what_is_recorded_and_ends(history: History, tmp_path: Path) -> None:
    publisher, stop = SentMessages(), threading.Event()
    other = History(HistorySettings(path=tmp_path / "readings.db"))
    sender = Sender(other, publisher, SteppedClock())
    thread = threading.Thread(target=sender.run, args=(stop,))
    thread.start()
    record(history, publisher, 0)
    sender.wake()
    record(history, publisher, 1)
    stop.set()
    sender.wake()
    thread.join(SECONDS)
    other.close()
    assert not thread.is_alive()
    assert publisher.sent == ["0", "1"]
    assert publisher.closed
