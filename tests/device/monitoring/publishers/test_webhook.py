from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from mnist_edge.errors import InvalidValue, NotDelivered
from mnist_edge.monitoring.history import History, HistorySettings
from mnist_edge.monitoring.publishers.webhook import WebhookPublisher, WebhookSettings
from mnist_edge.monitoring.sender import Sender
from tests.support.clocks import SteppedClock
from tests.support.readings import counter_reading
from tests.support.serving import taking_posts

REFUSED = counter_reading(2, region="gas", error="max_step: 9 differs by 7 from 2")
CROPS = {"water": b"picture of water", "gas": b"picture of gas"}


@pytest.mark.parametrize(
    ("picture", "pictures"),
    [
        ("never", {}),
        ("errors", {"gas": b"picture of gas"}),
        ("always", CROPS),
    ],
)
def test_a_picture_is_posted_once_with_all_its_regions(
    picture: Any, pictures: dict[str, bytes]
) -> None:
    publisher = WebhookPublisher(WebhookSettings(url="https://example.com", picture=picture))
    (message,) = publisher.messages([counter_reading(2), REFUSED], CROPS)
    document = json.loads(message.payload)
    assert (document["reading_id"], document["time"]) == ("id-2", "2026-11-27T00:02:00+00:00")
    water, gas = document["readings"]
    assert (water["region"], water["value"], water["error"]) == ("water", "0.02", None)
    assert (gas["value"], gas["error"]) == (None, REFUSED.error)
    sent = {one["region"]: one["picture"] for one in (water, gas) if "picture" in one}
    assert {name: base64.b64decode(text) for name, text in sent.items()} == pictures


def test_messages_that_a_server_did_not_accept_are_posted_again_in_order(tmp_path: Path) -> None:
    history = History(HistorySettings(path=tmp_path / "readings.db"))
    token = tmp_path / "token"
    token.write_text("secret\n")
    clock = SteppedClock()
    with taking_posts() as server:
        publisher = WebhookPublisher(WebhookSettings(url=server.root, token_file=token))
        sender = Sender(history, publisher, clock)
        server.status = 503
        for number in range(3):
            one = counter_reading(number)
            history.record([one], {}, publisher.messages([one], {}))
            sender.step()
            clock.sleep(60)
        assert sender.problem == "127.0.0.1 answers 503 Service Unavailable; check url and token"
        server.status = 200
        sender.step()
        keys = [one.headers["Idempotency-Key"] for one in server.posts]
        assert keys == ["id-0", "id-1", "id-2"]
        assert {one.headers["Authorization"] for one in server.posts} == {"Bearer secret"}
    history.close()


def test_a_message_is_not_delivered_without_a_server() -> None:
    with taking_posts() as server:
        publisher = WebhookPublisher(WebhookSettings(url=server.root))
    (message,) = publisher.messages([REFUSED], {})
    publisher.connect()
    with pytest.raises(NotDelivered, match=r"cannot post to 127\.0\.0\.1"):
        publisher.send(message)
    publisher.close()
    assert publisher.messages([], {}) == []


def test_a_url_that_others_can_read_must_be_asked_for() -> None:
    with pytest.raises(InvalidValue, match="allow_http = true"):
        WebhookSettings(url="http://meters.example/")
    WebhookSettings(url="http://meters.example/", allow_http=True)
