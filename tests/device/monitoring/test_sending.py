from __future__ import annotations

from pathlib import Path

import pytest

from mnist_edge.errors import InvalidValue
from mnist_edge.monitoring.clock import SystemClock
from mnist_edge.monitoring.history import History, HistorySettings
from mnist_edge.monitoring.publishers.influx import InfluxSettings
from mnist_edge.monitoring.publishers.mqtt import MqttSettings
from mnist_edge.monitoring.publishers.webhook import WebhookSettings
from mnist_edge.monitoring.sending import open_publishers, sending
from mnist_edge.monitoring.settings import CameraSettings, MonitorSettings
from tests.support.publishers import SentMessages
from tests.support.readings import counter_reading, waiting_message
from tests.support.waiting import eventually


def test_each_place_of_the_settings_has_a_publisher(tmp_path: Path) -> None:
    settings = MonitorSettings(
        camera=CameraSettings(address="demo:"),
        mqtt=MqttSettings(),
        webhook=WebhookSettings(url="http://127.0.0.1/"),
        influx=InfluxSettings(file=tmp_path / "readings.lp"),
    )
    names = [one.name for one in open_publishers(settings, lambda: None)]
    assert names == ["mqtt", "webhook", "influx"]
    assert open_publishers(MonitorSettings(camera=settings.camera), lambda: None) == []


def test_an_unusable_file_is_reported_before_anything_runs(tmp_path: Path) -> None:
    settings = MonitorSettings(
        camera=CameraSettings(address="demo:"),
        webhook=WebhookSettings(url="http://127.0.0.1/", token_file=tmp_path / "none"),
    )
    with pytest.raises(InvalidValue, match="token_file"):
        open_publishers(settings, lambda: None)


def test_recorded_readings_are_sent_and_the_unsent_ones_reported(tmp_path: Path) -> None:
    settings, warnings = HistorySettings(path=tmp_path / "readings.db"), list[str]()
    history, publisher = History(settings), SentMessages()
    with sending([publisher], settings, SystemClock(), warn=warnings.append) as wake:
        history.record([counter_reading(0)], {}, [waiting_message(0, "recorder")])
        wake()
        eventually(lambda: publisher.sent == ["id-0"])
        publisher.away = True
        history.record([counter_reading(1)], {}, [waiting_message(1, "recorder")])
        wake()
        eventually(lambda: warnings)
    assert publisher.closed
    assert warnings == [
        "recorder: nobody listens",
        "recorder: what is left is sent at the next start",
    ]
    assert history.waiting_messages("recorder") == 1
    history.close()
