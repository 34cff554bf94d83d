"""``mnist-edge train --from``: fine-tunes a model with a user's labelled pictures."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from mnist_edge.commands.console import note, progress_bar, warn
from mnist_edge.commands.options import RUNS
from mnist_edge.commands.training_progress import FineTuningProgress
from mnist_edge.errors import DataUnavailable, InvalidValue, ModelNotFound, UnsuitableModel
from mnist_edge.system.text import escape_controls, percent

if TYPE_CHECKING:
    import keras

    from mnist_edge.data.mnist import Digits, Mnist
    from mnist_edge.inference.training_pictures import FoundLabel, TrainingPicture
    from mnist_edge.modelstore.loading import StoredModel
    from mnist_edge.training.fine_tuning_run import FineTuning, Lesson
    from mnist_edge.training.suspect_labels import SuspectLabel
    from mnist_edge.training.training_record import TrainingRecord

_MAX_LISTED = 20
"""Pictures of a kind that are listed, at most."""
_SUFFIX = "-taught"
"""What is added to the name of a model that was fine-tuned."""
_PROVES = 20
"""Number of pictures left for the proof below which a gain is hardly ever shown."""


def train_from(
    parent: str,
    folders: Sequence[Path],
    *,
    settings: FineTuning,
    mnist_data: Path | None,
    out: Path | None,
    resume: bool,
    overwrite: bool,
) -> None:
    """Fine-tune a model, and print what was done.

    Args:
        parent: a shipped model, a model folder, or its ``model.keras``.
        folders: labelled pictures.
        settings: how it is trained.
        mnist_data: where MNIST is.
        out: the folder to write; by default ``runs/NAME-taught``.
        resume: whether to continue an interrupted run.
        overwrite: whether to replace what the folder holds.

    Raises:
        MnistEdgeError: something is missing, or wrong with the pictures.
    """
    from mnist_edge.data.mnist import load_mnist
    from mnist_edge.inference.training_pictures import find_training_pictures
    from mnist_edge.training import fine_tuning, frameworks

    stored = find_parent(parent)
    name = taught_name(stored)
    folder = out or RUNS / name
    _require_other_folder(folder, stored)
    if not folders:
        raise InvalidValue("--from needs labelled pictures: add --pictures FOLDER")
    files = find_training_pictures(folders)
    if not (resume or overwrite):
        _require_free(folder)
    frameworks.require_workstation()
    pictures = _read(stored, files)
    mnist = load_mnist(mnist_data)
    digits = _as_digits(pictures)
    fine_tuning.require_unseen(digits, mnist.test)
    network = fine_tuning.load_parent(stored.path.parent)
    pictures = _settle_labels(network, pictures, fine_tuning.known_references(mnist, settings.seed))
    lesson = _lesson(name, stored, pictures)
    record = _fine_tune(network, lesson, mnist, folder, settings, resume=resume)
    left = sum(one.sha256 not in lesson.sha256 for one in pictures)
    if left < _PROVES:
        note(
            f"{left} pictures are left to prove a gain with, which hardly ever suffices; about "
            f"{4 * _PROVES} pictures in all would leave {_PROVES}"
        )
    typer.echo(
        escape_controls(
            f"{name}: validation accuracy {percent(record.validation_accuracy)}, learned "
            f"{len(lesson.learned)} pictures and watched {len(lesson.watched)}, {left} left for "
            f"the report, {record.seconds:.0f} s -> {folder}"
        )
    )


def find_parent(parent: str) -> StoredModel:
    """Find the int8 file of a model that has its ``model.keras`` beside it.

    That of a shipped model is in the clone that this package was installed from.

    Raises:
        ModelNotFound: there is no such model, or it lacks one of the two.
        UnsuitableModel: it takes scaled pixels.
        ModelError: its int8 file is damaged.
    """
    from mnist_edge.modelstore import DEFAULT_MODEL, loading
    from mnist_edge.modelstore.origin import MODEL_FILE, origin_warnings
    from mnist_edge.system.paths import shipped_models_folder

    path = Path(parent)
    folder = path.parent if path.name == MODEL_FILE else loading.find_model_folder(parent)
    if not (folder / MODEL_FILE).is_file():
        is_shipped = folder.parent == shipped_models_folder()
        if is_shipped and (cloned := _cloned_folder(folder)):
            return find_parent(str(cloned))
        raise ModelNotFound(
            f"{parent} has no {MODEL_FILE}, which is what learns: installed packages come without "
            f"those of the shipped models; a clone of the project has them, for example: --from "
            f"mnist-edge/models/{folder.name if is_shipped else DEFAULT_MODEL}"
        )
    stored = loading.load_model(folder)
    if stored.manifest is None or stored.manifest.reading != "pixels":
        raise UnsuitableModel(
            f"{folder} was not trained by this project, so that it takes other pixels; give a "
            "shipped model, or one of: mnist-edge train"
        )
    for warning in origin_warnings([stored]):
        warn(warning)
    return stored


def _cloned_folder(shipped: Path) -> Path | None:
    """Return the folder of the same model in the clone, if its Keras file is there."""
    from mnist_edge.modelstore.loading import load_model
    from mnist_edge.modelstore.origin import MODEL_FILE
    from mnist_edge.system.paths import cloned_models_folder

    clone = cloned_models_folder()
    if clone is None or not (clone / shipped.name / MODEL_FILE).is_file():
        return None
    # A clone that has moved on would teach another model than the one that is compared with.
    is_same = load_model(clone / shipped.name).sha256 == load_model(shipped).sha256
    return clone / shipped.name if is_same else None


def taught_name(stored: StoredModel) -> str:
    """Return the name of a model after fine-tuning."""
    recipe = stored.manifest.recipe if stored.manifest else stored.path.parent.name
    return recipe if recipe.endswith(_SUFFIX) else f"{recipe}{_SUFFIX}"


def _require_other_folder(folder: Path, stored: StoredModel) -> None:
    if folder.resolve() == stored.path.parent.resolve():
        raise InvalidValue(f"{folder} holds the model to start from: --out names another folder")


def _require_free(folder: Path) -> None:
    """Check that no run is overwritten.

    Raises:
        InvalidValue: the folder holds one.
    """
    from mnist_edge.training import trainer, training_record

    if (folder / trainer.CHECKPOINT_FILE).is_file():
        raise InvalidValue(
            f"{folder} holds an interrupted run: --resume continues it, --overwrite starts again, "
            "--out names another folder"
        )
    if (folder / training_record.MODEL_FILE).is_file():
        raise InvalidValue(
            f"{folder} holds a finished run: --overwrite overwrites it, --out names another folder"
        )


def _read(stored: StoredModel, files: Sequence[FoundLabel]) -> list[TrainingPicture]:
    """Read the pictures, and list those that teach nothing.

    Raises:
        DataUnavailable: none of them teaches anything.
    """
    from mnist_edge.inference import training_pictures
    from mnist_edge.inference.worker_pool import available_cores

    with progress_bar(len(files), "reading pictures") as bar:
        pictures, unusable = training_pictures.read_training_pictures(
            stored.path,
            files,
            jobs=available_cores(),
            on_progress=bar.update,
        )
    for one in unusable[:_MAX_LISTED]:
        warn(f"{one.name} teaches nothing: {one.reason}")
    if len(unusable) > _MAX_LISTED:
        warn(f"{len(unusable) - _MAX_LISTED} more teach nothing either")
    if not pictures:
        raise DataUnavailable(
            f"none of the {len(files)} pictures can be learned from; the first: "
            f"{unusable[0].name}: {unusable[0].reason}"
        )
    right = sum(one.answer == one.label for one in pictures)
    note(f"{stored.path.parent.name} reads {right} of {len(pictures)} of your pictures right")
    return pictures


def _as_digits(pictures: Sequence[TrainingPicture]) -> Digits:
    import numpy as np

    from mnist_edge.data.mnist import Digits
    from mnist_edge.training.losses import NO_DIGIT

    labels = [NO_DIGIT if one.label is None else one.label for one in pictures]
    return Digits(
        images=np.stack([one.pixels for one in pictures]), labels=np.array(labels, np.uint8)
    )


def _settle_labels(
    network: keras.Model, pictures: list[TrainingPicture], references: Digits
) -> list[TrainingPicture]:
    """List the pictures whose labels are doubtful, and ask about each on a terminal."""
    from mnist_edge.training.suspect_labels import find_suspect_labels

    suspects = find_suspect_labels(network, _as_digits(pictures), references)
    if not suspects:
        return pictures
    settled: list[TrainingPicture | None] = [*pictures]
    is_asked = sys.stdin.isatty() and sys.stderr.isatty()
    for suspect in suspects[:_MAX_LISTED]:
        picture = pictures[suspect.index]
        question = (
            f"{picture.name} is labelled {_label(suspect.label)}, and looks like "
            f"{_label(suspect.suggested)} beside the others"
        )
        if is_asked:
            settled[suspect.index] = _ask(question, picture, suspect)
        else:
            warn(question)
    if not is_asked:
        note("they are learned as they are labelled; correct the labels that are wrong, and rerun")
    return [one for one in settled if one is not None]


def _ask(question: str, picture: TrainingPicture, suspect: SuspectLabel) -> TrainingPicture | None:
    """Ask what a picture shows; None to leave it out."""
    note(question)
    answers = (*"0123456789", "x", "-")
    answer = ""
    while answer not in answers:
        answer = typer.prompt(
            "what does it show (0 to 9, x for no digit, - to leave it out)",
            default=_label(suspect.label),
            err=True,
        ).strip()
    if answer == "-":
        return None
    return replace(picture, label=None if answer == "x" else int(answer))


def _label(label: int) -> str:
    from mnist_edge.training.losses import NO_DIGIT

    return "x" if label == NO_DIGIT else str(label)


def _lesson(name: str, stored: StoredModel, pictures: Sequence[TrainingPicture]) -> Lesson:
    """Split the pictures, and describe where the network will come from."""
    import numpy as np

    from mnist_edge.modelstore.manifest import Lineage
    from mnist_edge.modelstore.origin import MODEL_FILE, weights_sha256
    from mnist_edge.training.fine_tuning_run import Lesson
    from mnist_edge.training.held_out import split_pictures

    digits = _as_digits(pictures)
    split = split_pictures(digits.labels, [one.series for one in pictures])
    seen = [pictures[index] for index in np.concatenate([split.learned, split.watched])]
    taken = sorted(_date(one.taken) for one in seen)
    return Lesson(
        name=name,
        learned=digits.take(split.learned),
        watched=digits.take(split.watched),
        lineage=Lineage(
            parent=stored.manifest.recipe if stored.manifest else stored.name,
            parent_weights_sha256=weights_sha256(stored.path.parent / MODEL_FILE),
            pictures=len(seen),
            first_taken=taken[0],
            last_taken=taken[-1],
        ),
        parent_points=stored.manifest.operating_points if stored.manifest else None,
        sha256=tuple(sorted({*_learned_before(stored), *(one.sha256 for one in seen)})),
    )


def _date(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, timezone.utc).date().isoformat()


def _learned_before(stored: StoredModel) -> tuple[str, ...]:
    """Return the hashes of the files that the parent has learned, if it was taught itself."""
    from mnist_edge.training.training_record import read_training_record

    try:
        return tuple(read_training_record(stored.path.parent).learned_sha256)
    except (OSError, ValueError, TypeError):
        return ()


def _fine_tune(
    network: keras.Model,
    lesson: Lesson,
    mnist: Mnist,
    folder: Path,
    settings: FineTuning,
    *,
    resume: bool,
) -> TrainingRecord:
    from mnist_edge.training import fine_tuning

    with FineTuningProgress() as listener:
        listener.on_network(1, 1)
        return fine_tuning.fine_tune(
            network, lesson, mnist, folder, settings=settings, resume=resume, listener=listener
        )
