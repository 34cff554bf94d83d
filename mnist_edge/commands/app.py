"""The ``mnist-edge`` program: finds the command, and is the one boundary where errors end.

A command's module is imported when the command is called (or listed by ``--help``), so that
``predict`` does not pay for ``train``. The modules import nothing heavy at their top either.
"""

from __future__ import annotations

import codecs
import io
import os
import shlex
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn

import typer
from typer.core import TyperGroup

from mnist_edge import __version__
from mnist_edge.errors import MnistEdgeError

COMMANDS = (
    "predict",
    "watch",
    "info",
    "doctor",
    "report",
    "benchmark",
    "model",
    "run",
    "train",
    "convert",
    "bundle",
    "reproduce",
)
"""Names of the commands, in the order of ``--help``; each is a module beside this one, whose
``<name>_command`` is a function, or a typer of several."""


class LazyGroup(TyperGroup):
    """A group whose commands are modules that are imported when they are called.

    Contexts and commands are click's, which later typers carry inside themselves: no one
    import names them in every version.
    """

    def list_commands(self, ctx: Any) -> list[str]:
        """Every command's name."""
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Imports a command's module; None where there is no such command."""
        if cmd_name not in COMMANDS:
            return None
        module = import_module(f"mnist_edge.commands.{cmd_name}")
        several = getattr(module, f"{cmd_name}_command")
        if not isinstance(several, typer.Typer):
            function = several
            several = typer.Typer(add_completion=False, rich_markup_mode=None)
            several.command(cmd_name)(function)
        command = typer.main.get_command(several)
        command.name = cmd_name
        return command


app = typer.Typer(
    cls=LazyGroup,
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"mnist-edge {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    ctx: typer.Context,
    debug: bool = typer.Option(False, "--debug", help="Show the traceback of an error."),
    version: bool = typer.Option(
        False, "--version", callback=_print_version, is_eager=True, help="Print the version."
    ),
) -> None:
    """Read handwritten digits with a few kilobytes of int8 TFLite.

    Exit status: 0 all well; 1 something could not be done, the rest was; 2 wrong
    usage; 3 an accuracy gate was missed.
    """


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Runs the program and exits with the documented status."""
    given = sys.argv[1:] if arguments is None else list(arguments)
    # Python has none where the program was started with the stream closed.
    sys.stdout = sys.stdout or Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115  # for the whole run
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=_AS_IT_CAME)
    try:
        try:
            # A command that keeps a record finds in the context what was typed.
            app(given, prog_name="mnist-edge", obj=shlex.join(given))
        finally:
            sys.stdout.flush()
    except MnistEdgeError as error:
        if "--debug" in given:
            raise
        typer.echo(f"mnist-edge: {error}", err=True)
        sys.exit(error.exit_code)
    except BrokenPipeError:
        # Whoever read the output has seen enough; nothing more can be said on it.
        _drop_output()
        sys.exit(1)
    except OSError as error:
        if "--debug" in given:
            raise
        _drop_output()
        typer.echo(f"mnist-edge: {error}; the output is not complete", err=True)
        sys.exit(1)
    sys.exit(0)


def _as_it_came(error: UnicodeError) -> tuple[str | bytes, int]:
    """A name that is no Unicode is given back as it came, one the stream cannot hold is escaped."""
    try:
        return codecs.lookup_error("surrogateescape")(error)
    except UnicodeError:
        return codecs.lookup_error("backslashreplace")(error)


_AS_IT_CAME = "mnist-edge-as-it-came"
codecs.register_error(_AS_IT_CAME, _as_it_came)


def _drop_output() -> None:
    """Lets Python's own flush at the end succeed, where standard output takes nothing more."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
