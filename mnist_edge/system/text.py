"""Text for messages and pages: one-line errors, percentages and Markdown tables."""

from __future__ import annotations

from collections.abc import Sequence

MISSING = "\u2013"
"""Stands for a number that is not known."""
_CONTROLS = (
    *range(0x20),
    *range(0x7F, 0xA0),
    *(0x61C, 0x200E, 0x200F, 0x2028, 0x2029),
    *range(0x202A, 0x202F),
    *range(0x2066, 0x206A),
)
"""Characters that move the cursor, command a terminal, end a line, or turn its direction (Unicode's
C0, C1 and Bidi_Control, and the two separators)."""
_MAX_REASON = 400
"""Characters of an error that others raised that are quoted."""
_ESCAPES = {code: f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" for code in _CONTROLS}


def escape_controls(text: str) -> str:
    r"""Escape control characters, for example as ``\x1b``: a file name may hold any.

    Bytes of a name that is not Unicode stay as they are, so that it is printed as it is called.
    """
    return text if text.isprintable() else text.translate(_ESCAPES)


def to_unicode(text: str) -> str:
    r"""Escape the bytes of a name that is not Unicode, for example as ``\udcff``."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def hide_passwords(text: str) -> str:
    """Return text with ``...`` for the password of each URL in it."""
    # Imported where there is a URL: the usual start has none.
    import re

    return re.sub(r"://([^\s/@:]*):[^\s/]*@", r"://\1:...@", text)


def percent(share: float | None, decimals: int = 2) -> str:
    """Format a share, 0..1, in percent; None as a dash."""
    return MISSING if share is None else f"{100 * share:.{decimals}f} %"


def one_line(message: BaseException | str) -> str:
    """Return a message with its lines and spaces joined; an error without one is named.

    An error's is cut at ``_MAX_REASON`` characters: some quote the file that they failed on.
    """
    text = " ".join(str(message).split())
    if isinstance(message, str):
        return text
    return text[:_MAX_REASON] or type(message).__name__


def shorten(name: str, width: int) -> str:
    """Cut out the middle of a name that is too long: names differ at their ends or beginnings.

    Args:
        name: what to shorten.
        width: number of characters that are left, 6 or more.
    """
    if len(name) <= width:
        return name
    half = (width - 3) // 2
    return f"{name[:half]}...{name[half + 3 - width :]}"


def fixed(number: float, decimals: int = 2) -> str:
    """Format a number with so many decimal places; what rounds to zero is never ``-0``."""
    return f"{round(number, decimals) or 0.0:,.{decimals}f}"


def signed(number: float, decimals: int = 2) -> str:
    """Format a number with its sign; what rounds to zero is ``+0``, never ``-0``."""
    return f"{round(number, decimals) or 0.0:+,.{decimals}f}"


def markdown_table(header: Sequence[str], cells: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table, the first column aligned left, the others right."""
    rule = ["---", *["---:"] * (len(header) - 1)]
    return "\n".join("| " + " | ".join(row) + " |" for row in (header, rule, *cells))
