"""What is wrong with a command line, in one line. Imported only where something is."""

from __future__ import annotations

import re
from typing import Any

from mnist_edge.errors import did_you_mean
from mnist_edge.system.text import one_line

_UNKNOWN_COMMAND = re.compile(r"No such command '(?P<name>.*?)'")
_UNKNOWN_CHOICE = re.compile(r"'(?P<name>[^']*)' is not one of (?P<choices>.*?)\.?$")


def describe(error: Any) -> str:
    """Describe a usage error of click's, with what might have been meant.

    Args:
        error: a ``ClickException``, which typer carries inside itself from some version on.
    """
    context = getattr(error, "ctx", None)
    if (option := getattr(error, "option_name", None)) and hasattr(error, "possibilities"):
        message = f"no such option '{option}'{did_you_mean(option, _option_names(context))}"
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


def _option_names(context: Any) -> list[str]:
    """Return the options of a command that its ``--help`` shows."""
    if context is None:
        return []
    return [
        name
        for parameter in context.command.get_params(context)
        if parameter.param_type_name == "option" and not parameter.hidden
        for name in parameter.opts
        if name.startswith("--")
    ]
