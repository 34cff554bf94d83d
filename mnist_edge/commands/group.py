"""The commands, and how typer finds and parses them.

A command's module is imported when the command is called, so that ``predict`` does not pay for
``train``. The modules import nothing heavy at their top either.
"""

import os
import shlex
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Any, NoReturn

import typer

from mnist_edge.commands.console import fail, print_version
from mnist_edge.commands.parsing import Command, Group

COMMANDS = {
    "predict": "Read the digit in each picture.",
    "batch": "Read pictures by the million, on one machine or many.",
    "watch": "Read pictures as they arrive, from a folder or a camera.",
    "readings": "Print the readings of a watched display, or draw them.",
    "serve": "Serve a page to draw on, and an API that reads pictures.",
    "label": "Say what pictures show, one after the other.",
    "info": "Compare a model's manifest with the model itself.",
    "doctor": "Check that this machine can read pictures.",
    "report": "Measure what each scheme of a model costs, with a verdict.",
    "benchmark": "Measure how long reading digits takes on this machine.",
    "model": "Install models on this device, and choose the one in use.",
    "run": "Download, train, convert, report and predict, in one go.",
    "train": "Train a recipe on MNIST, or fine-tune a model with your pictures.",
    "teach": "Teach a model your hand, and say whether it became better.",
    "convert": "Quantize a Keras model to TFLite, each file with its manifest.",
    "export": "Write an int8 model as a library in C, with an example.",
    "bundle": "Pack everything that a board without a network installs.",
    "reproduce": "Train the four articles' systems and compare figures.",
}
"""Names of the commands with their lines of ``--help``, in its order. Each is a module beside this
one with a function (or a typer of several) called ``<name>_command``, whose docstring begins with
that line, with ``EXAMPLES``; with ``RENAMED`` where options were renamed since the last release,
and with ``NEEDS`` and ``USED_WITH`` where options depend on others. The line stands here too, so
that a list of the commands imports none of them."""

EXAMPLES = """
mnist-edge predict digit.png
mnist-edge convert my.keras --quantize int8 --out my-model
mnist-edge report my-model --max-drop 0.3
"""
EXIT_STATUS = "Exit status: 0 success; 1 some inputs failed; 2 usage error; 3 accuracy gate failed."
"""The contract of every command."""

_COMPLETION = "_MNIST_EDGE_COMPLETE"
"""The environment variable by which a shell's script asks for completions; typer names it."""
_ClickException: type[Exception] = typer.BadParameter.__mro__[2]
"""The root of click's errors, which typer does not export."""


class LazyGroup(Group):
    """A group whose commands are modules that are imported when they are called.

    Contexts and commands are click's, which later typers carry inside themselves: no one
    import names them in every version.
    """

    def list_commands(self, ctx: Any) -> list[str]:
        """Return every command's name."""
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Import a command's module; None if there is no such command."""
        if cmd_name not in COMMANDS:
            return None
        module = import_module(f"mnist_edge.commands.{cmd_name}")
        several = getattr(module, f"{cmd_name}_command")
        if not isinstance(several, typer.Typer):
            function = several
            several = typer.Typer(add_completion=False, rich_markup_mode=None)
            several.command(cmd_name, cls=Command, epilog=module.EXAMPLES)(function)
        command: Any = typer.main.get_command(several)
        command.name = cmd_name
        command.renamed = getattr(module, "RENAMED", {})
        command.needs = getattr(module, "NEEDS", {})
        command.used_with = getattr(module, "USED_WITH", {})
        return command

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write the list of the commands."""
        with formatter.section("Commands"):
            formatter.write_dl([*COMMANDS.items()])

    def format_epilog(self, ctx: Any, formatter: Any) -> None:
        """Write the examples and the exit status."""
        super().format_epilog(ctx, formatter)
        formatter.write_paragraph()
        formatter.write_text(EXIT_STATUS)


app = typer.Typer(
    cls=LazyGroup,
    epilog=EXAMPLES,
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)


def _print_version(wanted: bool) -> None:
    if wanted:
        print_version()
        raise typer.Exit


def _install_completion(ctx: typer.Context, param: typer.CallbackParam, wanted: bool) -> None:
    if wanted and not ctx.resilient_parsing:
        _load_completion().install_callback(ctx, param, wanted)


def _show_completion(ctx: typer.Context, param: typer.CallbackParam, wanted: bool) -> None:
    if wanted and not ctx.resilient_parsing:
        _load_completion().show_callback(ctx, param, wanted)


def _load_completion() -> Any:
    """Register typer's completion for bash, zsh, fish and PowerShell; no other start needs it."""
    completion: Any = import_module("typer.completion")
    completion.completion_init()
    return completion


@app.callback()
def _options(
    ctx: typer.Context,
    debug: bool = typer.Option(False, "--debug", help="Show the traceback of an error."),
    version: bool = typer.Option(
        False, "--version", callback=_print_version, is_eager=True, help="Print the version."
    ),
    install_completion: bool = typer.Option(
        False,
        "--install-completion",
        callback=_install_completion,
        is_eager=True,
        help="Install tab completion for the shell in use.",
    ),
    show_completion: bool = typer.Option(
        False,
        "--show-completion",
        callback=_show_completion,
        is_eager=True,
        help="Print the script of tab completion.",
    ),
) -> None:
    """Read handwritten digits with a few kilobytes of int8 TFLite."""


def run_words(words: Sequence[str]) -> int:
    """Parse the program's arguments and run the command that they call.

    Returns:
        The exit status.

    Raises:
        MnistEdgeError: it could not be done.
    """
    if _COMPLETION in os.environ:
        _load_completion()
    try:
        # A command that keeps a record finds in the context what was typed.
        status = app(
            list(words), prog_name="mnist-edge", obj=shlex.join(words), standalone_mode=False
        )
    except _ClickException as error:
        _fail_usage(error)
    except typer.Abort:
        sys.exit(1)
    return status if isinstance(status, int) else 0


def _fail_usage(error: Any) -> NoReturn:
    """Exit for wrong usage: with the whole help where nothing was asked for."""
    from mnist_edge.commands.usage_errors import describe

    if type(error).__name__ == "NoArgsIsHelpError":
        error.show()
    else:
        fail(describe(error))
    sys.exit(error.exit_code)
