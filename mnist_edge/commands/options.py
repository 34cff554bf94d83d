"""Options and arguments that mean the same in every command."""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum
from pathlib import Path
from typing import Annotated, Any

import typer

from mnist_edge.errors import InvalidValue
from mnist_edge.runtimes import selection

RUNS = Path("runs")
"""Where own runs go."""


class DocumentFormat(str, Enum):
    """Output formats of one result."""

    text = "text"
    json = "json"


class PageFormat(str, Enum):
    """Output formats of a report."""

    text = "text"
    json = "json"
    markdown = "markdown"
    html = "html"


def complete_models(incomplete: str) -> list[str]:
    """Complete the name of a shipped or installed model, the last of a list with commas."""
    from mnist_edge.modelstore import loading, registry

    return complete_list(incomplete, [*loading.shipped_models(), *registry.installed_models()])


def complete_runtimes(incomplete: str) -> list[str]:
    """Complete the name of a runtime."""
    return complete_list(incomplete, selection.RUNTIMES)


def complete_schemes(incomplete: str) -> list[str]:
    """Complete the name of a scheme, the last of a list with commas."""
    from mnist_edge.modelstore import SCHEMES

    return complete_list(incomplete, SCHEMES)


def complete_recipes(incomplete: str) -> list[str]:
    """Complete the name of a recipe, the last of a list with commas."""
    from mnist_edge.training.recipes import RECIPES

    return complete_list(incomplete, RECIPES)


def complete_pixels(incomplete: str) -> list[str]:
    """Complete the name of a pixel scaling."""
    from mnist_edge.runtimes.input_scaling import INPUT_SCALINGS

    return complete_list(incomplete, INPUT_SCALINGS)


def complete_list(incomplete: str, names: Iterable[str]) -> list[str]:
    """Complete the last name of a list with commas."""
    before, comma, last = incomplete.rpartition(",")
    return [f"{before}{comma}{name}" for name in names if name.startswith(last)]


def refuse_stdout(ctx: typer.Context, param: typer.CallbackParam, path: Path | None) -> Path | None:
    """Reject ``-`` where a file or a folder is written.

    Raises:
        InvalidValue: the path is ``-``.
    """
    if path is not None and str(path) == "-" and not ctx.resilient_parsing:
        raise InvalidValue(
            f"{param.opts[0]} - is not a path; files are not written to standard output"
        )
    return path


def _use_runtime(ctx: typer.Context, name: str | None) -> str | None:
    """Use a runtime until the command ends."""
    if name is not None and not ctx.resilient_parsing:
        ctx.with_resource(selection.using_runtime(name))
    return name


_MODEL = "A shipped or installed model, a model folder, or a .tflite file."
_IN_USE = "the model in use"

ModelOption = Annotated[
    str | None,
    typer.Option(
        "--model",
        "-m",
        metavar="MODEL",
        help=_MODEL,
        show_default=_IN_USE,
        autocompletion=complete_models,
    ),
]
"""The model that reads the pictures."""

ModelArgument = Annotated[
    str | None,
    typer.Argument(
        metavar="MODEL", help=_MODEL, show_default=_IN_USE, autocompletion=complete_models
    ),
]
"""The model that a command is about."""

PixelsOption = Annotated[
    str | None,
    typer.Option(
        "--pixels",
        metavar="SCALING",
        help="Pixel scaling of a model without a manifest, such as pixels/255.",
        show_default="inferred",
        autocompletion=complete_pixels,
    ),
]
"""The pixel scaling of somebody else's model."""

MinConfidenceOption = Annotated[
    str | None,
    typer.Option(
        "--min-confidence",
        metavar="P",
        help="Abstain below this probability, 0 to 1, or careful or balanced.",
        show_default="the model's own",
    ),
]
"""The confidence below which no digit is given: a number or the name of an operating point."""

AllOption = Annotated[
    bool, typer.Option("--all", help="Read every digit in a picture: a number, or a page.")
]
"""Whether every digit of a picture is read."""

KeepUnsureOption = Annotated[
    Path | None,
    typer.Option(
        "--keep-unsure",
        metavar="FOLDER",
        callback=refuse_stdout,
        help="Copy each picture that is not read surely into this folder, to be labelled.",
    ),
]
"""Where unsure pictures are kept."""

KeepUnsureBytesOption = Annotated[
    int,
    typer.Option(
        "--keep-unsure-bytes",
        metavar="BYTES",
        min=100_000,
        help="Size of that folder; the oldest pictures without a label make room.",
    ),
]
"""How much they may take; by default what ``UnsurePictures`` has."""
DEFAULT_KEEP_UNSURE_BYTES = 100_000_000

ConfigOption = Annotated[
    Path | None,
    typer.Option(
        "--config", metavar="FILE", help="Settings of a watched camera, as watch --init writes it."
    ),
]
"""The settings of a camera, its regions and their values."""

HistoryOption = Annotated[
    Path | None,
    typer.Option(
        "--history",
        metavar="FILE",
        help="SQLite file of a watched camera's readings.",
        show_default="that of --config",
    ),
]
"""Where the readings of a camera are kept."""

RuntimeOption = Annotated[
    str | None,
    typer.Option(
        "--runtime",
        metavar="NAME",
        callback=_use_runtime,
        help="Runtime: tflite-runtime, ai-edge-litert or numpy.",
        show_default="the first installed",
        autocompletion=complete_runtimes,
    ),
]
"""The runtime that a command uses; it is in use by the time the command is called."""

DataOption = Annotated[
    Path | None,
    typer.Option(
        "--data",
        metavar="PATH",
        help="MNIST: an .npz file or a folder of IDX files.",
        show_default="MNIST_EDGE_DATA, or downloaded once",
    ),
]
"""Where MNIST is."""

MaxDropOption = Annotated[
    float | None,
    typer.Option(
        "--max-drop",
        metavar="POINTS",
        help="Most accuracy lost, at the upper end of its 95 % interval.",
    ),
]
"""The gate on the drop that the measurement does not exclude."""

RecipeOption = Annotated[
    str,
    typer.Option("--recipe", "-r", metavar="NAME", help="Recipe.", autocompletion=complete_recipes),
]
"""The recipe to train."""


FromOption = Annotated[
    str | None,
    typer.Option(
        "--from",
        metavar="MODEL",
        help="Model to fine-tune: a shipped model or a model folder, with its model.keras.",
        autocompletion=complete_models,
    ),
]
"""The model that learns a user's pictures."""

MinGainOption = Annotated[
    float | None,
    typer.Option(
        "--min-gain",
        metavar="POINTS",
        help="Least gain on your pictures, at the lower end of its 95 % interval.",
    ),
]
"""The gate on what a fine-tuned model gained."""

MaxLossMnistOption = Annotated[
    float | None,
    typer.Option(
        "--max-loss-mnist", metavar="POINTS", help="Most accuracy lost on MNIST, as measured."
    ),
]
"""The gate on what a fine-tuned model lost."""


def format_option(formats: type[Enum], default: str | None = None) -> Any:
    """Return the ``--format`` option of a command that prints a result in several formats."""
    *others, last = (one.value for one in formats)
    return typer.Option(
        "--format",
        "-f",
        metavar="FORMAT",
        help=f"Output format: {', '.join(others)} or {last}.",
        show_default=default or True,
    )


def out_option(
    description: str = "Output folder.", *, metavar: str = "FOLDER", default: str | None = None
) -> Any:
    """Return the ``--out`` option of a command that writes files."""
    return typer.Option(
        "--out",
        "-o",
        metavar=metavar,
        help=description,
        show_default=default or True,
        callback=refuse_stdout,
    )


def max_drop_point_option(default: str | None = None) -> Any:
    """Return the ``--max-drop-point`` option: the gate on the drop that was measured."""
    return typer.Option(
        "--max-drop-point",
        metavar="POINTS",
        help="Most accuracy lost, as measured.",
        show_default=default or True,
    )


def list_option(
    *names: str, metavar: str, description: str, default: str | None = None, completion: Any = None
) -> Any:
    """Return an option that takes a list; ``parsing.split_list`` reads it."""
    return typer.Option(
        *names,
        metavar=f"{metavar},...",
        help=f"{description}; repeatable, or with commas.",
        show_default=default or False,
        autocompletion=completion,
    )
