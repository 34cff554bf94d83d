from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from mnist_edge.errors import InvalidValue
from mnist_edge.monitoring.rule_settings import RuleSettings


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"rollover": True, "digits": 4}, "rollover: it needs only_grows"),
        ({"rollover": True, "only_grows": True}, "rollover: it needs digits"),
        ({"digit_carry": True}, "digit_carry: it needs only_grows"),
        ({"digits": 0}, "digits: 0 is outside 1..20"),
        ({"digits": 2, "decimals": 3}, "decimals: 3 is outside 0..2"),
        ({"max_step": 0}, "max_step: 0 is not more than 0"),
        ({"max_rate_per_minute": -1}, "max_rate_per_minute: -1 is not"),
        ({"equal_readings": 0}, "equal_readings: 0 is outside"),
        ({"max_age": 0}, "max_age: 0 is not"),
        ({"meter": "gas", "unit": "L"}, "unit: 'L': for gas write m³, ft³, CCF"),
    ],
)
def test_impossible_settings_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidValue, match=message):
        RuleSettings(**settings)


def test_the_resolution_is_one_step_of_the_last_digit() -> None:
    assert RuleSettings().resolution == 1
    assert RuleSettings(digits=8, decimals=3).resolution == Decimal("0.001")
