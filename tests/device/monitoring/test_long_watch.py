"""A day of a watch within seconds: the clock is stepped, and digits are given, not recognized."""

import gc
import json
from collections import Counter
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest

from mnist_edge import Classifier
from mnist_edge.inference.classifier import Prediction
from mnist_edge.inference.page import FoundDigit, Page
from mnist_edge.monitoring.camera_keeper import CameraKeeper
from mnist_edge.monitoring.history import History, HistorySettings
from mnist_edge.monitoring.message import Publisher
from mnist_edge.monitoring.monitor import Monitor
from mnist_edge.monitoring.publishers import mqtt_connection
from mnist_edge.monitoring.publishers.mqtt import MqttPublisher, MqttSettings
from mnist_edge.monitoring.readings import ValueReading
from mnist_edge.monitoring.recording import Recording
from mnist_edge.monitoring.rule_settings import RuleSettings
from mnist_edge.monitoring.sender import Sender
from mnist_edge.monitoring.settings import (
    CameraSettings,
    MonitorSettings,
    RegionSettings,
    ScheduleSettings,
)
from tests.support.brokers import MOSQUITTO, Broker, Listener
from tests.support.clocks import SteppedClock
from tests.support.fake_camera import FakeCamera
from tests.support.publishers import SentMessages
from tests.support.waiting import SECONDS, eventually

HOUR = 3600.0
SETTINGS = MonitorSettings(
    camera=CameraSettings(address="demo:"),
    schedule=ScheduleSettings(every=120.0),
    regions=(RegionSettings(name="counter", rules=RuleSettings(digits=8, only_grows=True)),),
)


class ToldClassifier:
    """Answers the time in seconds, in eight digits."""

    def __init__(self, clock: SteppedClock) -> None:
        self._clock = clock

    def predict_all(self, pixels: object, *, ink: object = None) -> Page:
        return _page(f"{int(self._clock.monotonic()):08}")


@cache
def _digit(digit: int) -> FoundDigit:
    told = Prediction(digit=digit, confidence=1.0, probabilities=(0.1,) * 10)
    return FoundDigit(prediction=told, box=(0, 0, 1, 1))


def _page(text: str) -> Page:
    return Page(lines=(tuple(_digit(int(one)) for one in text),))


@cache
def small_picture(seed: int) -> bytes:
    """A picture as PGM, which is quick to decode and cut a thousand times."""
    pixels = np.random.default_rng(seed).integers(0, 256, (24, 32), np.uint8)
    return b"P5 32 24 255\n" + pixels.tobytes()


class Day:
    """A watch that is recorded in a file; it may be started again."""

    def __init__(self, folder: Path, publisher: Publisher | None = None) -> None:
        self.clock = SteppedClock()
        self.camera = FakeCamera(self.clock, lambda number: small_picture(number % 4), interval=5.0)
        self.publishers = [publisher] if publisher else []
        self.warnings: list[str] = []
        self.settings = HistorySettings(path=folder / "readings.db")
        self.start()

    def start(self) -> None:
        self.history = History(self.settings)
        keeper = CameraKeeper(self.camera, SETTINGS.camera, self.clock)
        self.senders = [
            Sender(self.history, one, self.clock, self.warnings.append) for one in self.publishers
        ]
        recording = Recording(
            SETTINGS.regions,
            self.history,
            publishers=self.publishers,
            report=lambda readings: None,
            warn=self.warnings.append,
        )
        self.monitor = Monitor(
            SETTINGS,
            cast("Classifier", ToldClassifier(self.clock)),
            keeper,
            self.clock,
            recording,
            warn=self.warnings.append,
        )

    def run(self, seconds: float) -> None:
        end = self.clock.monotonic() + seconds

        def pause(wait: float) -> bool:
            # Where a picture is waited for, a second is as good as a tenth, and takes less time.
            self.clock.sleep(max(wait, 1.0))
            for sender in self.senders:
                sender.step()
            return self.clock.monotonic() < end

        self.monitor.run(pause)

    def readings(self) -> list[ValueReading]:
        return list(self.history.readings())


def live_objects() -> int:
    gc.collect()
    return len(gc.get_objects())


@pytest.mark.slow
def test_a_day_with_faults_leaves_no_gap_without_a_name_and_no_memory(tmp_path: Path) -> None:
    day = Day(tmp_path)
    faults = {3: "garbage", 6: "silent", 9: "frozen", 12: "unplugged", 15: "garbage"}
    for hour in range(24):
        day.camera.fault = faults.get(hour)
        day.run(HOUR / 6)
        day.camera.fault = None
        day.run(HOUR * 5 / 6)
        if hour == 4:
            before = live_objects()
    # Frames in use differ by a few; a list that grew by an entry a picture would have a thousand.
    assert live_objects() - before < 300

    readings = day.readings()
    assert len({one.reading_id for one in readings}) == len(readings)
    # No reading is lost but those of a fault, which is named in its first minute.
    start = readings[0].time
    slots = Counter(
        round((one.time - start) / timedelta(minutes=2)) for one in readings if one.value
    )
    lost = set(range(24 * 30 - 1)) - set(slots)
    assert {slot // 30 for slot in lost} == set(faults)
    assert max(slots.values()) <= 2
    for hour in faults:
        begin = start + timedelta(hours=hour)
        named = [one for one in readings if begin <= one.time < begin + timedelta(minutes=10)]
        errors = [one for one in named if one.reason == "camera"]
        assert errors, hour
        assert errors[0].time - begin <= timedelta(seconds=61)
        # It came back by itself within a minute.
        back = [one.time for one in readings if one.time > errors[-1].time and one.value]
        assert back[0] - (begin + timedelta(minutes=10)) <= timedelta(minutes=1)
    assert all(one.reason in {None, "camera"} for one in readings)


class Killed(BaseException):
    """The end of a process in the middle of a step."""


STEPS = [
    (FakeCamera, "newest"),
    (ToldClassifier, "predict_all"),
    (History, "state"),
    (History, "record"),
    (History, "next_message"),
    (SentMessages, "send"),
    (History, "remove_message"),
]


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize(("owner", "step"), STEPS, ids=[step for _, step in STEPS])
def test_a_kill_at_each_step_leaves_each_reading_once_and_the_last_value_sent(
    owner: type, step: str, when: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publisher = SentMessages()
    day = Day(tmp_path, publisher)
    day.run(100)
    work = getattr(owner, step)

    def killed(*arguments: Any, **options: Any) -> Any:
        if when == "after":
            work(*arguments, **options)
        raise Killed

    for _ in range(3):
        day.start()
        with monkeypatch.context() as patches:
            patches.setattr(owner, step, killed)
            with pytest.raises(Killed):
                day.run(100)
    day.start()
    day.run(300)
    readings = day.readings()
    assert len({one.reading_id for one in readings}) == len(readings)
    values = [one.value for one in readings]
    assert None not in values
    assert values == sorted(values, key=int)  # type: ignore[arg-type]
    # The message being sent during the kill may come twice in a row; none is left out.
    assert list(dict.fromkeys(publisher.sent)) == [one.reading_id for one in readings]
    assert day.history.waiting_messages(publisher.name) == 0


def test_a_full_disk_is_an_error_state_that_says_what_is_lost_and_ends(tmp_path: Path) -> None:
    publisher = SentMessages()
    day = Day(tmp_path, publisher)
    day.run(HOUR / 2)
    connection = day.history._file.connection  # noqa: SLF001  # SQLite's simulation of a full disk
    ((pages,),) = connection.execute("PRAGMA page_count").fetchall()
    connection.execute(f"PRAGMA max_page_count = {pages}")
    day.run(HOUR * 4)
    (warning,) = day.warnings
    assert "readings are lost: cannot use the history" in warning
    assert "full; make room" in warning
    assert day.camera.is_running is False  # the run has ended, and stopped it
    connection.execute("PRAGMA max_page_count = 1000000")
    day.run(HOUR / 2)

    readings = day.readings()
    assert len({one.reading_id for one in readings}) == len(readings)
    (named,) = (one for one in readings if one.error)
    lost = int(str(named.error).split()[4])
    assert str(named.error).startswith(f"history: the readings of {lost} pictures are lost: ")
    assert lost + len(readings) - 1 == pytest.approx(30 * 5, abs=2)
    assert lost > 30
    # What was recorded was sent once, in order, the error as well.
    assert publisher.sent == [one.reading_id for one in readings]
    assert day.warnings[1:] == [f"readings are kept again; those of {lost} pictures are lost"]


@pytest.mark.skipif(not MOSQUITTO, reason="mosquitto is not installed")
@pytest.mark.slow
def test_an_hour_without_a_network_loses_nothing_repeats_nothing_and_keeps_the_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A message that a broker on a busy machine acknowledges late would be sent again.
    monkeypatch.setattr(mqtt_connection, "_TIMEOUT", SECONDS)
    broker = Broker(tmp_path)
    try:
        settings = MqttSettings(host="127.0.0.1", port=broker.port, topic="meter")
        rules = {region.name: region.rules for region in SETTINGS.regions}
        day = Day(tmp_path, MqttPublisher(settings, rules))
        listener = Listener(broker.port)
        day.run(HOUR / 6)
        before = [one.reading_id for one in day.readings()]
        eventually(lambda: sent_ids(listener) == before)
        listener.close()
        broker.kill()
        day.run(HOUR)
        assert len(day.readings()) == len(before) + 30
        assert any("mqtt: " in one for one in day.warnings)
        broker.start()
        listener = Listener(broker.port)
        day.run(HOUR / 6)
        ids = [one.reading_id for one in day.readings()]
        eventually(lambda: ids[-1] in sent_ids(listener))
        # Messages that the broker retains from before are not new.
        assert [one for one in sent_ids(listener) if one not in before] == ids[len(before) :]
        assert day.warnings[-1] == "mqtt: sending works again"
        assert day.history.waiting_messages("mqtt") == day.history.dropped_messages("mqtt") == 0
        listener.close()
        day.publishers[0].close()
    finally:
        broker.kill()


def sent_ids(listener: Listener) -> list[str]:
    return [json.loads(text)["reading_id"] for text in listener.of("meter/counter/reading")]
