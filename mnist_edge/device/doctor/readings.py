"""Say when what is read has changed, by the sums that ``watch`` and ``serve`` keep.

Nothing here imports numpy at the top, which may be broken.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from datetime import date
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from mnist_edge import CLASSES
from mnist_edge.device.doctor.finding import Finding
from mnist_edge.errors import NotWritable
from mnist_edge.system.files import exists
from mnist_edge.system.paths import daily_counts_path
from mnist_edge.system.subprocesses import ChildFailed, ChildLimits, call_in_child
from mnist_edge.system.text import percent

if TYPE_CHECKING:
    from mnist_edge.data.daily_counts import SourceWeek
    from mnist_edge.metrics.drift import WeekDifference

_SECONDS = 60.0
"""Time limit of the comparison: a Pi Zero takes some seconds."""
ADVICE = (
    "look at what is unsure (--keep-unsure FOLDER, mnist-edge label FOLDER): if the camera, its "
    "light or the paper changed, mend that; if the writers did, teach the model; if only what is "
    "written did, there is nothing to do"
)
"""What to do about a week that differs."""


def examine_readings() -> Iterator[Finding]:
    """Compare the last complete week of each source with the weeks before, in a child process."""
    try:
        if exists(daily_counts_path()):
            found = call_in_child(ChildLimits(seconds=_SECONDS), _examine)
            yield from (Finding(**one) for one in found)
    except (ChildFailed, NotWritable):
        # numpy has a finding of its own.
        return


@lru_cache(maxsize=2)
def drift_warning(source: str, today: date) -> str | None:
    """Say how a source's last complete week differs and what to do; None if it does not.

    Args:
        source: as its readings are counted.
        today: the day; what is found is remembered for it.
    """
    from mnist_edge.data.daily_counts import compare_sources

    for week in compare_sources(today=today):
        finding = _finding(week)
        if week.source == source and finding.status != "good":
            return f"{finding.found}: {finding.advice}"
    return None


def describe_difference(difference: WeekDifference) -> str:
    """Say what differs in a week, the largest change of each figure with its shares."""
    from mnist_edge.metrics.drift import REASONS

    parts = []
    if "digits" in difference.differing:
        parts.append(_largest_change(difference, range(CLASSES), "digit "))
    if "abstentions" in difference.differing:
        parts.append(_largest_change(difference, range(CLASSES, CLASSES + len(REASONS)), ""))
    if "confidence" in difference.differing:
        before, after = difference.confidence_before, difference.confidence
        parts.append(f"mean confidence {percent(before, 1)} before, {percent(after, 1)} now")
    return "; ".join(parts)


def _examine() -> list[dict[str, Any]]:
    from mnist_edge.data.daily_counts import compare_sources

    return [asdict(_finding(week)) for week in compare_sources()]


def _finding(week: SourceWeek) -> Finding:
    from mnist_edge.metrics.drift import FALSE_ALARM_RATE

    name, difference = f"readings {week.source}", week.difference
    facts = {
        "days": week.days,
        "week": difference and difference.monday.isoformat(),
        "p_values": difference and dict(difference.p_values),
    }
    if difference is None:
        days = "1 day is" if week.days == 1 else f"{week.days} days are"
        found = f"{days} too few to tell whether a week differs"
        return Finding(name=name, found=found, facts=facts)
    since = f"the week of {difference.monday:%Y-%m-%d}"
    if not difference.differing:
        return Finding(name=name, found=f"{since} is as the weeks before", facts=facts)
    return Finding(
        name=name,
        status="warning",
        found=f"{since} differs from the weeks before: {describe_difference(difference)} (by "
        f"chance in one of {1 / FALSE_ALARM_RATE:,.0f} weeks)",
        advice=ADVICE,
        facts=facts,
    )


def _largest_change(difference: WeekDifference, answers: range, prefix: str) -> str:
    from mnist_edge.metrics.drift import ANSWERS

    largest = max(answers, key=lambda at: abs(difference.share[at] - difference.share_before[at]))
    before, after = difference.share_before[largest], difference.share[largest]
    return f"{prefix}{ANSWERS[largest]} {percent(before, 1)} before, {percent(after, 1)} now"
