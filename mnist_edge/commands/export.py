"""``mnist-edge export``: packs an int8 model in C as a library of a platform, or as a page."""

from pathlib import Path
from typing import Annotated

import typer

from mnist_edge.commands.options import ModelArgument, complete_list, out_option
from mnist_edge.errors import ConversionError, UnknownName
from mnist_edge.system.text import escape_controls

EXAMPLES = """
mnist-edge export nano --target cmake
mnist-edge export runs/nano --target arduino --out digit-library
mnist-edge export nano --target page --out draw.html
"""

_PAGE = "page"
"""The target that is one file: a page to draw on."""


def _complete_targets(incomplete: str) -> list[str]:
    from converters.c.libraries import LIBRARIES

    return complete_list(incomplete, [*LIBRARIES, _PAGE])


def export_command(
    target: Annotated[
        str,
        typer.Option(
            "--target",
            "-t",
            metavar="PLATFORM",
            help="arduino, cmake, zephyr, esp-idf, micropython, wasm or page.",
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
    out: Annotated[
        Path | None,
        out_option(
            "Output folder, or file of a page.",
            metavar="PATH",
            default="PREFIX-PLATFORM, or PREFIX.html",
        ),
    ] = None,
) -> None:
    """Write an int8 model as a library in C, with an example.

    The C has no interpreter and gives the integers of tflite-runtime. The folder
    must be new or empty. The target page is one HTML file that reads drawings by
    itself, with the model as WebAssembly in it.
    """
    from converters.c import libraries
    from converters.c.source import generate
    from mnist_edge.modelstore.loading import load_model
    from mnist_edge.runtimes.sandbox import open_model

    if target not in {*libraries.LIBRARIES, _PAGE}:
        raise UnknownName("target", target, [*libraries.LIBRARIES, _PAGE])
    library = libraries.LIBRARIES.get(target)
    if out is not None and library is not None:
        libraries.require_empty(out)
    stored = load_model(model)
    if stored.manifest is None:
        raise ConversionError(
            f"{stored.path} has no manifest, which says how it takes pixels; convert the model "
            "with: mnist-edge convert"
        )
    # C is made from the file, and what it says of itself from the manifest: they must agree.
    open_model(stored)
    source = generate(stored.content, stored.manifest, prefix=prefix)
    if library is None:
        from mnist_edge.deployment.server.offline_page import offline_page
        from mnist_edge.system.files import write_text

        file = out or Path(f"{source.prefix}.html")
        page = offline_page(source, stored.manifest)
        write_text(file, page)
        size = len(page.encode())
        typer.echo(f"wrote {escape_controls(str(file))}: a page of {size:,} bytes")
        return
    folder = out or Path(f"{source.prefix}-{library.name}")
    libraries.require_empty(folder)
    files = libraries.library_files(library, source, folder=folder.resolve().name)
    libraries.write_library(folder, files)
    typer.echo(
        f"wrote {escape_controls(str(folder))}: {library.title} of {source.prefix}, "
        f"{len(files)} files, {source.workspace:,} bytes of RAM"
    )
