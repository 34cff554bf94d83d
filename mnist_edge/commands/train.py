"""``mnist-edge train``: trains a recipe."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mnist_edge.commands.console import note
from mnist_edge.commands.options import (
    RUNS,
    FromOption,
    RecipeOption,
    list_option,
    out_option,
)
from mnist_edge.commands.parsing import split_list
from mnist_edge.commands.report import is_mnist
from mnist_edge.commands.training_progress import TrainingProgress
from mnist_edge.errors import InvalidValue
from mnist_edge.system.text import escape_controls, percent

if TYPE_CHECKING:
    from mnist_edge.training.recipes import Recipe
    from mnist_edge.training.training_record import TrainingRecord

EXAMPLES = """
mnist-edge train --recipe nano
mnist-edge train --recipe edge-patient --teachers runs
mnist-edge train --from edge --pictures scans/
"""
USED_WITH = {
    "--from": (
        *("--epochs", "--batch-size", "--learning-rate", "--seed", "--teachers", "--pictures"),
        *("--data", "--out", "--resume", "--overwrite"),
    )
}


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
    teachers: Annotated[
        Path | None,
        typer.Option(
            "--teachers",
            metavar="FOLDER",
            help="Folder of runs to find teachers in, and to train others into.",
        ),
    ] = None,
    parent: FromOption = None,
    pictures: Annotated[
        list[str] | None,
        list_option(
            "--pictures",
            metavar="PATH",
            description="Your labelled pictures: with --from, a folder with a subfolder per label, "
            "0 to 9 and x for no digit, or with a labels.csv",
        ),
    ] = None,
    data: Annotated[
        list[str] | None,
        list_option(
            "--data",
            metavar="PATH",
            description="MNIST: an .npz file or a folder of IDX files; with --from also your "
            "pictures",
            default="MNIST_EDGE_DATA, or downloaded once",
        ),
    ] = None,
    out: Annotated[
        Path | None, out_option(default="runs/RECIPE, or runs/MODEL-taught with --from")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Continue an interrupted run.")] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Train again, whatever the folder holds.")
    ] = False,
) -> None:
    """Train a recipe on MNIST, or fine-tune a model with your pictures.

    Writes model.keras, training.json and curves.png. Recipes: edge, nano and
    micro, the shipped models; edge-teacher, three of which edge trains first,
    into teachers/, and is distilled from; edge-refined, which learns small frames
    and other people's habits from where edge ends; edge-patient, nano-patient and
    micro-patient, the same layers, trained for long and taught by wide,
    wide-residual and wide-kernels; quick, 99 % in two or three minutes; those of
    four articles: softmax-l2, softmax-1k, cnn, mlp-ema, mlp-dropout; and, to
    show what a mistake costs, softmax-l2-softmax-twice,
    softmax-l2-scaled-twice, softmax-l2-both-mistakes, cnn-unscaled,
    mlp-dropout-unscaled.

    Where JAX finds a GPU or TPU, it trains there; KERAS_BACKEND decides otherwise.

    With --from, a few dozen pictures and some minutes suffice. A quarter of the
    pictures is left for the report, MNIST and pictures of no digit are mixed in so
    that nothing is forgotten, and labels that look wrong are asked about.
    """
    own, mnist_data = _resolve_data(data, pictures, parent)
    if resume and overwrite:
        raise InvalidValue("--resume and --overwrite cannot be combined: one continues a run")
    if parent is not None:
        _train_from(
            parent,
            own,
            teachers,
            given={"rounds": epochs, "batch_size": batch_size, "seed": seed}
            | {"learning_rate": learning_rate},
            mnist_data=mnist_data,
            out=out,
            resume=resume,
            overwrite=overwrite,
        )
        return
    from mnist_edge.data.mnist import TRAIN_SIZE, load_mnist
    from mnist_edge.system.files import require_writable
    from mnist_edge.training import frameworks, recipes, trainer, training_record

    chosen = recipes.find_recipe(recipe)
    settings = {"batch_size": batch_size, "learning_rate": learning_rate, "seed": seed}
    given = {name: value for name, value in settings.items() if value is not None}
    chosen = replace(chosen, **given)  # type: ignore[arg-type]  # each has its field's type
    if epochs is not None:
        chosen = chosen.with_epochs(epochs, TRAIN_SIZE)
    folder = out or RUNS / chosen.name
    if teachers is not None and not chosen.teachers:
        raise InvalidValue(f"recipe {chosen.name} has no teachers: leave out --teachers")
    if not overwrite:
        require_free(folder, chosen, resume=resume, overwrite="--overwrite")
        for teacher, run in trainer.find_teachers(chosen, folder, teachers) if teachers else ():
            if not training_record.is_finished(run, teacher):
                require_free(run, teacher, resume=resume, overwrite="--overwrite")
    if resume and training_record.is_finished(folder, chosen):
        note(f"{folder} holds this run, finished; --overwrite trains it again")
        typer.echo(escape_controls(_summary(training_record.read_training_record(folder), folder)))
        return
    frameworks.choose_backend()
    frameworks.require_workstation()
    require_writable(folder)
    frameworks.import_keras()
    note(f"training on {frameworks.describe_backend()}")
    mnist = load_mnist(mnist_data)
    with TrainingProgress() as listener:
        trainer.train(chosen, mnist, folder, resume=resume, listener=listener, teachers=teachers)
    typer.echo(escape_controls(_summary(training_record.read_training_record(folder), folder)))


def _resolve_data(
    data: Sequence[str] | None, pictures: Sequence[str] | None, parent: str | None
) -> tuple[list[Path], Path | None]:
    """Return the user's pictures, and where MNIST is.

    Raises:
        InvalidValue: several places of MNIST are given, or pictures without ``--from``.
    """
    own = [Path(part) for part in split_list(pictures)]
    mnist = [Path(part) for part in split_list(data)]
    if parent is not None:
        own += [path for path in mnist if not is_mnist(path)]
        mnist = [path for path in mnist if is_mnist(path)]
    elif own:
        raise InvalidValue("--pictures are for fine-tuning: add --from MODEL, for example edge")
    if len(mnist) > 1:
        raise InvalidValue(f"--data names MNIST {len(mnist)} times; expected one place")
    return own, mnist[0] if mnist else None


def _train_from(
    parent: str,
    pictures: Sequence[Path],
    teachers: Path | None,
    *,
    given: Mapping[str, float | None],
    mnist_data: Path | None,
    out: Path | None,
    resume: bool,
    overwrite: bool,
) -> None:
    from mnist_edge.commands.train_from import train_from
    from mnist_edge.training.fine_tuning_run import FineTuning

    settings: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    if teachers is not None:
        raise InvalidValue("--from has its teacher, the model itself: leave out --teachers")
    train_from(
        parent,
        pictures,
        settings=FineTuning(**settings),
        mnist_data=mnist_data,
        out=out,
        resume=resume,
        overwrite=overwrite,
    )


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

    teachers = (folder / trainer.TEACHERS_FOLDER).rglob(trainer.CHECKPOINT_FILE)
    if any(path.is_file() for path in (folder / trainer.CHECKPOINT_FILE, *teachers)):
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
