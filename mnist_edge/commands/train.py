"""``mnist-edge train``: trains a recipe."""

from __future__ import annotations

import time
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from mnist_edge.commands.console import RUNS, DataOption, note, progress_bar

_TIMED = (10, 60)
"""Steps of a run between which it is timed, to tell how long it will take; the first ones, which
are compiled for, say nothing."""


class TrainingProgress(ExitStack):
    """Shows a run on standard error: the summary, a progress bar, a line a round."""

    def on_network(self, number: int, networks: int) -> None:
        """Ends the bar of the network before, and tells which of them comes now."""
        self.close()
        self._after = networks - number
        if networks > 1:
            which = f"teacher {number} of {networks - 1}" if self._after else "the network itself"
            note(f"\n{which}")

    def on_start(self, summary: str, step: int, total_steps: int) -> None:
        """Prints the network and begins the bar."""
        self._first, self._total = step, total_steps
        note(summary)
        if step:
            note(f"resuming at step {step:,} of {total_steps:,}")
        self._bar: Any = self.enter_context(progress_bar(total_steps, "training"))
        self._bar.update(step)
        self._round_step, self._round_ended = step, 0.0

    def on_step(self, step: int) -> None:
        """Moves the bar; once, soon, tells how long the rest will take."""
        self._bar.update(step - self._bar.pos)
        if step - self._first == _TIMED[0]:
            self._since = time.monotonic()
        if step - self._first == _TIMED[1]:
            per_step = (time.monotonic() - self._since) / (_TIMED[1] - _TIMED[0])
            others = f"; to be trained after this: {self._after}" if self._after else ""
            note(
                f"about {self._minutes_left(step, per_step)} min "
                f"for the other {self._total - step:,} steps{others}"
            )

    def on_round(self, record: dict[str, float]) -> None:
        """Prints what the round came to and, from the second, how long the rest will take.

        A step tells nothing of what comes between rounds; the first has what comes once.
        """
        step, ended = int(record["step"]), time.monotonic()
        rest = ""
        if self._first < self._round_step and step < self._total:
            per_step = (ended - self._round_ended) / (step - self._round_step)
            rest = f"  {self._minutes_left(step, per_step)} min left"
        self._round_step, self._round_ended = step, ended
        note(
            f"step {step:>6,}  loss {record['loss']:.4f}  "
            f"accuracy {100 * record['accuracy']:.2f} %  "
            f"validation {100 * record['val_accuracy']:.2f} %{rest}"
        )

    def _minutes_left(self, step: int, per_step: float) -> int:
        """At least one, at so many seconds a step."""
        return max(1, round(per_step * (self._total - step) / 60))


def train_command(
    recipe: Annotated[str, typer.Option("--recipe", "-r", help="Which recipe.")] = "edge",
    epochs: Annotated[
        int | None, typer.Option("--epochs", help="Passes over the training digits.")
    ] = None,
    batch_size: Annotated[int | None, typer.Option("--batch-size", help="Pictures a step.")] = None,
    learning_rate: Annotated[
        float | None, typer.Option("--learning-rate", help="The optimizer's highest rate.")
    ] = None,
    seed: Annotated[
        int | None, typer.Option("--seed", help="Same seed, same machine: same weights.")
    ] = None,
    data: DataOption = None,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Folder to write; runs/RECIPE else.")
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on where an interrupted run stopped.")
    ] = False,
) -> None:
    """Train a recipe on MNIST.

    Writes model.keras, training.json and curves.png. Recipes: edge and nano, the
    shipped models; edge-teacher, three of which edge trains first to learn from, below
    teachers/; quick, 99 % in two or three minutes; those of four articles:
    softmax-l2, softmax-1k, cnn, mlp-ema, mlp-dropout; and, to show what a mistake costs,
    softmax-l2-softmax-twice, softmax-l2-scaled-twice, softmax-l2-both-mistakes,
    cnn-unscaled, mlp-dropout-unscaled.
    """
    from mnist_edge.data.mnist import TRAIN_SIZE, load_mnist
    from mnist_edge.system.files import require_writable
    from mnist_edge.training import recipes, trainer
    from mnist_edge.training.backend import import_keras

    chosen = recipes.find_recipe(recipe)
    changes = {"batch_size": batch_size, "learning_rate": learning_rate, "seed": seed}
    given = {name: value for name, value in changes.items() if value is not None}
    chosen = replace(chosen, **given)  # type: ignore[arg-type]  # each has its field's type
    if epochs is not None:
        chosen = chosen.with_epochs(epochs, TRAIN_SIZE)
    folder = out or RUNS / chosen.name
    require_writable(folder)
    import_keras()
    mnist = load_mnist(data)
    with TrainingProgress() as listener:
        trainer.train(chosen, mnist, folder, resume=resume, listener=listener)
    record = trainer.read_record(folder)
    typer.echo(
        f"{chosen.name}: validation accuracy {100 * record.validation_accuracy:.2f} %, "
        f"{record.parameters:,} parameters, {record.seconds:.0f} s -> {folder}"
    )
