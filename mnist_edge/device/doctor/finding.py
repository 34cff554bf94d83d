"""One line of what the doctor found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

Status: TypeAlias = Literal["good", "warning", "bad"]


@dataclass(frozen=True, kw_only=True)
class Finding:
    """What was found of one thing."""

    name: str
    """What was looked at, the same in every release."""
    found: str
    """What was found, for a person."""
    status: Status = "good"
    """``bad`` where pictures cannot be read, or not be trusted to be read right."""
    advice: str | None = None
    """What to do; None where all is good."""
    facts: Mapping[str, Any] = field(default_factory=dict)
    """What was found, for a program: plain JSON values by name."""


def worst(findings: list[Finding]) -> Status:
    """The worst status there is; good where there is none."""
    found = {finding.status for finding in findings}
    return "bad" if "bad" in found else "warning" if "warning" in found else "good"
