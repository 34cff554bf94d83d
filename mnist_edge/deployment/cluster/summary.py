"""Count what was read: the rows, their answers, abstentions and errors."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(kw_only=True)
class Tally:
    """What rows of answers hold."""

    rows: int = 0
    """Number of pictures."""
    digits: dict[str, int] = field(default_factory=dict)
    """Number of answers by digit; each digit of a page counts."""
    abstained: dict[str, int] = field(default_factory=dict)
    """Number of pictures without an answer, or pages with a digit without, by reason."""
    errors: dict[str, int] = field(default_factory=dict)
    """Number of pictures that cannot be read, by the error's type."""

    @property
    def failed(self) -> int:
        """Number of pictures that cannot be read."""
        return sum(self.errors.values())

    def add(self, other: Tally) -> None:
        """Add what other rows hold."""
        self.rows += other.rows
        for mine, more in zip(self._counts(), other._counts(), strict=True):
            total = sorted((Counter(mine) + Counter(more)).items())
            mine.clear()
            mine.update(total)

    def _counts(self) -> tuple[dict[str, int], dict[str, int], dict[str, int]]:
        return self.digits, self.abstained, self.errors

    def to_dict(self) -> dict[str, Any]:
        """Return the tally as JSON."""
        return asdict(self)


def tally_columns(columns: Mapping[str, Sequence[Any]]) -> Tally:
    """Count the answers in columns, as ``inference.columns`` describes them."""
    digits = columns.get("text", columns["digit"])
    return Tally(
        rows=len(columns["digit"]),
        digits=_count(
            one for answer in digits if answer is not None for one in str(answer) if one.isdigit()
        ),
        abstained=_count(filter(None, columns["abstained"])),
        errors=_count(filter(None, columns["error_type"])),
    )


def _count(values: Any) -> dict[str, int]:
    return dict(sorted(Counter(values).items()))
