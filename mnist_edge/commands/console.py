"""Writing to the terminal. Results go to standard output, everything else to standard error."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TextIO, TypeVar

from mnist_edge import __version__
from mnist_edge.system.text import escape_controls, shorten

if TYPE_CHECKING:
    import csv

Item = TypeVar("Item")

GATE_FAILED = 3
"""Exit status for an accuracy gate that failed."""

_COUNT_INTERVAL = 0.2
"""Seconds between two updates of a count."""
_COLORS = {"red": 31, "green": 32, "yellow": 33}
"""Parameters of ECMA-48's SGR sequence."""
_PROSE = (80, 100)
"""Columns that text is wrapped at: without a terminal, and at most."""
_MAX_MESSAGE = 1500
"""Characters of a message that a person still reads."""
_MIN_NAME = 8
"""Characters that are left of a first column, at least."""


def note(message: str, *, color: str | None = None) -> None:
    """Write one line of progress to standard error, over a progress bar if one is drawn."""
    line = _readable(message)
    _write_line(paint(line, color, sys.stderr) if color else line)


def warn(message: str) -> None:
    """Write a warning to standard error."""
    _write_line(f"{paint('warning:', 'yellow', sys.stderr)} {_readable(message)}")


def fail(message: object) -> None:
    """Write an error to standard error; the caller decides on the exit status."""
    _write_line(f"{paint('mnist-edge:', 'red', sys.stderr)} {_readable(message)}")


def _readable(message: object) -> str:
    """Return a message on one line of bounded length, whatever names and values it quotes."""
    return shorten(escape_controls(str(message)), _MAX_MESSAGE)


def print_line(text: str) -> None:
    """Write one line of a result to standard output, where it arrives at once."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def print_version() -> None:
    """Write the version to standard output."""
    print_line(f"mnist-edge {__version__}")


def _write_line(line: str) -> None:
    clear = "\r\033[K" if sys.stderr and sys.stderr.isatty() else ""
    _write_error(f"{clear}{line}\n")


def _write_error(text: str) -> None:
    # Python has no stream where the program was started with it closed.
    if sys.stderr:
        sys.stderr.write(text)
        sys.stderr.flush()


def paint(text: str, color: str, stream: TextIO | None = None) -> str:
    """Color text where the stream, standard output by default, is a terminal that shows colors.

    None with ``NO_COLOR`` (https://no-color.org).
    """
    stream = stream or sys.stdout
    if not stream.isatty() or os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        return text
    # Consoles of Windows before its Terminal print the escape sequences.
    if sys.platform == "win32" and "WT_SESSION" not in os.environ:
        return text
    return f"\033[{_COLORS[color]}m{text}\033[0m"


@contextmanager
def progress_bar(length: int, label: str) -> Iterator[Any]:
    """Draw a progress bar with the time left on standard error, if that is a terminal."""
    # Starts that draw none do not wait for typer.
    import typer

    with typer.progressbar(length=length, label=label, file=sys.stderr) as bar:
        yield bar


def count_progress(items: Iterable[Item], label: str) -> Iterator[Item]:
    """Yield the items; count them on standard error, if that is a terminal."""
    if not sys.stderr.isatty():
        yield from items
        return
    shown = time.monotonic()
    for number, item in enumerate(items, 1):
        yield item
        if (now := time.monotonic()) - shown > _COUNT_INTERVAL:
            shown = now
            _write_error(f"\r{label}: {number:,}\033[K")
    _write_error("\r\033[K")


def terminal_width() -> int | None:
    """Return the columns of the terminal that standard output is, or None if it is not one."""
    if not sys.stdout.isatty():
        return None
    import shutil

    return shutil.get_terminal_size().columns


def format_facts(facts: Mapping[str, str]) -> str:
    """Format facts beside their names; only a terminal has long ones wrapped."""
    width = max(map(len, facts))
    lines = ((f"{name.ljust(width)}  ", escape_controls(fact)) for name, fact in facts.items())
    if terminal_width() is None:
        return "\n".join(name + fact for name, fact in lines)
    return "\n".join(wrap(fact, first=name, margin=" " * len(name)) for name, fact in lines)


def wrap(text: str, *, first: str = "", margin: str = "") -> str:
    """Wrap text to the terminal's width, or to 80 columns.

    Args:
        text: one paragraph. A word longer than a line, such as a hash, is kept whole for copying.
        first: what the first line begins with.
        margin: what the others begin with.
    """
    import textwrap

    default, widest = _PROSE
    lines = textwrap.wrap(
        text,
        min(terminal_width() or default, widest),
        initial_indent=first,
        subsequent_indent=margin,
        break_long_words=False,
        break_on_hyphens=False,
    )
    return "\n".join(map(escape_controls, lines))


def csv_writer(columns: Sequence[str]) -> csv.DictWriter[str]:
    """Return what writes rows of CSV to standard output; their cells may have any line breaks."""
    import csv

    # The module quotes only the characters of its own line ends, and a name may hold either.
    return csv.DictWriter(_UnixLines(), columns, lineterminator="\r\n")


class _UnixLines:
    """Standard output for a CSV writer, its line ends shortened to a newline."""

    def write(self, row: str) -> None:
        """Print a whole row."""
        sys.stdout.write(f"{row[:-2]}\n")


def format_table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Format a table: the first column aligned left, the others right.

    In a terminal that is too narrow names in the first column are shortened; if that does not do,
    each row becomes a block with a line per column.
    """
    lines = [[escape_controls(cell) for cell in row] for row in (header, *rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(header))]
    width = terminal_width()
    if width is not None and (excess := sum(widths) + 2 * (len(widths) - 1) - width) > 0:
        widths[0] -= excess
        if widths[0] < max(_MIN_NAME, len(header[0])):
            return _format_blocks(lines)
        for line in lines:
            line[0] = shorten(line[0], widths[0])

    def format_line(cells: Sequence[str]) -> str:
        first = cells[0].ljust(widths[0])
        return "  ".join([first, *(c.rjust(w) for c, w in zip(cells[1:], widths[1:], strict=True))])

    return "\n".join(format_line(cells).rstrip() for cells in lines)


def _format_blocks(lines: Sequence[Sequence[str]]) -> str:
    header, *rows = lines
    width = max(len(name) for name in header[1:])
    return "\n".join(
        "\n".join(
            [
                f"{header[0]} {row[0]}".strip(),
                *(
                    f"  {name.ljust(width)}  {cell}"
                    for name, cell in zip(header[1:], row[1:], strict=True)
                    if cell
                ),
            ]
        )
        for row in rows
    )
