from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from mnist_edge.errors import InvalidValue
from mnist_edge.monitoring.history import History, HistorySettings
from mnist_edge.monitoring.rules import RegionState
from tests.support.programs import run_python
from tests.support.readings import START, counter_reading, waiting_message


@pytest.fixture
def settings(tmp_path: Path) -> HistorySettings:
    return HistorySettings(path=tmp_path / "made" / "readings.db")


def test_readings_come_back_as_they_were(settings: HistorySettings) -> None:
    history = History(settings)
    refused = counter_reading(2, error="only_grows: 0.01 is less than 0.02, the previous value")
    states = {"water": RegionState(), "gas": RegionState()}
    assert history.record([counter_reading(1)], states)
    assert history.record([refused, counter_reading(2, region="gas")], states)
    assert list(history.readings(region="water")) == [counter_reading(1), refused]
    assert list(history.readings(since=START + timedelta(minutes=2), region="gas")) == [
        counter_reading(2, region="gas")
    ]
    assert history.latest() == [counter_reading(2, region="gas"), refused]


def test_a_picture_is_recorded_once(settings: HistorySettings) -> None:
    state = RegionState(value=Decimal("0.01"), time=START)
    history = History(settings)
    assert history.record([counter_reading(1)], {"water": state}, [waiting_message(1)])
    assert not history.record([counter_reading(1)], {"water": RegionState()}, [waiting_message(1)])
    history.close()
    history = History(settings)
    assert history.state("water") == state
    assert history.state("gas") == RegionState()
    assert history.waiting_messages("mqtt") == len(list(history.readings())) == 1


def test_two_watches_of_one_history_lose_nothing(settings: HistorySettings) -> None:
    def watch(name: str) -> None:
        history = History(settings)
        for number in range(8):
            reading = replace(counter_reading(number), reading_id=f"{name}-{number}")
            message = waiting_message(number)
            assert history.record([reading], {"water": history.state("water")}, [message])
        history.close()

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(watch, ("a", "b")))
    history = History(settings)
    assert len(list(history.readings())) == history.waiting_messages("mqtt") == 16


def test_a_history_that_several_begin_at_once_is_begun(tmp_path: Path) -> None:
    with ThreadPoolExecutor(4) as pool:
        for number in range(25):
            settings = HistorySettings(path=tmp_path / f"{number}.db")
            for history in pool.map(History, [settings] * 4):
                history.close()


def test_messages_wait_in_order_for_each_publisher(settings: HistorySettings) -> None:
    history = History(settings)
    for number in range(3):
        history.record(
            [counter_reading(number)],
            {},
            [waiting_message(number), waiting_message(number, "webhook")],
        )
    for number in range(3):
        first = history.next_message("mqtt")
        assert first is not None
        assert replace(first, number=0) == waiting_message(number)
        history.remove_message(first)
    assert history.next_message("mqtt") is None
    assert history.waiting_messages("webhook") == 3


def test_an_outbox_that_is_full_drops_the_oldest_and_counts_them(tmp_path: Path) -> None:
    history = History(HistorySettings(path=tmp_path / "readings.db", max_outbox_bytes=1000))
    for number in range(8):
        history.record([counter_reading(number)], {}, [waiting_message(number, payload=bytes(300))])
    oldest = history.next_message("mqtt")
    assert oldest is not None
    assert oldest.reading_id == "id-5"
    assert (history.waiting_messages("mqtt"), history.dropped_messages("mqtt")) == (3, 5)
    assert history.dropped_messages("webhook") == 0


def test_pictures_are_kept_as_asked_up_to_a_size(tmp_path: Path) -> None:
    never = History(HistorySettings(path=tmp_path / "never.db"))
    never.record([counter_reading(0)], {}, crops={"water": b"picture"})
    assert never.crop("id-0", "water") is None
    errors = History(HistorySettings(path=tmp_path / "errors.db", crops="errors"))
    errors.record(
        [counter_reading(0), counter_reading(0, region="gas", error="camera: none")],
        {},
        crops={"water": b"right", "gas": b"wrong"},
    )
    assert (errors.crop("id-0", "water"), errors.crop("id-0", "gas")) == (None, b"wrong")
    always = History(
        HistorySettings(path=tmp_path / "always.db", crops="always", max_crop_bytes=1000)
    )
    for number in range(5):
        always.record([counter_reading(number)], {}, crops={"water": bytes(400)})
    kept = [number for number in range(5) if always.crop(f"id-{number}", "water")]
    assert kept == [3, 4]


def test_old_readings_and_their_pictures_are_deleted(tmp_path: Path) -> None:
    settings = HistorySettings(path=tmp_path / "readings.db", keep=180, crops="always")
    history = History(settings)
    for number in range(6):
        history.record([counter_reading(number)], {}, crops={"water": b"picture"})
    kept = [one.reading_id for one in history.readings()]
    assert kept == ["id-2", "id-3", "id-4", "id-5"]
    pictures = [f"id-{number}" for number in range(6) if history.crop(f"id-{number}", "water")]
    assert pictures == kept


@pytest.mark.parametrize("name", ["max_crop_bytes", "max_outbox_bytes", "keep"])
def test_settings_without_room_are_refused(name: str) -> None:
    without_room: dict[str, Any] = {name: 0}
    with pytest.raises(InvalidValue, match=f"{name}: 0 is"):
        HistorySettings(**without_room)


KILLED = """
import os, signal, sqlite3, sys
from pathlib import Path
from typing import Any
from mnist_edge.monitoring.history import History, HistorySettings
from mnist_edge.monitoring.rules import RegionState
from tests.support.readings import counter_reading, waiting_message
from decimal import Decimal

settings = HistorySettings(path=Path(sys.argv[1]))
step = 0
while True:
    child = os.fork()
    if not child:
        history = History(settings)
        left = step
        def trace(statement):
            global left
            if not left:
                os.kill(os.getpid(), signal.SIGKILL)
            left -= 1
        history._file.connection.set_trace_callback(trace)
        state = RegionState(value=Decimal(step), time=counter_reading(step).time)
        history.record([counter_reading(step)], {"water": state}, [waiting_message(step)])
        os._exit(0)
    if os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0:
        break
    step += 1
print(step)
"""


def test_a_kill_at_any_statement_leaves_all_of_a_picture_or_nothing(
    settings: HistorySettings,
) -> None:
    steps = int(run_python(KILLED, str(settings.path)))
    # The transaction's begin and end, the readings, the states and the messages at least.
    assert steps >= 6
    history = History(settings)
    recorded = [one.reading_id for one in history.readings()]
    assert recorded == [f"id-{steps}"]
    assert history.state("water").value == steps
    assert history.waiting_messages("mqtt") == 1
