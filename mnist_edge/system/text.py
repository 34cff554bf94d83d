"""Text for messages and pages: one-line errors, percentages and Markdown tables."""

from __future__ import annotations

from collections.abc import Sequence

MISSING = "\u2013"
"""Stands for a number that is not known."""


def percent(share: float | None, decimals: int = 2) -> str:
    """Format a share, 0..1, in percent; None as a dash."""
    return MISSING if share is None else f"{100 * share:.{decimals}f} %"


def one_line(message: BaseException | str) -> str:
    """Return a message with its lines and spaces joined; an error without one is named."""
    text = " ".join(str(message).split())
    return text or ("" if isinstance(message, str) else type(message).__name__)


def signed(number: float, decimals: int = 2) -> str:
    """Format a number with its sign; what rounds to zero is ``+0``, never ``-0``."""
    return f"{round(number, decimals) or 0.0:+,.{decimals}f}"


def markdown_table(header: Sequence[str], cells: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table, the first column aligned left, the others right."""
    rule = ["---", *["---:"] * (len(header) - 1)]
    return "\n".join("| " + " | ".join(row) + " |" for row in (header, rule, *cells))
