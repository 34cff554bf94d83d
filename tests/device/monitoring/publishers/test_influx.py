from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from mnist_edge.errors import InvalidValue, NotDelivered
from mnist_edge.monitoring.publishers.influx import (
    InfluxPublisher,
    InfluxSettings,
    format_point,
)
from tests.support.readings import counter_reading
from tests.support.serving import taking_posts


def test_a_point_has_a_value_and_its_time_in_nanoseconds() -> None:
    assert format_point("mnist_edge", counter_reading(2)) == (
        'mnist_edge,region=water,unit=m³ raw="00002",filled=false,value=0.02,rate=0.01 '
        "1795737720000000000"
    )


def test_a_refused_value_is_no_field() -> None:
    refused = replace(counter_reading(2, error='max_step: "9"\\differs,\nand = more'), unit="")
    assert format_point("a b,c", refused) == (
        'a\\ b\\,c,region=water raw="00002",filled=false,'
        'error="max_step: \\"9\\"\\\\differs, and = more" 1795737720000000000'
    )


def test_a_small_value_has_no_exponent() -> None:
    tiny = replace(counter_reading(2), value=Decimal("1E-9"), rate=None, unit="a b")
    assert "unit=a\\ b " in format_point("m", tiny)
    assert "value=0.000000001 " in format_point("m", tiny)


def test_lines_are_appended_and_a_part_of_one_is_removed(tmp_path: Path) -> None:
    file = tmp_path / "made" / "readings.lp"
    publisher = InfluxPublisher(InfluxSettings(file=file))
    for number in range(2):
        for message in publisher.messages([counter_reading(number)], {}):
            publisher.send(message)
    complete = file.read_bytes()
    assert complete.count(b"\n") == 2
    file.write_bytes(complete + b"mnist_edge,region=wat")
    (message,) = publisher.messages([counter_reading(2), counter_reading(2, region="gas")], {})
    publisher.connect()
    publisher.send(message)
    publisher.close()
    assert file.read_bytes() == complete + message.payload
    assert message.payload.count(b"\n") == 2


def test_a_file_that_cannot_be_written_is_not_delivered(tmp_path: Path) -> None:
    publisher = InfluxPublisher(InfluxSettings(file=tmp_path))
    (message,) = publisher.messages([counter_reading(1)], {})
    with pytest.raises(NotDelivered, match=r"cannot write .*directory"):
        publisher.send(message)


def test_a_server_gets_lines_with_a_token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MNIST_EDGE_INFLUX_TOKEN", "secret")
    with taking_posts() as server:
        publisher = InfluxPublisher(InfluxSettings(url=f"{server.root}/api/v2/write?bucket=b"))
        (message,) = publisher.messages([counter_reading(1)], {})
        publisher.send(message)
    (post,) = server.posts
    assert post.path == "/api/v2/write?bucket=b"
    assert post.content == message.payload
    assert post.headers["Authorization"] == "Token secret"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({}, "file, url: write one of them"),
        ({"file": Path("a"), "url": "https://a.example"}, "file, url: write one of them"),
        ({"url": "http://a.example"}, "allow_http = true"),
        ({"file": Path("a"), "measurement": ""}, "measurement: ''"),
    ],
)
def test_impossible_settings_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidValue, match=message):
        InfluxSettings(**settings)
    assert InfluxPublisher(InfluxSettings(file=Path("a"))).messages([], {}) == []
