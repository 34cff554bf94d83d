"""``mnist-edge convert``: quantizes a Keras model to TFLite."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mnist_edge.commands.console import DataOption, note, table
from mnist_edge.modelstore import DEFAULT_MODEL

if TYPE_CHECKING:
    from converters.conversion import Converted


def command(
    model: Annotated[
        str, typer.Argument(help="A model folder, a Keras file, or a shipped model.")
    ] = DEFAULT_MODEL,
    quantize: Annotated[
        list[str] | None,
        typer.Option(
            "--quantize",
            "-q",
            help="float32, float16, dynamic, int8, int16x8, or all; repeat for several.",
            show_default="int8",
        ),
    ] = None,
    calibration_images: Annotated[
        int, typer.Option("--calibration-images", help="Training digits to calibrate on.")
    ] = 500,
    calibration_seed: Annotated[
        int, typer.Option("--calibration-seed", help="Seed of their draw.")
    ] = 1,
    data: DataOption = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="Folder to write; the Keras file's own else."),
    ] = None,
) -> None:
    """Quantize a Keras model to TFLite, each file with its manifest.

    Every file is run on the TFLite runtime over the validation digits, in a
    process of its own, before it is written.
    """
    from converters import conversion, schemes, source
    from mnist_edge import dataset
    from mnist_edge.files import require_writable
    from mnist_edge.modelstore import find_folder

    chosen = schemes.find_schemes(quantize or ["int8"])
    path = Path(model)
    keras_file = source.find_keras_file(path if path.is_file() else find_folder(model))
    folder = out or keras_file.parent
    require_writable(folder)
    mnist = dataset.load(data)
    made = []
    for converted in conversion.convert(
        keras_file,
        folder,
        chosen,
        mnist,
        calibration_count=calibration_images,
        calibration_seed=calibration_seed,
    ):
        note(f"wrote {converted.path}")
        made.append(converted)
    typer.echo(conversion_table(made))


def conversion_table(made: list[Converted]) -> str:
    """Size, share of float32's size, and validation accuracy of each file."""
    return table(
        ["scheme", "bytes", "of float32", "validation, Keras", "quantized", "drop"],
        [
            [
                one.manifest.scheme,
                f"{one.manifest.size:,}",
                f"{100 * one.ratio:.0f} %",
                f"{100 * one.manifest.validation_float.accuracy:.2f} %",
                f"{100 * one.manifest.validation.accuracy:.2f} %",
                f"{one.drop:+.2f} points",
            ]
            for one in made
        ],
    )
