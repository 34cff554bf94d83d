from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timezone
from decimal import Decimal

from mnist_edge.monitoring.readings import ValueReading, reading_document

READING = ValueReading(
    region="water",
    time=datetime(2026, 11, 27, 14, 30, tzinfo=timezone.utc),
    reading_id="one",
    raw="00123450",
    value=Decimal("123.450"),
    rate=Decimal("0.010"),
    error=None,
    unit="m³",
)


def test_a_document_keeps_the_decimals_of_a_value() -> None:
    document = json.loads(json.dumps(reading_document(READING)))
    assert document["value"] == "123.450"
    assert document["rate"] == "0.010"
    assert document["time"] == "2026-11-27T14:30:00+00:00"
    assert document["error"] is None


def test_a_refused_reading_names_its_reason() -> None:
    refused = replace(
        READING, value=None, rate=None, error="only_grows: 122 is less than 123, the previous value"
    )
    assert refused.reason == "only_grows"
    assert READING.reason is None
    assert reading_document(refused)["value"] is None
