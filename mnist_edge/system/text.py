"""Numbers and tables as text."""

from __future__ import annotations

from collections.abc import Sequence

MISSING = "\u2013"
"""Stands for a number that is not known."""


def percent(share: float | None, decimals: int = 2) -> str:
    """Format a share, 0..1, in percent; None as a dash."""
    return MISSING if share is None else f"{100 * share:.{decimals}f} %"


def markdown_table(header: Sequence[str], cells: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table, the first column aligned left, the others right."""
    rule = ["---", *["---:"] * (len(header) - 1)]
    return "\n".join("| " + " | ".join(row) + " |" for row in (header, rule, *cells))
