from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mnist_edge.errors import InvalidValue
from mnist_edge.monitoring.clock import SystemClock, format_duration, parse_duration, parse_since


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("10s", 10), ("5m", 300), ("2h", 7200), ("7d", 604_800), ("250ms", 0.25), ("1.5 h", 5400)],
)
def test_a_duration_has_a_number_and_a_unit(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds


def test_a_number_alone_is_in_seconds() -> None:
    assert parse_duration(3) == parse_duration("3") == 3


@pytest.mark.parametrize("text", ["", "s", "ten", "-1s", "1y", "1e3", "1s1s", "nan", True])
def test_anything_else_is_refused_with_examples(text: str) -> None:
    with pytest.raises(InvalidValue, match="10s"):
        parse_duration(text)


@given(st.integers(0, 10_000_000))
def test_a_duration_is_read_as_it_was_written(seconds: int) -> None:
    assert parse_duration(format_duration(seconds)) == seconds


def test_the_clock_of_this_machine_is_in_utc_and_moves_on() -> None:
    clock = SystemClock()
    before = clock.monotonic()
    clock.sleep(0.001)
    assert clock.monotonic() > before
    assert clock.now().utcoffset() == timedelta(0)


def test_a_time_is_a_duration_back_or_a_date() -> None:
    now = datetime(2026, 11, 27, 12, tzinfo=timezone.utc)
    assert parse_since("2h", now) == now - timedelta(hours=2)
    assert parse_since("2026-11-01T10:00+02:00", now) == datetime(
        2026, 11, 1, 8, tzinfo=timezone.utc
    )
    for text in ("yesterday", "-1d", "99999999w", ""):
        with pytest.raises(InvalidValue, match="expected a time such as 12h"):
            parse_since(text, now)
