"""Fine-tuning: a trained network learns a user's pictures, and forgets nothing.

``FineTuningRun`` has the rounds; here is what goes in, what is refused, and what is written.
"""

from __future__ import annotations

import math
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np

from mnist_edge import CLASSES
from mnist_edge.data.idx import SHA256
from mnist_edge.data.mnist import Digits, Mnist
from mnist_edge.errors import InvalidModel, InvalidValue, UnsuitableModel
from mnist_edge.modelstore.origin import MODEL_FILE
from mnist_edge.system.files import replacing, require_writable, write_json
from mnist_edge.system.text import one_line
from mnist_edge.training import frameworks
from mnist_edge.training.checkpoint import restore_checkpoint, save_checkpoint
from mnist_edge.training.fine_tuning_run import (
    FineTuning,
    FineTuningRun,
    Lesson,
    draw_mixed_outliers,
    joined,
    without_digit,
)
from mnist_edge.training.trainer import CHECKPOINT_FILE
from mnist_edge.training.training_record import RECORD_FILE, TrainingRecord, read_training_record
from mnist_edge.training.training_run import RunListener

if TYPE_CHECKING:
    import keras

_REFERENCES = 2_000
"""MNIST digits that the labels of the user's pictures are judged with."""


class FineTuningListener(RunListener, Protocol):
    """An observer of a fine-tuning."""

    def on_start(self, summary: str, step: int, total_steps: int) -> None:
        """Begin the steps, with a summary and the first step (above 0 if resumed)."""

    def on_round(self, record: dict[str, float]) -> None:
        """Note that a round is done."""


def load_parent(folder: Path) -> keras.Model:
    """Load the Keras model of a folder.

    Raises:
        InvalidModel: there is none, or it cannot be loaded.
        UnsuitableModel: it does not take 28x28 pixels, or has not ten logits.
        MissingDependency: the workstation extra is not installed.
    """
    path = folder / MODEL_FILE
    keras = frameworks.import_keras()
    try:
        model = keras.models.load_model(path, compile=False)
    # Keras raises whatever its reader raises.
    except Exception as error:
        raise InvalidModel(f"{path} cannot be loaded by Keras ({one_line(error)[:200]})") from error
    if math.prod(model.input_shape[1:]) != 28 * 28 or model.output_shape[1:] != (CLASSES,):
        raise UnsuitableModel(
            f"{path} maps {model.input_shape[1:]} to {model.output_shape[1:]}; expected 28x28 "
            f"pixels and {CLASSES} logits"
        )
    return model


def known_references(mnist: Mnist, seed: int) -> Digits:
    """Return digits and outliers with right labels, for ``find_suspect_labels``."""
    chosen = np.random.RandomState(seed).choice(len(mnist.train), _REFERENCES, replace=False)
    outliers = draw_mixed_outliers(_REFERENCES // CLASSES, mnist, seed)
    digits = mnist.train.take(chosen)
    return joined(digits, without_digit(outliers))


def require_unseen(pictures: Digits, test: Digits) -> None:
    """Check that none of the user's pictures is a test digit of MNIST, by their pixels.

    Raises:
        InvalidValue: some are.
    """
    tested = {image.tobytes() for image in test.images}
    found = sum(image.tobytes() in tested for image in pictures.images)
    if found:
        raise InvalidValue(
            f"{found} of the pictures are test digits of MNIST, which no network may be trained "
            "on: its report would measure what it remembers; take them out"
        )


def fine_tune(
    parent: keras.Model,
    lesson: Lesson,
    mnist: Mnist,
    folder: Path,
    *,
    settings: FineTuning,
    resume: bool,
    listener: FineTuningListener,
) -> TrainingRecord:
    """Fine-tune a network and write ``model.keras`` and ``training.json``.

    Args:
        parent: the network to begin as, which is also the teacher.
        lesson: the user's pictures.
        mnist: its train split is mixed in, its validation split is measured.
        folder: where the results and the checkpoint go.
        settings: how.
        resume: whether to continue from a checkpoint, if there is one; a run that is finished is
            not repeated.
        listener: observes each step and round.

    Raises:
        NotWritable: the folder cannot be written.
        CheckpointMismatch: the checkpoint belongs to a run with other settings or pictures.
    """
    require_writable(folder)
    run = FineTuningRun(parent, lesson, mnist, settings)
    checkpoint = folder / CHECKPOINT_FILE
    if resume and not checkpoint.is_file() and (finished := _finished(run, folder)):
        return finished
    if resume and checkpoint.is_file():
        run.progress = restore_checkpoint(checkpoint, run.variables(), settings=run.settings)
    listener.on_start(run.summary, run.progress.step, run.total_steps)
    while not run.is_finished:
        measured = run.train_round(listener)
        save_checkpoint(checkpoint, run.progress, run.variables(), settings=run.settings)
        listener.on_round(measured)
    record = _write_results(run, folder)
    checkpoint.unlink(missing_ok=True)
    return record


def _finished(run: FineTuningRun, folder: Path) -> TrainingRecord | None:
    """Return the record in a folder, if it is of the same run."""
    try:
        record = read_training_record(folder)
    except (OSError, ValueError, TypeError):
        return None
    is_same = (folder / MODEL_FILE).is_file() and record.settings == run.settings
    return record if is_same else None


def _write_results(run: FineTuningRun, folder: Path) -> TrainingRecord:
    """Write the network, and then the record up to its round, which it ends."""
    network, finished = run.finish()
    points = run.lesson.parent_points
    with replacing(folder / MODEL_FILE) as temporary:
        network.save(temporary)
    record = TrainingRecord(
        settings=run.settings,
        data_sha256=SHA256,
        parameters=network.count_params(),
        versions={
            **frameworks.package_versions(),
            "keras backend": frameworks.import_keras().backend.backend(),
        },
        rounds=[*run.progress.rounds[: run.best_round()], finished],
        losses=[],
        seconds=round(run.progress.seconds, 1),
        lineage=asdict(run.lesson.lineage),
        parent_points=asdict(points) if points else None,
        learned_sha256=run.lesson.sha256,
    )
    write_json(folder / RECORD_FILE, record.to_dict())
    return record
