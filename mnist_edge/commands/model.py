"""``mnist-edge model``: models of the user's own on this device, and which one is in use."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mnist_edge.commands.console import DocumentFormat, RuntimeOption, format_table, note

if TYPE_CHECKING:
    from mnist_edge.deployment.install import VerifiedModel

model_command = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Install models on this device, and choose the one in use.",
)


@model_command.command("install")
def _install(
    source: Annotated[
        str,
        typer.Argument(
            metavar="FILE_OR_URL",
            help="A .tflite with its .json beside it, a .tar.gz or .zip of both, or its address.",
        ),
    ],
    runtime: RuntimeOption = None,
) -> None:
    """Put a model beside the others and, once it passed every check, in use.

    Whatever goes wrong leaves the model in use that was.
    """
    from mnist_edge.deployment import install

    _say_in_use(install.install(source))


@model_command.command("list")
def _list(
    output: Annotated[
        DocumentFormat, typer.Option("--format", "-f", help="How to write.")
    ] = DocumentFormat.text,
) -> None:
    """List the models on this device, with a star at the one in use."""
    from mnist_edge.modelstore import loading, registry

    record = registry.read_usage()
    in_use = record.in_use or loading.DEFAULT_MODEL
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
        before = [name or loading.DEFAULT_MODEL for name in record.before]
        typer.echo(json.dumps({"models": entries, "before": before}, indent=2))
        return
    typer.echo(format_table(["  model", "scheme", "bytes", "validation"], map(_row, entries)))
    if in_use not in files:
        note(f"warning: {in_use} is in use and gone; go back with: mnist-edge model rollback")


@model_command.command("use")
def _use(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A model of the list.")],
    runtime: RuntimeOption = None,
) -> None:
    """Put a model of the list in use, once it passed every check."""
    from mnist_edge.deployment import install

    _say_in_use(install.use(name))


@model_command.command("rollback")
def _rollback(runtime: RuntimeOption = None) -> None:
    """Put the model in use that was before, once it passed every check."""
    from mnist_edge.deployment import install

    _say_in_use(install.rollback())


@model_command.command("verify")
def _verify(
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="NAME", help="A model of the list.", show_default="the model in use"
        ),
    ] = None,
    runtime: RuntimeOption = None,
) -> None:
    """Check a model's hash, signature, shape, answers and accuracy.

    The exit status is 1 where it does not pass.
    """
    from mnist_edge.deployment import install

    verified = install.verify_model(name)
    typer.echo(f"{verified.name}: good")
    width = max(len(finding.check) for finding in verified.checks)
    for finding in verified.checks:
        typer.echo(f"{finding.check.ljust(width)}  {finding.found}")


def _say_in_use(verified: VerifiedModel) -> None:
    found = {finding.check: finding.found for finding in verified.checks}
    typer.echo(f"in use: {verified.name} ({found['accuracy']})")


def _facts(file: Any) -> dict[str, Any]:
    """What a manifest says; that it is damaged where it says nothing."""
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
    share = "not known" if accuracy is None else f"{100 * accuracy:.2f} %"
    return [*named, f"{entry['size']:,}", share]
