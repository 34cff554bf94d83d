from __future__ import annotations

from datetime import datetime, timezone

from mnist_edge.monitoring.message import Message


def test_messages_are_equal_by_what_they_say() -> None:
    time = datetime(2026, 11, 27, tzinfo=timezone.utc)
    first = Message(publisher="mqtt", payload=b"7", reading_id="one", time=time, topic="meter")
    assert first == Message(
        publisher="mqtt", payload=b"7", reading_id="one", time=time, topic="meter"
    )
    assert (first.number, Message(publisher="", payload=b"", reading_id="", time=time).topic) == (
        0,
        "",
    )
