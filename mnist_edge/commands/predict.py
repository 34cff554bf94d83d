"""``mnist-edge predict``: reads the digit in each picture."""

from pathlib import Path
from typing import Annotated

import typer

from mnist_edge.commands.options import (
    DEFAULT_KEEP_UNSURE_BYTES,
    AllOption,
    KeepUnsureBytesOption,
    KeepUnsureOption,
    MinConfidenceOption,
    ModelOption,
    PixelsOption,
    RuntimeOption,
    format_option,
    refuse_stdout,
)
from mnist_edge.commands.parsing import parse_min_confidence
from mnist_edge.commands.prediction_output import Format

EXAMPLES = """
mnist-edge predict digit.png photos/ '*.jpg' --format csv
mnist-edge predict --all page.jpg --explain how.png
find scans | mnist-edge predict --paths-from - --resume out.jsonl
"""
NEEDS = {"--keep-unsure-bytes": "--keep-unsure"}


def predict_command(
    pictures: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="PICTURE...",
            help="Image files, folders, glob patterns, or - for an image on standard input.",
            show_default=False,
        ),
    ] = None,
    model: ModelOption = None,
    pixels: PixelsOption = None,
    top: Annotated[
        int, typer.Option("--top", metavar="N", min=1, max=10, help="Likeliest digits to list.")
    ] = 1,
    min_confidence: MinConfidenceOption = None,
    read_all: AllOption = False,
    always: Annotated[
        bool, typer.Option("--always", help="Never abstain, not even from a blank picture.")
    ] = False,
    output: Annotated[Format | None, format_option(Format, Format.text.value)] = None,
    paths_from: Annotated[
        str | None,
        typer.Option(
            "--paths-from",
            metavar="FILE",
            help="Also read the pictures listed in a file: UTF-8, one path per line, no patterns "
            "or folders; - for standard input.",
        ),
    ] = None,
    resume: Annotated[
        Path | None,
        typer.Option(
            "--resume",
            metavar="FILE",
            callback=refuse_stdout,
            help="Append JSON lines to this file, and skip the pictures that have one.",
        ),
    ] = None,
    shard: Annotated[
        str | None,
        typer.Option(
            "--shard",
            metavar="K/N",
            help="Read one of N shares of the pictures, 1/N to N/N, chosen by a hash of each path "
            "as it is given: start every share in the same folder.",
        ),
    ] = None,
    jobs: Annotated[
        int | None,
        typer.Option(
            "--jobs",
            "-j",
            metavar="N",
            min=1,
            max=256,
            help="Processes to read with: 1 for none but this one.",
            show_default="one per core",
        ),
    ] = None,
    explain: Annotated[
        str | None,
        typer.Option(
            "--explain",
            metavar="PATH",
            help="Draw how a picture was read: a .png or .jpg file, or a folder for several.",
        ),
    ] = None,
    show: Annotated[
        bool, typer.Option("--show", help="Print the pixels that the model saw, too.")
    ] = False,
    keep_unsure: KeepUnsureOption = None,
    keep_unsure_bytes: KeepUnsureBytesOption = DEFAULT_KEEP_UNSURE_BYTES,
    runtime: RuntimeOption = None,
) -> None:
    """Read the digit in each picture.

    If a picture cannot be read, the others are, and the exit status is 1. There
    is no digit, but the reason, for a picture that is blank, not one digit, or
    too uncertain.

    With --all, an uncertain digit is printed as ?, and the percentage is the
    least of all digits.

    --resume and --shard compare paths as they are given; a picture in a folder
    has the folder's path in front. A run that was interrupted continues with the
    same --resume; the exit status counts all the lines in the file.
    """
    from mnist_edge.commands.predict_pictures import predict_pictures

    failed = predict_pictures(
        pictures or [],
        model=model,
        pixels=pixels,
        top=top,
        min_confidence=parse_min_confidence(min_confidence),
        read_all=read_all,
        always=always,
        output=output,
        paths_from=paths_from,
        resume=resume,
        shard=shard,
        jobs=jobs,
        explain=explain,
        show=show,
        keep_unsure=keep_unsure,
        keep_unsure_bytes=keep_unsure_bytes,
    )
    if failed:
        raise typer.Exit(1)
