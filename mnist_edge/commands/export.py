"""``mnist-edge export``: packs an int8 model in C as a library of a platform."""

from pathlib import Path
from typing import Annotated

import typer

from mnist_edge.commands.options import ModelArgument, complete_list, out_option
from mnist_edge.errors import ConversionError
from mnist_edge.system.text import escape_controls

EXAMPLES = """
mnist-edge export nano --target cmake
mnist-edge export runs/nano --target arduino --out digit-library
"""


def _complete_targets(incomplete: str) -> list[str]:
    from converters.c.libraries import LIBRARIES

    return complete_list(incomplete, LIBRARIES)


def export_command(
    target: Annotated[
        str,
        typer.Option(
            "--target",
            "-t",
            metavar="PLATFORM",
            help="arduino, cmake, zephyr, esp-idf, micropython or wasm.",
            autocompletion=_complete_targets,
        ),
    ],
    model: ModelArgument = None,
    prefix: Annotated[
        str | None,
        typer.Option(
            "--prefix",
            metavar="NAME",
            help="What names in C begin with.",
            show_default="the model's name",
        ),
    ] = None,
    out: Annotated[Path | None, out_option(default="PREFIX-PLATFORM")] = None,
) -> None:
    """Write an int8 model as a library in C, with an example.

    The C has no interpreter and gives the integers of tflite-runtime. The folder
    must be new or empty.
    """
    from converters.c import libraries
    from converters.c.source import generate
    from mnist_edge.modelstore.loading import load_model

    library = libraries.find_library(target)
    if out is not None:
        libraries.require_empty(out)
    stored = load_model(model)
    if stored.manifest is None:
        raise ConversionError(
            f"{stored.path} has no manifest, which says how it takes pixels; convert the model "
            "with: mnist-edge convert"
        )
    source = generate(stored.content, stored.manifest, prefix=prefix)
    folder = out or Path(f"{source.prefix}-{library.name}")
    libraries.require_empty(folder)
    files = libraries.library_files(library, source, folder=folder.resolve().name)
    libraries.write_library(folder, files)
    typer.echo(
        f"wrote {escape_controls(str(folder))}: {library.title} of {source.prefix}, "
        f"{len(files)} files, {source.workspace:,} bytes of RAM"
    )
