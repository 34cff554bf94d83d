"""What the doctor says of readings that have changed."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import pytest

from mnist_edge.data.daily_counts import DailyCounts
from mnist_edge.device.doctor.readings import drift_warning, examine_readings

LAST_SUNDAY = date.today() - timedelta(days=date.today().weekday() + 1)  # noqa: DTZ011


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    drift_warning.cache_clear()
    return tmp_path


def add(weeks: int, *, unsure: int) -> None:
    """Add complete weeks, the last of them with more or fewer abstentions each day."""
    day = [LAST_SUNDAY]
    counts = DailyCounts("serve", warn=print, today=lambda: day[0])
    for number in range(7 * weeks):
        day[0] = LAST_SUNDAY - timedelta(days=number)
        abstained = unsure if number < 7 else 2 + number % 3
        counts.add("m", [("7", 0.99)] * 50 + [("low-confidence", 0.5)] * abstained)
    counts.flush()


def test_a_week_that_differs_is_a_warning_with_what_to_do() -> None:
    add(9, unsure=20)
    (finding,) = examine_readings()
    assert (finding.name, finding.status) == ("readings serve", "warning")
    assert "low-confidence 5" in finding.found
    assert "mean confidence 9" in finding.found
    assert "digit" not in finding.found
    assert "one of 1,000 weeks" in finding.found
    assert "mnist-edge label" in (finding.advice or "")
    assert finding.facts["p_values"]["abstentions"] <= 0.001
    today = LAST_SUNDAY + timedelta(days=3)
    assert finding.found in (drift_warning("serve", today) or "")
    assert drift_warning("watch /elsewhere", today) is None


def test_a_week_like_the_others_is_good() -> None:
    add(9, unsure=3)
    (finding,) = examine_readings()
    assert (finding.status, finding.advice) == ("good", None)
    assert "as the weeks before" in finding.found
    assert drift_warning("serve", LAST_SUNDAY + timedelta(days=3)) is None


def test_few_days_are_reported_as_too_few_and_no_days_not_at_all() -> None:
    assert list(examine_readings()) == []
    add(2, unsure=20)
    (finding,) = examine_readings()
    assert finding.status == "good"
    assert "too few" in finding.found
    assert finding.facts["week"] is None
