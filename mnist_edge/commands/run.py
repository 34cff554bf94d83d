"""``mnist-edge run``: the whole path, from nothing to a prediction.

Each stage is the command that a user would type, in a process of its own: TensorFlow trains and
converts, the TFLite runtime measures and predicts, and the two must not share one.
"""

from __future__ import annotations

import subprocess
import sys
from importlib import resources
from pathlib import Path
from typing import Annotated

import typer

from mnist_edge.commands.console import RUNS, DataOption, note


def run_command(
    recipe: Annotated[str, typer.Option("--recipe", "-r", help="Which recipe.")] = "quick",
    data: DataOption = None,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Folder to write; runs/RECIPE else.")
    ] = None,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Train anew, whatever the folder holds.")
    ] = False,
) -> None:
    """Fetch, train, convert, report and predict, in one go.

    Started again after an interruption it goes on where it was; a finished
    training with the same settings is kept.
    """
    from mnist_edge.data.mnist import locate_mnist
    from mnist_edge.training import recipes, trainer

    chosen = recipes.find_recipe(recipe)
    folder = out or RUNS / chosen.name
    note("fetching MNIST where it is not at hand, and verifying it")
    source = locate_mnist(data)
    with_data = ["--data", str(source)]
    if trainer.finished(folder, chosen) and not fresh:
        note(f"{folder} holds a finished training with these settings; --fresh trains anew")
    else:
        resume = [] if fresh else ["--resume"]
        _stage("train", "--recipe", chosen.name, "--out", str(folder), *resume, *with_data)
    _stage("convert", str(folder), "--quantize", "all", *with_data)
    _stage("report", str(folder), "--mnist", str(source))
    sample = Path(str(resources.files("mnist_edge.samples"))) / "digit.png"
    _stage("predict", str(sample), "--model", str(folder))


def _stage(*arguments: str) -> None:
    """Runs one command of this program, and ends with its status where it fails."""
    note(f"\n$ mnist-edge {' '.join(arguments)}")
    status = subprocess.run([sys.executable, "-m", "mnist_edge", *arguments], check=False)
    if status.returncode:
        raise typer.Exit(status.returncode)
