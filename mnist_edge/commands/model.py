"""``mnist-edge model``: manages the models on this device."""

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mnist_edge.commands.console import format_facts, format_table, warn
from mnist_edge.commands.options import (
    DocumentFormat,
    RuntimeOption,
    complete_models,
    format_option,
)
from mnist_edge.commands.parsing import Command, Group
from mnist_edge.system.text import escape_controls, percent

if TYPE_CHECKING:
    from mnist_edge.deployment.install import VerifiedModel

EXAMPLES = """
mnist-edge model install my-model/int8.tflite
mnist-edge model list
mnist-edge model rollback
"""

model_command = typer.Typer(
    cls=Group,
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Install models on this device, and choose the one in use.",
    epilog=EXAMPLES,
)


@model_command.command(
    "install",
    cls=Command,
    epilog="""
mnist-edge model install my-model/int8.tflite
mnist-edge model install nano-int8.tar.gz
mnist-edge model install https://example.org/nano-int8.zip
""",
)
def _install(
    source: Annotated[
        str,
        typer.Argument(
            metavar="SOURCE",
            help="A .tflite file with its .json beside it, a folder of them, a .tar.gz or .zip of "
            "both, an https URL of one, or the name of a shipped or installed model.",
            autocompletion=complete_models,
        ),
    ],
    runtime: RuntimeOption = None,
) -> None:
    """Install a model and, once it has passed every check, use it.

    If a check fails, the model in use stays in use.
    """
    from mnist_edge.deployment import install

    _print_in_use(install.install(source))


@model_command.command(
    "list",
    cls=Command,
    epilog="""
mnist-edge model list
mnist-edge model list --format json
""",
)
def _list(
    output: Annotated[DocumentFormat, format_option(DocumentFormat)] = DocumentFormat.text,
) -> None:
    """List the models on this device, the one in use with a star."""
    from mnist_edge.modelstore import DEFAULT_MODEL, loading, registry

    record = registry.read_usage()
    in_use = record.in_use or DEFAULT_MODEL
    shipped = {name: loading.shipped_file(name) for name in loading.shipped_models()}
    files = {
        **shipped,
        **{name: registry.find_installed_file(name) for name in registry.installed_models()},
    }
    entries = [
        {"name": name, "in_use": name == in_use, "shipped": name in shipped, **_facts(file)}
        for name, file in files.items()
        if file is not None
    ]
    if output is DocumentFormat.json:
        before = [name or DEFAULT_MODEL for name in record.before]
        typer.echo(json.dumps({"models": entries, "before": before}, indent=2))
        return
    typer.echo(format_table(["  model", "scheme", "bytes", "validation"], map(_row, entries)))
    if in_use not in files:
        warn(f"{in_use} is in use, but gone; go back with: mnist-edge model rollback")


@model_command.command(
    "use",
    cls=Command,
    epilog="""
mnist-edge model use nano
mnist-edge model use edge
""",
)
def _use(
    name: Annotated[
        str,
        typer.Argument(
            metavar="MODEL", help="A model of the list.", autocompletion=complete_models
        ),
    ],
    runtime: RuntimeOption = None,
) -> None:
    """Use a model of the list, once it has passed every check."""
    from mnist_edge.deployment import install

    _print_in_use(install.use(name))


@model_command.command(
    "rollback",
    cls=Command,
    epilog="""
mnist-edge model rollback
mnist-edge model rollback --runtime numpy
""",
)
def _rollback(runtime: RuntimeOption = None) -> None:
    """Use the previous model again, once it has passed every check."""
    from mnist_edge.deployment import install

    _print_in_use(install.rollback())


@model_command.command(
    "verify",
    cls=Command,
    epilog="""
mnist-edge model verify
mnist-edge model verify nano --runtime numpy
""",
)
def _verify(
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="MODEL",
            help="A model of the list.",
            show_default="the model in use",
            autocompletion=complete_models,
        ),
    ] = None,
    runtime: RuntimeOption = None,
) -> None:
    """Check a model's hash, signature, shape, predictions and accuracy.

    The exit status is 1 if it fails a check.
    """
    from mnist_edge.deployment import install

    verified = install.verify_model(name)
    typer.echo(f"{verified.name}: good")
    typer.echo(format_facts({finding.check: finding.found for finding in verified.checks}))


def _print_in_use(verified: "VerifiedModel") -> None:
    found = {finding.check: finding.found for finding in verified.checks}
    typer.echo(f"in use: {verified.name} ({found['accuracy']})")
    if verified.lineage:
        typer.echo(escape_controls(f"it comes {verified.lineage}"))


def _facts(file: Any) -> dict[str, Any]:
    """Return a model's facts from its manifest, or the error of a damaged one."""
    from mnist_edge.errors import ModelError
    from mnist_edge.modelstore import loading

    facts: dict[str, Any] = {"path": str(file), "scheme": file.stem}
    try:
        stored = loading.load_model(file)
    except ModelError as error:
        return {**facts, "error": {"type": type(error).__name__, "message": str(error)}}
    validation = stored.manifest.validation.accuracy if stored.manifest else None
    return {
        **facts,
        "size": len(stored.content),
        "sha256": stored.sha256,
        "validation_accuracy": validation,
    }


def _row(entry: dict[str, Any]) -> list[str]:
    star = "*" if entry["in_use"] else " "
    named = [f"{star} {entry['name']}", entry["scheme"]]
    if "error" in entry:
        return [*named, "damaged", ""]
    accuracy = entry["validation_accuracy"]
    share = "not known" if accuracy is None else percent(accuracy)
    return [*named, f"{entry['size']:,}", share]
