"""What the commands share in speaking to a terminal. Results go to stdout, the rest to stderr."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer

from mnist_edge.runtimes.selection import using_runtime

Item = TypeVar("Item")

RUNS = Path("runs")
"""Where own runs go."""
GATE_MISSED = 3
"""Exit status where an accuracy gate was missed."""

_SHOWN = 0.2
"""Seconds between two counts."""

DataOption = Annotated[
    Path | None, typer.Option("--data", help="MNIST as an .npz or a folder of IDX files.")
]
"""Where MNIST is, for every command that reads it."""
MnistOption = Annotated[
    Path | None, typer.Option("--mnist", help="MNIST as an .npz or a folder of IDX files.")
]
"""The same where --data names other pictures."""


def _use_runtime(ctx: typer.Context, name: str | None) -> str | None:
    """Uses the runtime that was named until the command ends."""
    if name is not None:
        ctx.with_resource(using_runtime(name))
    return name


_MODEL = "A shipped or installed model, a model folder, or a .tflite."
_IN_USE = "the model in use"

ModelOption = Annotated[
    str | None, typer.Option("--model", "-m", help=_MODEL, show_default=_IN_USE)
]
"""Which model reads pictures."""
ModelArgument = Annotated[str | None, typer.Argument(help=_MODEL, show_default=_IN_USE)]
"""Which model a command is about."""

MinConfidenceOption = Annotated[
    float | None,
    typer.Option(
        "--min-confidence",
        min=0,
        max=1,
        help="Abstain below this probability.",
        show_default="the model's own",
    ),
]
"""How sure it must be, where that is to be another than its own."""

AllOption = Annotated[
    bool, typer.Option("--all", help="Read every digit in it: a number, or lines of them.")
]
"""Whether every digit of a picture is read."""

RuntimeOption = Annotated[
    str | None,
    typer.Option(
        "--runtime",
        metavar="NAME",
        callback=_use_runtime,
        help="What runs the model: tflite-runtime, ai-edge-litert or numpy.",
        show_default="the first installed",
    ),
]
"""Which runtime a command uses. It is in use by the time the command is called."""


class Format(str, Enum):
    """How a list of results is written."""

    text = "text"
    json = "json"
    jsonl = "jsonl"
    csv = "csv"


class DocumentFormat(str, Enum):
    """How one result is written."""

    text = "text"
    json = "json"


class PageFormat(str, Enum):
    """How a result that is a page is written."""

    text = "text"
    json = "json"
    markdown = "markdown"
    html = "html"


def note(message: str) -> None:
    """Tells of progress, on standard error; over a progress bar where one is drawn."""
    clear = "\r\033[K" if sys.stderr.isatty() else ""
    typer.echo(f"{clear}{message}", err=True)


@contextmanager
def progress_bar(length: int, label: str) -> Iterator[Any]:
    """A progress bar with time left on standard error; nothing where that is no terminal."""
    with typer.progressbar(length=length, label=label, file=sys.stderr) as bar:
        yield bar


def count_progress(items: Iterable[Item], label: str) -> Iterator[Item]:
    """Yields the items; on a terminal's standard error it says how many there have been."""
    if not sys.stderr.isatty():
        yield from items
        return
    shown = time.monotonic()
    for number, item in enumerate(items, 1):
        yield item
        if (now := time.monotonic()) - shown > _SHOWN:
            shown = now
            typer.echo(f"\r{label}: {number:,}\033[K", err=True, nl=False)
    typer.echo("\r\033[K", err=True, nl=False)


def format_table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Columns under a header: the first set left, the others right."""
    lines = [list(header), *(list(row) for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(header))]

    def line(cells: Sequence[str]) -> str:
        first = cells[0].ljust(widths[0])
        return "  ".join([first, *(c.rjust(w) for c, w in zip(cells[1:], widths[1:], strict=True))])

    return "\n".join(line(cells).rstrip() for cells in lines)
