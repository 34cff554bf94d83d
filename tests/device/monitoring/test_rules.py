from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from itertools import pairwise
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from mnist_edge.monitoring.readings import RegionReading, ValueReading
from mnist_edge.monitoring.rule_settings import RuleSettings
from mnist_edge.monitoring.rules import RegionState, apply_rules, parse_state, state_document

START = datetime(2026, 11, 27, tzinfo=timezone.utc)
MINUTE = timedelta(minutes=1)


def seen(text: str, number: int = 0, *, every: timedelta = MINUTE, **fields: Any) -> RegionReading:
    return RegionReading(
        region="meter", time=START + number * every, reading_id=str(number), text=text, **fields
    )


def read(settings: RuleSettings, *texts: str, every: timedelta = MINUTE) -> list[ValueReading]:
    """Read one picture a minute."""
    state, readings = RegionState(), []
    for number, text in enumerate(texts):
        reading, state = apply_rules(settings, state, seen(text, number, every=every))
        assert (reading.value is None) == (reading.error is not None)
        assert reading.raw == text
        readings.append(reading)
        state = parse_state(json.loads(json.dumps(state_document(state))))
    return readings


def values(settings: RuleSettings, *texts: str, every: timedelta = MINUTE) -> list[str | None]:
    """Return the values, or the rule that refused each."""
    readings = read(settings, *texts, every=every)
    return [one.reason if one.value is None else f"{one.value:f}" for one in readings]


def test_without_rules_every_number_counts() -> None:
    settings = RuleSettings(decimals=2, unit="m³")
    first, second = read(settings, "00450", "00430")
    assert (first.value, first.rate, first.unit) == (Decimal("4.50"), None, "m³")
    assert (second.value, second.rate) == (Decimal("4.30"), Decimal("-0.2"))
    assert not second.filled


def test_a_digit_that_was_not_read_is_no_value() -> None:
    unread, none, nothing = read(RuleSettings(), "12?4", "????", "")
    assert unread.error == "unread_digits: 1 of 4 digits were not read"
    assert none.error == nothing.error == "unread_digits: no digit was read"


def test_any_other_number_of_digits_is_refused() -> None:
    (reading,) = read(RuleSettings(digits=5), "1234")
    assert reading.error == "digits: 4 were found where 5 are expected"


def test_the_error_of_a_camera_passes_and_keeps_the_state() -> None:
    state = RegionState(value=Decimal(7), time=START)
    frozen = seen("", 1, error="camera: no picture for 60 s")
    reading, after = apply_rules(RuleSettings(fill_unreadable=True), state, frozen)
    assert (reading.value, reading.error) == (None, "camera: no picture for 60 s")
    assert after == state


def test_a_value_that_falls_is_refused_and_the_next_is_compared_with_the_one_before() -> None:
    settings = RuleSettings(only_grows=True)
    assert values(settings, "120", "119", "120", "121") == ["120", "only_grows", "120", "121"]


def test_a_step_or_a_rate_that_is_too_large_is_refused() -> None:
    assert values(RuleSettings(max_step=5), "10", "16", "15", "9") == [
        "10",
        "max_step",
        "15",
        "max_step",
    ]
    # The display shows nothing finer than one step of the last digit.
    rate = RuleSettings(max_rate_per_minute=0.5)
    assert values(rate, "10", "12", "12", "12", "30") == [
        "10",
        "max_rate_per_minute",
        "12",
        "12",
        "max_rate_per_minute",
    ]


def test_a_rate_is_not_known_while_the_clock_goes_back() -> None:
    settings = RuleSettings(max_rate_per_minute=1)
    state = RegionState(value=Decimal(10), time=START + timedelta(days=1))
    reading, state = apply_rules(settings, state, seen("19"))
    assert (reading.value, reading.rate) == (Decimal(19), None)
    assert state.time == START


def test_a_value_that_is_too_old_no_longer_counts() -> None:
    settings = RuleSettings(only_grows=True, max_age=90)
    assert values(settings, "50", "40", "40") == ["50", "only_grows", "40"]


def test_a_counter_begins_again_after_its_end() -> None:
    settings = RuleSettings(digits=4, decimals=1, only_grows=True, rollover=True, max_step=1)
    readings = read(settings, "9998", "0003", "9999", "0005")
    assert [one.value for one in readings] == [
        Decimal("999.8"),
        Decimal("0.3"),
        None,
        Decimal("0.5"),
    ]
    assert readings[1].rate == Decimal("0.5")
    assert values(settings, "5000", "0003") == ["500.0", "only_grows"]


def test_a_change_counts_when_readings_in_a_row_are_equal() -> None:
    settings = RuleSettings(equal_readings=2)
    assert values(settings, "1", "1", "8", "1", "2", "2", "2") == [
        "equal_readings",
        "1",
        "equal_readings",
        "1",
        "equal_readings",
        "2",
        "2",
    ]


def test_an_unread_digit_is_filled_if_the_rest_agrees() -> None:
    settings = RuleSettings(fill_unreadable=True, only_grows=True)
    readings = read(settings, "1234", "12?5", "12?4", "?135", "???6")
    assert [one.value for one in readings] == [1234, 1235, None, None, None]
    assert [one.filled for one in readings] == [False, True, False, False, False]


TEXTS = st.lists(st.text("0123456789?", min_size=4, max_size=4), max_size=12)


@given(texts=TEXTS, carry=st.booleans(), fill=st.booleans(), equal=st.integers(1, 3))
def test_a_value_that_only_grows_never_falls(
    texts: list[str], carry: bool, fill: bool, equal: int
) -> None:
    settings = RuleSettings(
        digits=4, only_grows=True, digit_carry=carry, fill_unreadable=fill, equal_readings=equal
    )
    accepted = [one.value for one in read(settings, *texts) if one.value is not None]
    assert accepted == sorted(accepted)


@given(texts=TEXTS, decimals=st.integers(0, 4), step=st.integers(1, 500))
def test_a_step_is_never_larger_than_allowed(texts: list[str], decimals: int, step: int) -> None:
    most = Decimal(step).scaleb(-decimals)
    settings = RuleSettings(decimals=decimals, max_step=float(most), fill_unreadable=True)
    accepted = [one.value for one in read(settings, *texts) if one.value is not None]
    assert all(abs(new - old) <= most for old, new in pairwise(accepted))


@given(texts=TEXTS)
def test_a_filled_value_agrees_with_every_digit_that_was_read(texts: list[str]) -> None:
    for reading in read(RuleSettings(fill_unreadable=True), *texts):
        if reading.value is not None:
            shown = f"{reading.value:04f}"
            assert reading.filled == ("?" in reading.raw)
            assert all(a in ("?", b) for a, b in zip(reading.raw, shown, strict=True))


@given(data=st.data(), start=st.integers(0, 99_999))
def test_a_counter_with_turning_wheels_is_read_correctly(data: st.DataObject, start: int) -> None:
    settings = RuleSettings(digits=5, only_grows=True, rollover=True, digit_carry=True, max_step=9)
    shown, state = start, RegionState()
    for number in range(6):
        text = turning(data, shown) if number else f"{shown:05d}"
        reading, state = apply_rules(settings, state, seen(text, number))
        assert reading.value == shown, (text, reading)
        shown = (shown + data.draw(st.integers(0, 9), label="grows by")) % 100_000


def turning(data: st.DataObject, shown: int) -> str:
    """Draw how a mechanical counter may be read: wheels between two as either, or not at all."""
    digits = f"{shown:05d}"
    text = list(digits)
    for place in range(4):
        right, digit = digits[place + 1 :], int(digits[place])
        if set(right) == {"9"}:
            text[place] = data.draw(st.sampled_from([str(digit), str((digit + 1) % 10), "?"]))
        elif set(right) == {"0"}:
            text[place] = data.draw(st.sampled_from([str(digit), str((digit - 1) % 10), "?"]))
    return "".join(text)
