"""What is wrong with a command line, in one line. Imported only where something is."""

from __future__ import annotations

import re
from typing import Any

from mnist_edge.errors import did_you_mean
from mnist_edge.system.text import one_line

_UNKNOWN_COMMAND = re.compile(r"No such command '(?P<name>.*?)'")
_MAX_COMMANDS = 3
"""Largest number of other commands with an option for them to be named."""
_UNKNOWN_CHOICE = re.compile(r"'(?P<name>[^']*)' is not one of (?P<choices>.*?)\.?$")


def describe(error: Any) -> str:
    """Describe a usage error of click's, with what might have been meant.

    Args:
        error: a ``ClickException``, which typer carries inside itself from some version on.
    """
    context = getattr(error, "ctx", None)
    if (option := getattr(error, "option_name", None)) and hasattr(error, "possibilities"):
        message = f"no such option '{option}'{_meant(option, context)}"
    elif matched := _UNKNOWN_COMMAND.match(error.format_message()):
        known = context.command.list_commands(context) if context else ()
        message = f"no such command '{matched['name']}'{did_you_mean(matched['name'], known)}"
    elif matched := _UNKNOWN_CHOICE.search(error.format_message()):
        known = re.findall("'(.*?)'", matched["choices"])
        start = error.format_message()[: matched.end("name") + 1]
        message = f"{start}{did_you_mean(matched['name'], known)} is not one of {', '.join(known)}"
    else:
        message = one_line(error.format_message()).rstrip(".")
    message = message[:1].lower() + message[1:]
    return f"{message}; see: {context.command_path} --help" if context else message


def _meant(option: str, context: Any) -> str:
    """Return a hint with the commands that have this option, or one here that may be meant."""
    if context is None:
        return ""
    root = context.find_root()
    commands = [
        name
        for name in root.command.list_commands(root)
        if option in _option_names(root.command.get_command(root, name), root)
    ]
    # What most commands have would say nothing.
    if 0 < len(commands) <= _MAX_COMMANDS:
        return f" (it is one of {', '.join(commands)})"
    return did_you_mean(option, _option_names(context.command, context))


def _option_names(command: Any, context: Any) -> list[str]:
    """Return the options of a command that its ``--help`` shows."""
    return [
        name
        for parameter in command.get_params(context)
        if parameter.param_type_name == "option" and not parameter.hidden
        for name in parameter.opts
        if name.startswith("--")
    ]
