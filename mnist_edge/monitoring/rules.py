"""Turn the digits of a region into a value, or refuse it by a rule that is named.

A display is read again and again, so what was read before says much about what can be there now.
Each rule is off unless it is set. An error begins with the name of the setting that refused the
value, so that a person finds what to change.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Context, Decimal
from typing import Any

from mnist_edge.monitoring.digit_completion import explain_wheels, fill_unread
from mnist_edge.monitoring.readings import (
    UNREAD,
    RegionReading,
    ValueReading,
    parse_number,
    parse_time,
)
from mnist_edge.monitoring.rule_settings import RuleSettings

_ROLLOVER_SHARE = 10
"""A fall counts as a rollover from the last tenth of the range to its first."""
_RATE_CONTEXT = Context(prec=6)
"""A rate has six significant digits."""


@dataclass(frozen=True, kw_only=True)
class RegionState:
    """What is kept of a region from one picture to the next."""

    value: Decimal | None = None
    """The latest value that counted; None if there is none."""
    time: datetime | None = None
    """When it was last read, in UTC."""
    waiting: Decimal | None = None
    """A change that does not count yet."""
    waiting_count: int = 0
    """How many readings in a row showed it."""


def state_document(state: RegionState) -> dict[str, Any]:
    """Return a state as a JSON document."""
    return {
        "value": None if state.value is None else str(state.value),
        "time": None if state.time is None else state.time.isoformat(),
        "waiting": None if state.waiting is None else str(state.waiting),
        "waiting_count": state.waiting_count,
    }


def parse_state(document: dict[str, Any]) -> RegionState:
    """Return the state of ``state_document``'s document.

    Raises:
        ValueError: it is none.
    """
    try:
        value, time, waiting, count = (
            document[name] for name in ("value", "time", "waiting", "waiting_count")
        )
    except (TypeError, KeyError) as error:
        raise ValueError(f"{document!r:.40} is no state") from error
    if type(count) is not int:
        raise ValueError(f"{count!r:.40} is no number of readings")
    return RegionState(
        value=None if value is None else parse_number(value),
        time=None if time is None else parse_time(time),
        waiting=None if waiting is None else parse_number(waiting),
        waiting_count=count,
    )


def apply_rules(
    settings: RuleSettings, state: RegionState, seen: RegionReading
) -> tuple[ValueReading, RegionState]:
    """Turn the digits of one picture into a value.

    Args:
        settings: of the region.
        state: what the previous call for this region returned; ``RegionState()`` for the first.
        seen: the digits.

    Returns:
        The reading, and the state for the next call.
    """
    state = _without_old_value(settings, state, seen.time)
    candidates, error = _candidates(settings, state, seen)
    refusals = []
    for value in candidates:
        refusal = _refusal(settings, state, value, seen.time)
        if refusal is None:
            return _count(settings, state, seen, value)
        refusals.append(refusal)
    return _reading(settings, seen, error=error or refusals[0]), state


def _without_old_value(settings: RuleSettings, state: RegionState, now: datetime) -> RegionState:
    if settings.max_age is None or state.time is None:
        return state
    age = now - state.time
    return RegionState() if age > timedelta(seconds=settings.max_age) else state


def _candidates(
    settings: RuleSettings, state: RegionState, seen: RegionReading
) -> tuple[list[Decimal], str | None]:
    """Return the possible values of the digits, the plainest first; or none, and why."""
    text = seen.text
    if seen.error is not None:
        return [], seen.error
    if not text.strip(UNREAD):
        return [], "unread_digits: no digit was read"
    if settings.digits not in (None, len(text)):
        return [], f"digits: {len(text)} were found where {settings.digits} are expected"
    before = _digits_before(state, settings, len(text))
    texts: list[str] = [] if UNREAD in text else [text]
    if before is not None and settings.digit_carry:
        texts += filter(None, [explain_wheels(text, before)])
    if before is not None and settings.fill_unreadable and UNREAD in text:
        texts += filter(None, [fill_unread(text, before)])
    if not texts:
        count = text.count(UNREAD)
        return [], f"unread_digits: {count} of {len(text)} digits were not read"
    return [Decimal(one).scaleb(-settings.decimals) for one in texts], None


def _digits_before(state: RegionState, settings: RuleSettings, length: int) -> str | None:
    """Return the previous value as that many digits showed it; None if it had more."""
    if state.value is None:
        return None
    digits = str(int(state.value.scaleb(settings.decimals))).zfill(length)
    return digits if len(digits) == length else None


def _refusal(
    settings: RuleSettings, state: RegionState, value: Decimal, now: datetime
) -> str | None:
    """Return why a value cannot follow the previous one; None if it can."""
    before = state.value
    if before is None:
        return None
    change = _change(settings, before, value)
    if settings.only_grows and change < 0:
        return f"only_grows: {value} is less than {before}, the previous value"
    size = abs(change)
    if settings.max_step is not None and size > Decimal(str(settings.max_step)):
        return f"max_step: {value} differs by {size} from {before}, the previous value"
    minutes = _minutes(state, now)
    if settings.max_rate_per_minute is not None and minutes is not None:
        most = Decimal(str(settings.max_rate_per_minute)) * minutes + settings.resolution
        if size > most:
            return f"max_rate_per_minute: from {before} to {value} in {minutes:.3g} minutes"
    return None


def _change(settings: RuleSettings, before: Decimal, value: Decimal) -> Decimal:
    """Return the change from the previous value, across the display's end if that is allowed."""
    if settings.rollover and settings.digits is not None and value < before:
        end = Decimal(1).scaleb(settings.digits - settings.decimals)
        tenth = end / _ROLLOVER_SHARE
        if before >= end - tenth and value < tenth:
            return value + end - before
    return value - before


def _minutes(state: RegionState, now: datetime) -> Decimal | None:
    """Return the minutes since the previous value; None if the clock went back since."""
    if state.time is None or now <= state.time:
        return None
    return Decimal(str((now - state.time).total_seconds())) / 60


def _count(
    settings: RuleSettings, state: RegionState, seen: RegionReading, value: Decimal
) -> tuple[ValueReading, RegionState]:
    """Accept a value, or let it wait until enough readings are equal."""
    if value != state.value and settings.equal_readings > 1:
        count = state.waiting_count + 1 if value == state.waiting else 1
        if count < settings.equal_readings:
            error = f"equal_readings: {value} was read {count} of {settings.equal_readings} times"
            reading = _reading(settings, seen, error=error)
            return reading, replace(state, waiting=value, waiting_count=count)
    rate = None
    minutes = _minutes(state, seen.time)
    if state.value is not None and minutes is not None:
        rate = _RATE_CONTEXT.divide(_change(settings, state.value, value), minutes)
    reading = _reading(settings, seen, value=value, rate=rate)
    return reading, RegionState(value=value, time=seen.time)


def _reading(
    settings: RuleSettings,
    seen: RegionReading,
    *,
    value: Decimal | None = None,
    rate: Decimal | None = None,
    error: str | None = None,
) -> ValueReading:
    shown = None if value is None else f"{value:f}".replace(".", "").zfill(len(seen.text))
    return ValueReading(
        region=seen.region,
        time=seen.time,
        reading_id=seen.reading_id,
        raw=seen.text,
        value=value,
        rate=rate,
        error=error,
        unit=settings.unit,
        filled=shown is not None and shown != seen.text,
    )
