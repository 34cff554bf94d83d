from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from mnist_edge.monitoring.history import History, HistorySettings
from mnist_edge.monitoring.rules import RegionState
from mnist_edge.monitoring.settings import load_monitor_settings
from tests.support.brokers import MOSQUITTO, Broker, Listener
from tests.support.paths import SAMPLE
from tests.support.programs import Run
from tests.support.waiting import SECONDS, eventually

CONFIG = """
model = "nano"
[camera]
address = "demo:"
warm_up = 0
[schedule]
every = 0.05
[[region]]
name = "counter"
box = [48, 96, 592, 180]
[region.rules]
meter = "water"
unit = "L"
digits = 8
{rules}
[history]
path = "readings.db"
[mqtt]
port = {port}
topic = "home/meter"
"""
RULES = "only_grows = true\nmax_step = 100.0\ndigit_carry = true"


@contextmanager
def watching(config: Path, *options: str) -> Iterator[subprocess.Popen[str]]:
    """Run a watch in a process of its own, and kill it at the end."""
    child = subprocess.Popen(
        [sys.executable, "-m", "mnist_edge", "watch", "--config", str(config), *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield child
    finally:
        child.kill()
        child.communicate()


def readings(config: Path) -> list[Any]:
    path = config.with_name("readings.db")
    if not path.exists():
        return []
    history = History(HistorySettings(path=path))
    try:
        return list(history.readings())
    finally:
        history.close()


def wait_for_readings(config: Path, count: int) -> None:
    eventually(lambda: len(readings(config)) >= count)


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    folder = tmp_path / "broker"
    folder.mkdir()
    broker = Broker(folder)
    yield broker
    broker.kill()


needs_broker = pytest.mark.skipif(not MOSQUITTO, reason="mosquitto is not installed")


@needs_broker
@pytest.mark.slow
def test_the_drawn_counter_reaches_the_broker_home_assistant_and_the_history(
    tmp_path: Path, broker: Broker
) -> None:
    config = tmp_path / "meter.toml"
    config.write_text(CONFIG.format(port=broker.port, rules=RULES))
    listener = Listener(broker.port)
    with watching(config) as child:
        wait_for_readings(config, 16)
        child.send_signal(signal.SIGTERM)
        output, _ = child.communicate(timeout=SECONDS)
        assert child.returncode == 0
    kept = readings(config)
    last = kept[-1].value
    assert last is not None
    eventually(lambda: ("home/meter/counter/value", f"{last}") in listener.received)
    eventually(lambda: ("home/meter/status", "offline") in listener.received)

    # The history has what was printed, and the broker has the values of the history, in order.
    printed = [json.loads(line) for line in output.splitlines()]
    assert [one["reading_id"] for one in printed] == [one.reading_id for one in kept]
    values = [text for topic, text in listener.received if topic == "home/meter/counter/value"]
    assert values == [str(one.value) for one in kept if one.value is not None]
    assert values[:5] == ["1234560", "1234561", "1234562", "1234563", "1234564"]

    # The misread is refused by name, and is nobody's value.
    # The counter begins anew where the watch ends late.
    misread = next(one for one in kept if one.raw.startswith("9"))
    assert misread.value is None
    assert misread.error.startswith("max_step: 91234573")
    sent = [
        json.loads(text)
        for topic, text in listener.received
        if topic == "home/meter/counter/reading"
    ]
    (refused,) = (one for one in sent if one["reading_id"] == misread.reading_id)
    assert refused["problem"] is True
    assert refused["error"] == misread.error

    # Home Assistant is told of a counter that cannot fall.
    (discovery,) = (text for topic, text in listener.received if topic.endswith("/config"))
    component = json.loads(discovery)["components"]["counter_value"]
    assert component["state_class"] == "total_increasing"
    assert component["device_class"] == "water"
    assert component["unit_of_measurement"] == "L"
    listener.close()


@needs_broker
@pytest.mark.slow
def test_kills_lose_nothing_and_repeat_nothing(tmp_path: Path, broker: Broker) -> None:
    config = tmp_path / "meter.toml"
    config.write_text(CONFIG.format(port=broker.port, rules=""))
    listener = Listener(broker.port)
    for number in range(3):
        expected = len(readings(config)) + 1 + number
        with watching(config) as child:
            wait_for_readings(config, expected)
            time.sleep(0.07 * number)
            child.kill()
    with watching(config) as child:
        expected = len(readings(config)) + 1
        wait_for_readings(config, expected)
        child.send_signal(signal.SIGTERM)
        child.communicate(timeout=SECONDS)
    kept = readings(config)
    assert len({one.reading_id for one in kept}) == len(kept)
    eventually(lambda: sent_ids(listener)[-1:] == [kept[-1].reading_id])
    # A message that was sent when the kill came may come twice, next to itself; none is left out.
    assert list(dict.fromkeys(sent_ids(listener))) == [one.reading_id for one in kept]
    listener.close()


def sent_ids(listener: Listener) -> list[str]:
    return [
        json.loads(text)["reading_id"]
        for topic, text in list(listener.received)
        if topic.endswith("/reading")
    ]


@pytest.mark.slow
def test_a_demo_of_a_folder_is_read_once_and_goes_to_a_file(run: Run, tmp_path: Path) -> None:
    out, folder = tmp_path / "out.jsonl", tmp_path / "pictures"
    folder.mkdir()
    shutil.copy(SAMPLE, folder)
    words = ["--camera", f"demo:{folder}", "--every", "50ms", "--once", "--out", out]
    result = run("watch", *words)
    assert result.returncode == 0
    (line,) = (json.loads(line) for line in out.read_text().splitlines())
    assert line["path"] == f"{line['reading_id']}/picture"
    assert line["value"] == "7"


@pytest.mark.slow
def test_a_second_try_goes_on_where_the_first_ended(run: Run, tmp_path: Path) -> None:
    config, kept = tmp_path / "meter.toml", tmp_path / "kept" / "readings.db"
    assert run("watch", "--init", "--config", config).returncode == 0
    # On a busy machine, the picture that is stuck may be so for longer than a camera may.
    config.write_text(config.read_text().replace('# frozen_after = "45s"', "frozen_after = 0"))
    assert load_monitor_settings(config).camera.frozen_after == 0
    history = History(HistorySettings(path=kept))
    history.record([], {"counter": RegionState(value=Decimal(1_234_579))})
    history.close()
    words = ["--config", config, "--model", "nano", "--history", kept, "--every", "50ms"]
    result = run("watch", *words, "--once")
    assert "40 pictures, 3 readings without a value" in result.stderr
    assert not config.with_name("readings.db").exists()
    history = History(HistorySettings(path=kept))
    found = list(history.readings())
    history.close()
    assert {one.reason for one in found} == {None, "unread_digits", "max_step"}
    values = [one.value for one in found if one.value is not None]
    assert values[0] == 1_234_580
    assert values == sorted(values)


def test_init_writes_a_file_that_is_read(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run("watch", "--init").returncode == 0
    assert load_monitor_settings(tmp_path / "watch.toml").camera.address == "demo:"
    again = run("watch", "--init")
    assert again.returncode == 2
    assert "watch.toml exists" in again.stderr
    assert run("watch", "--init", "--config", "a.toml", "--camera", "rpicam").returncode == 0
    assert load_monitor_settings(tmp_path / "a.toml").camera.address == "rpicam"


def test_a_file_with_a_mistake_is_refused_with_its_place(run: Run, tmp_path: Path) -> None:
    config = tmp_path / "watch.toml"
    config.write_text('[camera]\naddres = "demo:"\n')
    result = run("watch", "--config", config)
    assert result.returncode == 2
    assert "camera: there is no key 'addres' (did you mean 'address'?)" in result.stderr
    config.write_text('[camera]\naddress = "demo:"\n')
    assert "has no [[region]]" in run("watch", "--config", config).stderr
