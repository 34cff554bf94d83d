"""``mnist-edge teach``: fine-tunes a model, converts it, and says whether to take it."""

import shlex
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from mnist_edge.commands.console import GATE_FAILED, note
from mnist_edge.commands.options import (
    RUNS,
    DataOption,
    FromOption,
    MaxLossMnistOption,
    MinGainOption,
    out_option,
)
from mnist_edge.modelstore import DEFAULT_MODEL

EXAMPLES = """
mnist-edge teach kept/
mnist-edge teach kept/ --from nano --out runs/mine
mnist-edge teach kept/ --overwrite
"""

_PROGRAM = "mnist_edge.commands.app:main"
_STDERR = 2
"""The descriptor of standard error, where the results of the first two steps go."""


def teach_command(
    folder: Annotated[
        Path,
        typer.Argument(
            metavar="FOLDER",
            help="Your labelled pictures: a folder with a subfolder per label, 0 to 9 and x for "
            "no digit, or with a labels.csv.",
        ),
    ],
    parent: FromOption = DEFAULT_MODEL,
    seed: Annotated[
        int | None,
        typer.Option("--seed", metavar="N", help="Same seed, same machine: same weights."),
    ] = None,
    max_loss_mnist: MaxLossMnistOption = 0.2,
    min_gain: MinGainOption = 0.0,
    data: DataOption = None,
    out: Annotated[Path | None, out_option(default="runs/MODEL-taught")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Continue an interrupted run.")] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Train again, whatever the folder holds.")
    ] = False,
) -> None:
    """Teach a model your hand, and say whether it became better.

    Runs train --from, convert and report --compare-with in one go: the model learns
    three quarters of your pictures, and the report compares it with what it was on
    the others, on MNIST, on pictures of no digit and on hard ones. Installs
    nothing: if the new model is shown to be better, the line that installs it is
    printed last; otherwise the exit status is 3.
    """
    from mnist_edge.commands.train_from import find_parent, taught_name

    parent = parent or DEFAULT_MODEL
    target = out or RUNS / taught_name(find_parent(parent))
    mnist = [] if data is None else ["--data", str(data)]
    _run(
        ["train", "--from", parent, "--pictures", str(folder), "--out", str(target), *mnist]
        + ([] if seed is None else ["--seed", str(seed)])
        + [
            option
            for option, is_set in (("--resume", resume), ("--overwrite", overwrite))
            if is_set
        ],
        stdout=_STDERR,
    )
    _run(["convert", str(target), *mnist], stdout=_STDERR)
    gates = ["--max-loss-mnist", str(max_loss_mnist), "--min-gain", str(min_gain)]
    _run(
        ["report", str(target), "--pictures", str(folder), "--compare-with", parent, *gates, *mnist]
    )
    typer.echo(f"\nto install it: mnist-edge model install {shlex.quote(str(target))}")


def _run(words: Sequence[str], *, stdout: int | None = None) -> None:
    """Run a command of this program in a process of its own.

    TensorFlow, which trains, and the TFLite runtime, which reports, cannot share one.

    Raises:
        typer.Exit: it failed, with its exit status.
    """
    from mnist_edge.system.subprocesses import python_command

    note(f"mnist-edge {shlex.join(words)}")
    status = subprocess.run(python_command(_PROGRAM, *words), stdout=stdout, check=False).returncode
    if status == GATE_FAILED and words[0] == "report":
        note("nothing was installed; more pictures, or more of those that are misread, may help")
    if status:
        raise typer.Exit(status if status > 0 else 1)
