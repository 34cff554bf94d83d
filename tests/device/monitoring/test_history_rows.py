from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from mnist_edge.monitoring import history_rows
from tests.support.readings import counter_reading


def test_a_reading_comes_back_from_its_row() -> None:
    for reading in (counter_reading(7), counter_reading(8, error="only_grows: 1 is less")):
        assert history_rows.parse_reading(*history_rows.reading_row(reading)) == reading


def test_timestamps_sort_as_their_times_do_whatever_the_zone() -> None:
    start = datetime(2026, 11, 27, 23, 30, tzinfo=timezone(timedelta(hours=2)))
    times = [start + timedelta(microseconds=step) for step in (0, 1, 10, 999_999, 3_600_000_000)]
    written = [history_rows.format_timestamp(time) for time in times]
    assert written == sorted(written)
    assert written[0] == "2026-11-27T21:30:00.000000+00:00"


@pytest.mark.parametrize(
    ("parse", "cell"),
    [
        (history_rows.parse_bytes, "text"),
        (history_rows.parse_count, "1"),
        (history_rows.parse_stored_state, b"{}"),
        (history_rows.parse_stored_state, "[" * 9_000),
        (history_rows.parse_stored_state, "x" * 20_000),
    ],
    ids=["bytes", "count", "state", "deep", "long"],
)
def test_a_cell_that_no_watch_wrote_is_an_error(parse: Callable[[Any], object], cell: Any) -> None:
    with pytest.raises(ValueError, match=r" is (no|not) |Expecting"):
        parse(cell)
