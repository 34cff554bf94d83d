"""The rules of a region, as its table of the settings sets them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal

from mnist_edge.errors import InvalidValue
from mnist_edge.monitoring.clock import Duration

Meter = Literal["water", "gas", "energy", "temperature", "none"]
"""What a region counts or measures."""

METER_UNITS: Mapping[str, tuple[str, ...]] = {
    "water": ("m³", "L", "ft³", "CCF", "gal"),
    "gas": ("m³", "ft³", "CCF"),
    "energy": ("kWh", "Wh", "MWh", "GWh", "MJ", "GJ"),
    "temperature": ("°C", "°F", "K"),
}
"""The units of each meter that every Home Assistant with device discovery takes for its device
class of the same name (``homeassistant.components.sensor.const.DEVICE_CLASS_UNITS``)."""


@dataclass(frozen=True, kw_only=True)
class RuleSettings:
    """What the digits of a region mean, and which values can be true.

    Raises:
        InvalidValue: a setting is outside its range, or needs another.
    """

    meter: Meter = field(
        default="none",
        metadata={
            "help": "What is counted or measured; Home Assistant adds up water, gas and energy."
        },
    )
    unit: str = field(
        default="",
        metadata={
            "help": "Unit of the value, for example m³ or kWh; of a meter, one that Home Assistant "
            "knows for it.",
            "example": '"m³"',
        },
    )
    digits: int | None = field(
        default=None,
        metadata={
            "help": "How many digits the region shows; another count is refused.",
            "example": "8",
        },
    )
    decimals: int = field(
        default=0, metadata={"help": "How many of the digits are behind the decimal point."}
    )
    only_grows: bool = field(
        default=False, metadata={"help": "Refuse a value below the previous value."}
    )
    rollover: bool = field(
        default=False,
        metadata={
            "help": "Let a value that only grows begin again: a fall from the last tenth of the "
            "display's range to its first is growth. Needs only_grows and digits."
        },
    )
    max_step: float | None = field(
        default=None,
        metadata={
            "help": "Refuse a value that differs by more than this from the previous value.",
            "example": "5.0",
        },
    )
    max_rate_per_minute: float | None = field(
        default=None,
        metadata={
            "help": "Refuse a value that changed faster than this, in units per minute; one step "
            "of the last digit is always allowed.",
            "example": "0.2",
        },
    )
    digit_carry: bool = field(
        default=False,
        metadata={
            "help": "Let a later digit explain an earlier one that stands between two: where it "
            "was not read, or where the value would fall or jump. Needs only_grows."
        },
    )
    fill_unreadable: bool = field(
        default=False,
        metadata={
            "help": "Take digits that were not read, at most half of them, from the previous "
            "value, if the digits to their left are the same and those to their right have not "
            "fallen."
        },
    )
    equal_readings: int = field(
        default=1,
        metadata={"help": "How many readings in a row must be equal before a change counts."},
    )
    max_age: Duration | None = field(
        default=None,
        metadata={
            "help": "Time after which the previous value no longer counts: the next value is "
            "accepted uncompared.",
            "example": '"1d"',
        },
    )

    def __post_init__(self) -> None:
        self._require_range("digits", 1, 20)
        self._require_range("decimals", 0, self.digits or 20)
        self._require_range("equal_readings", 1, 100)
        for name in ("max_step", "max_rate_per_minute", "max_age"):
            if (value := getattr(self, name)) is not None and not value > 0:
                raise InvalidValue(f"{name}: {value:g} is not more than 0")
        for name in ("rollover", "digit_carry"):
            if getattr(self, name) and not self.only_grows:
                raise InvalidValue(f"{name}: it needs only_grows = true")
        if self.rollover and self.digits is None:
            raise InvalidValue("rollover: it needs digits, which say where the display ends")
        if self.meter == "temperature" and self.only_grows:
            raise InvalidValue("only_grows: a temperature falls, too; leave it out")
        units = METER_UNITS.get(self.meter)
        if units is not None and self.unit not in units:
            raise InvalidValue(f"unit: {self.unit!r}: for {self.meter} write {', '.join(units)}")

    def _require_range(self, name: str, low: int, high: int) -> None:
        value = getattr(self, name)
        if value is not None and not low <= value <= high:
            raise InvalidValue(f"{name}: {value} is outside {low}..{high}")

    @property
    def resolution(self) -> Decimal:
        """One step of the last digit."""
        return Decimal(1).scaleb(-self.decimals)
