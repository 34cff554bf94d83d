from __future__ import annotations

import itertools
import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mnist_edge.errors import InvalidValue
from mnist_edge.monitoring.history import History, HistorySettings
from mnist_edge.monitoring.publishers.mqtt import MqttPublisher, MqttSettings
from mnist_edge.monitoring.rule_settings import RuleSettings
from mnist_edge.monitoring.sender import Sender
from tests.support.brokers import FULL_DISK, MOSQUITTO, Broker, Listener
from tests.support.clocks import SteppedClock
from tests.support.paths import ROOT
from tests.support.readings import counter_reading
from tests.support.waiting import SECONDS, eventually

pytestmark = pytest.mark.skipif(not MOSQUITTO, reason="needs mosquitto")

WATER = {"water": RuleSettings(meter="water", unit="m³", only_grows=True, decimals=2)}


class Station:
    """A history with its publisher to a broker."""

    def __init__(self, folder: Path, port: int, **settings: Any) -> None:
        self.history = History(HistorySettings(path=folder / "readings.db"))
        self.commands = threading.Event()
        settings = {"host": "localhost", "port": port, "topic": "meters", **settings}
        self.publisher = MqttPublisher(MqttSettings(**settings), WATER, self.commands.set)
        self.clock = SteppedClock()
        self.sender = Sender(self.history, self.publisher, self.clock)

    def record(self, number: int, *, error: str | None = None) -> None:
        one = counter_reading(number, error=error)
        self.history.record([one], {}, self.publisher.messages([one], {}))

    def step(self) -> None:
        self.clock.sleep(60)
        self.sender.step()

    def close(self) -> None:
        self.publisher.close()
        self.history.close()


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    started = Broker(tmp_path)
    yield started
    started.kill()


@pytest.fixture
def station(tmp_path: Path, broker: Broker) -> Iterator[Station]:
    made = Station(tmp_path, broker.port)
    yield made
    made.close()


@pytest.fixture
def listener(broker: Broker) -> Iterator[Listener]:
    made = Listener(broker.port)
    yield made
    made.close()


def test_readings_arrive_and_a_refused_value_is_not_among_them(
    station: Station, broker: Broker, listener: Listener
) -> None:
    station.record(1)
    station.record(2, error="only_grows: 0.01 is less than 0.02, the previous value")
    station.record(3, error="equal_readings: 0.03 was read 1 of 2 times")
    station.step()
    eventually(lambda: len(listener.of("meters/water/reading")) == 3)
    assert listener.of("meters/water/value") == ["0.01"]
    assert listener.of("meters/status") == ["online"]
    documents = list(map(json.loads, listener.of("meters/water/reading")))
    assert [one["problem"] for one in documents] == [False, True, False]
    assert [one["value"] for one in documents] == ["0.01", None, None]
    # A later subscriber finds the last value and the description of the device.
    late = Listener(broker.port)
    eventually(lambda: len(late.received) == 4)
    assert late.of("meters/water/value") == ["0.01"]
    described = json.loads(late.of("homeassistant/device/meters/config")[0])
    assert described["components"]["water_value"]["device_class"] == "water"
    late.close()


def test_a_command_asks_for_a_reading_unless_it_is_an_old_one(
    station: Station, listener: Listener
) -> None:
    listener.publish("meters/command", "read", retain=True)
    station.step()
    listener.publish("meters/command", "something else")
    listener.publish("meters/status/mark", "after both")
    assert not station.commands.wait(0.2)
    listener.publish("meters/command", "read")
    assert station.commands.wait(SECONDS)


def test_the_last_will_tells_of_a_device_that_is_gone(station: Station, listener: Listener) -> None:
    def statuses() -> list[str]:
        return listener.of("meters/status")

    station.step()
    client = station.publisher._connection._client  # noqa: SLF001  # it is to end without a word
    assert client
    client.socket().shutdown(socket.SHUT_RDWR)
    eventually(lambda: statuses() == ["online", "offline"])

    def is_back() -> bool:
        station.step()
        return len(statuses()) == 3

    eventually(is_back)
    station.publisher.close()
    eventually(lambda: statuses() == ["online", "offline", "online", "offline"])


def test_a_broker_that_restarts_gets_every_message_once_and_in_order(
    station: Station, broker: Broker, listener: Listener
) -> None:
    station.record(0)
    station.step()
    eventually(lambda: listener.of("meters/water/value"))
    broker.kill()
    listener.close()
    # An hour without a network.
    for number in range(1, 61):
        station.record(number)
        station.step()
    assert "cannot connect to the broker localhost:" in (station.sender.problem or "")
    broker.start()
    back = Listener(broker.port)
    station.step()
    assert station.sender.problem is None
    eventually(lambda: len(back.of("meters/water/reading")) >= 60)
    received = [json.loads(one)["reading_id"] for one in back.of("meters/water/reading")]
    # The message retained from before the kill may come first.
    assert received[-60:] == [f"id-{number}" for number in range(1, 61)]
    assert len(received) == len(set(received))
    assert station.history.waiting_messages("mqtt") == station.history.dropped_messages("mqtt") == 0
    back.close()


def test_a_connection_that_breaks_in_between_is_made_anew(station: Station, broker: Broker) -> None:
    station.record(0)
    station.step()
    broker.kill()
    broker.start()
    listener = Listener(broker.port)
    station.record(1)

    def has_arrived() -> bool:
        station.step()
        return "0.01" in listener.of("meters/water/value")

    eventually(has_arrived)
    listener.close()


def test_a_broker_whose_disk_is_full_still_passes_readings_on(tmp_path: Path) -> None:
    broker = Broker(tmp_path, starter=FULL_DISK)
    listener, station = Listener(broker.port), Station(tmp_path, broker.port)
    try:
        for number in range(20):
            station.record(number)
            station.step()
        eventually(lambda: len(listener.of("meters/water/value")) == 20)
        assert station.history.waiting_messages("mqtt") == 0
        database = tmp_path / "mosquitto.db"
        assert not database.exists() or database.stat().st_size <= 512
    finally:
        station.close()
        listener.close()
        broker.kill()


KILLED = """
import sys
from pathlib import Path
from mnist_edge.monitoring.rules import RegionState
from tests.device.monitoring.publishers.test_mqtt import Station
from tests.support.paths import ROOT
from tests.support.readings import counter_reading

station = Station(Path(sys.argv[1]), int(sys.argv[2]))
while True:
    number = int(station.history.state("water").value or 0) + 1
    reading = counter_reading(number)
    state = RegionState(value=number, time=reading.time)
    messages = station.publisher.messages([reading], {})
    station.history.record([reading], {"water": state}, messages)
    station.sender.step()
"""


@pytest.mark.slow
def test_kills_at_any_moment_lose_nothing(
    tmp_path: Path, broker: Broker, listener: Listener
) -> None:
    def identifiers() -> list[str]:
        return [json.loads(one)["reading_id"] for one in listener.of("meters/water/reading")]

    delays = (0, 0.001, 0.004, 0.009, 0.017, 0.03)
    for delay in delays:
        wanted = len(identifiers()) + 3

        def has_sent(wanted: int = wanted) -> bool:
            return len(identifiers()) >= wanted

        with subprocess.Popen(
            [sys.executable, "-c", KILLED, str(tmp_path), str(broker.port)],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        ) as station:
            eventually(has_sent)
            time.sleep(delay)
            station.kill()
    last = Station(tmp_path, broker.port)
    last.step()
    count = len(list(last.history.readings()))
    eventually(lambda: f"id-{count}" in identifiers())
    recorded = [one.reading_id for one in last.history.readings()]
    assert recorded == [f"id-{number}" for number in range(1, count + 1)]
    # A message delivered but not yet recorded as delivered came again, with its id.
    received = identifiers()
    assert [one for one, _ in itertools.groupby(received)] == recorded
    assert len(received) <= count + len(delays)
    last.close()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"port": 0}, "port: 0 is outside"),
        ({"topic": "meters/#"}, "topic: 'meters/#': write words"),
        ({"topic": "/meters"}, "topic: "),
        ({"ca_file": Path("ca.pem")}, "ca_file: it needs tls"),
        ({"tls": True, "key_file": Path("key.pem")}, "key_file: it needs certificate_file"),
        ({"expire_after": 0.5}, "expire_after: 0.5 is less"),
    ],
)
def test_impossible_settings_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidValue, match=message):
        MqttSettings(**settings)


def test_unusable_files_are_reported_at_the_start(tmp_path: Path) -> None:
    (tmp_path / "empty").write_text("")
    (tmp_path / "text.pem").write_text("no certificate")
    for settings, message in [
        (MqttSettings(password_file=tmp_path / "none"), "password_file: cannot read .*none"),
        (MqttSettings(password_file=tmp_path / "empty"), "password_file: .* is empty"),
        (MqttSettings(tls=True, ca_file=tmp_path / "none"), "the certificates of MQTT"),
        (MqttSettings(tls=True, ca_file=tmp_path / "text.pem"), "the certificates of MQTT"),
    ]:
        with pytest.raises(InvalidValue, match=message):
            MqttPublisher(settings, WATER)
