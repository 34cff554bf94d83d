"""The result of one of the doctor's checks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

Status: TypeAlias = Literal["good", "warning", "bad"]


@dataclass(frozen=True, kw_only=True)
class Finding:
    """The result of one check."""

    name: str
    """What was checked; stays the same in every release."""
    found: str
    """The result, for people."""
    status: Status = "good"
    """``bad`` if pictures cannot be read, or may be read wrongly."""
    advice: str | None = None
    """What to do; None for a good result."""
    facts: Mapping[str, Any] = field(default_factory=dict)
    """The result, for programs: plain JSON values by name."""


def worst_status(findings: list[Finding]) -> Status:
    """Return the worst status of all findings; good without any."""
    statuses = {finding.status for finding in findings}
    return "bad" if "bad" in statuses else "warning" if "warning" in statuses else "good"
