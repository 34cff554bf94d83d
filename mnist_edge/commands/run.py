"""``mnist-edge run``: the whole path, from nothing to a prediction.

Each stage is the command that a user would type, in its own process: TensorFlow trains and
converts, the TFLite runtime measures and predicts, and the two cannot share a process.
"""

import subprocess
from pathlib import Path
from typing import Annotated

import typer

from mnist_edge.commands.console import note
from mnist_edge.commands.options import RUNS, DataOption, RecipeOption, out_option
from mnist_edge.commands.train import require_free

EXAMPLES = """
mnist-edge run
mnist-edge run --recipe nano --data mnist.npz --out runs/mine
"""


def run_command(
    recipe: RecipeOption = "quick",
    data: DataOption = None,
    out: Annotated[Path | None, out_option(default="runs/RECIPE")] = None,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Train again, overwriting what the folder holds.")
    ] = False,
) -> None:
    """Download, train, convert, report and predict, in one go.

    After an interruption the same command continues; a finished training with
    the same settings is kept.
    """
    from mnist_edge.data.mnist import locate_mnist
    from mnist_edge.system.paths import SAMPLES
    from mnist_edge.training import recipes, training_record
    from mnist_edge.training.frameworks import require_workstation

    chosen = recipes.find_recipe(recipe)
    folder = out or RUNS / chosen.name
    if not fresh:
        require_free(folder, chosen, resume=True, overwrite="--fresh")
    require_workstation()
    note("downloading MNIST if it is not in the cache, and verifying it")
    source = locate_mnist(data)
    with_data = ["--data", str(source)]
    if training_record.is_finished(folder, chosen) and not fresh:
        note(f"{folder} holds a finished training with these settings; --fresh trains again")
    else:
        kept = "--overwrite" if fresh else "--resume"
        _stage("train", "--recipe", chosen.name, "--out", str(folder), kept, *with_data)
    _stage("convert", str(folder), "--quantize", "all", *with_data)
    _stage("report", str(folder), *with_data)
    _stage("predict", str(SAMPLES / "digit.png"), "--model", str(folder))


def _stage(*arguments: str) -> None:
    """Run one command of this program; exit with its status if it fails."""
    from mnist_edge.commands.app import main
    from mnist_edge.system.subprocesses import python_command

    note("")
    note(f"$ mnist-edge {' '.join(arguments)}")
    status = subprocess.run(python_command(main, *arguments), check=False)
    if status.returncode:
        raise typer.Exit(status.returncode)
