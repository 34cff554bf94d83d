"""The limit on the accuracy that a conversion may lose."""

from __future__ import annotations

import math
from dataclasses import dataclass

from mnist_edge.errors import InvalidValue
from mnist_edge.metrics.paired import Comparison
from mnist_edge.system.text import fixed


@dataclass(frozen=True, kw_only=True)
class AccuracyGate:
    """How much validation accuracy a scheme may lose; None is no limit.

    Raises:
        InvalidValue: a limit is not a number.
    """

    max_drop: float | None = None
    """Percentage points at the upper end of the drop's 95 % interval."""
    max_drop_point: float | None = None
    """Percentage points as measured."""

    def __post_init__(self) -> None:
        for option, limit in (
            ("--max-drop", self.max_drop),
            ("--max-drop-point", self.max_drop_point),
        ):
            if limit is not None and math.isnan(limit):
                raise InvalidValue(f"{option} nan is not a number of percentage points")

    def failure(self, comparison: Comparison) -> str | None:
        """Return why a conversion fails the gate, or None if it passes."""
        if self.max_drop_point is not None and comparison.drop > self.max_drop_point:
            return (
                f"it loses {fixed(comparison.drop)} points of validation accuracy, "
                f"at most {self.max_drop_point:.2f} allowed"
            )
        if self.max_drop is not None and comparison.largest_drop > self.max_drop:
            return (
                f"it may lose {fixed(comparison.largest_drop)} points of validation accuracy "
                f"(upper end of the 95 % interval), at most {self.max_drop:.2f} allowed"
            )
        return None


DEFAULT_GATE = AccuracyGate(max_drop_point=0.3)
"""Six times what int8 costs a sound model, and far less than a wrong zero point or a lost scale
does."""
