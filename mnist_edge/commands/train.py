"""``mnist-edge train``: trains a recipe."""

import time
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mnist_edge.commands.console import note, progress_bar
from mnist_edge.commands.options import RUNS, DataOption, RecipeOption, out_option
from mnist_edge.errors import InvalidValue
from mnist_edge.system.text import escape_controls, percent

if TYPE_CHECKING:
    from mnist_edge.training.recipes import Recipe
    from mnist_edge.training.training_record import TrainingRecord

EXAMPLES = """
mnist-edge train --recipe nano
mnist-edge train --recipe edge --resume
mnist-edge train --recipe quick --epochs 3 --seed 7 --out runs/mine
"""

_TIMED_STEPS = (10, 60)
"""Steps of a run between which it is timed, to estimate how long it takes; the first ones, which
include compilation, would mislead."""


class TrainingProgress(ExitStack):
    """Shows a run on standard error: the summary, a progress bar, a line per round."""

    def on_network(self, number: int, networks: int) -> None:
        """End the previous network's bar, and print which one comes now."""
        self.close()
        self._after = networks - number
        if networks > 1:
            which = f"teacher {number} of {networks - 1}" if self._after else "the network itself"
            note("")
            note(which)

    def on_start(self, summary: str, step: int, total_steps: int) -> None:
        """Print the network and begin the bar."""
        self._first, self._total = step, total_steps
        note(summary)
        if step:
            note(f"resuming at step {step:,} of {total_steps:,}")
        self._bar: Any = self.enter_context(progress_bar(total_steps, "training"))
        self._bar.update(step)
        self._round_step, self._round_ended = step, 0.0

    def on_step(self, step: int) -> None:
        """Move the bar; once, early, print how long the rest will take."""
        self._bar.update(step - self._bar.pos)
        if step - self._first == _TIMED_STEPS[0]:
            self._since = time.monotonic()
        if step - self._first == _TIMED_STEPS[1]:
            per_step = (time.monotonic() - self._since) / (_TIMED_STEPS[1] - _TIMED_STEPS[0])
            others = f"; networks to train after this one: {self._after}" if self._after else ""
            note(
                f"about {self._minutes_left(step, per_step)} min "
                f"for the other {self._total - step:,} steps{others}"
            )

    def on_round(self, record: dict[str, float]) -> None:
        """Print a round's result and, from the second on, how long the rest will take.

        The time of a step excludes what comes between rounds; the first round includes what comes
        once.
        """
        step, ended = int(record["step"]), time.monotonic()
        rest = ""
        if self._first < self._round_step and step < self._total:
            per_step = (ended - self._round_ended) / (step - self._round_step)
            rest = f"  {self._minutes_left(step, per_step)} min left"
        self._round_step, self._round_ended = step, ended
        note(
            f"step {step:>6,}  loss {record['loss']:.4f}  "
            f"accuracy {percent(record['accuracy'])}  "
            f"validation {percent(record['val_accuracy'])}{rest}"
        )

    def _minutes_left(self, step: int, per_step: float) -> int:
        """Estimate the minutes left, at least one, from the seconds per step."""
        return max(1, round(per_step * (self._total - step) / 60))


def train_command(
    recipe: RecipeOption = "edge",
    epochs: Annotated[
        int | None,
        typer.Option("--epochs", metavar="N", help="Passes over the training digits."),
    ] = None,
    batch_size: Annotated[
        int | None, typer.Option("--batch-size", metavar="N", help="Pictures per step.")
    ] = None,
    learning_rate: Annotated[
        float | None,
        typer.Option("--learning-rate", metavar="RATE", help="The optimizer's highest rate."),
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option("--seed", metavar="N", help="Same seed, same machine: same weights."),
    ] = None,
    data: DataOption = None,
    out: Annotated[Path | None, out_option(default="runs/RECIPE")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Continue an interrupted run.")] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Train again, whatever the folder holds.")
    ] = False,
) -> None:
    """Train a recipe on MNIST.

    Writes model.keras, training.json and curves.png. Recipes: edge and nano, the
    shipped models; edge-teacher, three of which edge trains first, into
    teachers/, and is distilled from; quick, 99 % in two or three minutes; those
    of four articles: softmax-l2, softmax-1k, cnn, mlp-ema, mlp-dropout; and, to
    show what a mistake costs, softmax-l2-softmax-twice, softmax-l2-scaled-twice,
    softmax-l2-both-mistakes, cnn-unscaled, mlp-dropout-unscaled.
    """
    from mnist_edge.data.mnist import TRAIN_SIZE, load_mnist
    from mnist_edge.system.files import require_writable
    from mnist_edge.training import recipes, trainer, training_record
    from mnist_edge.training.frameworks import import_keras, require_workstation

    chosen = recipes.find_recipe(recipe)
    settings = {"batch_size": batch_size, "learning_rate": learning_rate, "seed": seed}
    given = {name: value for name, value in settings.items() if value is not None}
    chosen = replace(chosen, **given)  # type: ignore[arg-type]  # each has its field's type
    if epochs is not None:
        chosen = chosen.with_epochs(epochs, TRAIN_SIZE)
    if resume and overwrite:
        raise InvalidValue("--resume and --overwrite cannot be combined: one continues a run")
    folder = out or RUNS / chosen.name
    if not overwrite:
        require_free(folder, chosen, resume=resume, overwrite="--overwrite")
    if resume and training_record.is_finished(folder, chosen):
        note(f"{folder} holds this run, finished; --overwrite trains it again")
        typer.echo(escape_controls(_summary(training_record.read_training_record(folder), folder)))
        return
    require_workstation()
    require_writable(folder)
    import_keras()
    mnist = load_mnist(data)
    with TrainingProgress() as listener:
        trainer.train(chosen, mnist, folder, resume=resume, listener=listener)
    typer.echo(escape_controls(_summary(training_record.read_training_record(folder), folder)))


def require_free(folder: Path, recipe: "Recipe", *, resume: bool, overwrite: str) -> None:
    """Check that training into a folder overwrites no run of hours.

    Args:
        folder: where the run goes.
        recipe: what is trained.
        resume: whether an interrupted run, or a finished one of this recipe, is continued.
        overwrite: the option that overwrites all the same.

    Raises:
        InvalidValue: the folder holds a run that would be lost.
    """
    from mnist_edge.training import trainer, training_record

    parts = (folder, *sorted((folder / trainer.TEACHERS_FOLDER).glob("*")))
    if any((part / trainer.CHECKPOINT_FILE).is_file() for part in parts):
        if not resume:
            raise InvalidValue(
                f"{folder} holds an interrupted run: --resume continues it, {overwrite} starts "
                "again, --out names another folder"
            )
    elif (folder / training_record.MODEL_FILE).is_file() and not (
        resume and training_record.is_finished(folder, recipe)
    ):
        other = " with other settings" if resume else ""
        raise InvalidValue(
            f"{folder} holds a finished run{other}: {overwrite} overwrites it, --out names another "
            "folder"
        )


def _summary(record: "TrainingRecord", folder: Path) -> str:
    return (
        f"{record.settings['name']}: validation accuracy {percent(record.validation_accuracy)}, "
        f"{record.parameters:,} weights, {record.seconds:.0f} s -> {folder}"
    )
