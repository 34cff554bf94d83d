"""Training of a recipe: one loop for all of them, resumable and reproducible from the seed.

A round is the stretch between two validations. After each round everything that the next depends
on (weights, optimizer, dropout's seeds, history) goes into one checkpoint, so that an interrupted
and resumed run ends with exactly the weights of an uninterrupted one. While the network trains on
the pictures of one round, a thread prepares those of the next.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from mnist_edge.data.idx import SHA256
from mnist_edge.data.mnist import Mnist
from mnist_edge.errors import NotWritable
from mnist_edge.system.files import replacing, require_writable, write_json
from mnist_edge.system.paths import cache_folder
from mnist_edge.training import accelerated_run, frameworks
from mnist_edge.training.checkpoint import restore_checkpoint, save_checkpoint
from mnist_edge.training.learning_curves import draw_curves
from mnist_edge.training.recipes import Recipe
from mnist_edge.training.training_record import (
    CURVES_FILE,
    MODEL_FILE,
    RECORD_FILE,
    TrainingRecord,
    is_finished,
    recipe_settings,
)
from mnist_edge.training.training_run import Run, RunListener

if TYPE_CHECKING:
    import keras

CHECKPOINT_FILE = "checkpoint.npz"
TEACHERS_FOLDER = "teachers"

_CHECKPOINT_SECONDS = 20.0
"""Rounds that are quicker share a checkpoint."""


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """How long a network is expected to train on this machine."""

    name: str
    """Its recipe."""
    seed: int
    """Its seed."""
    seconds: float
    """Its remaining steps, from a few that were timed."""


class TrainingListener(RunListener, Protocol):
    """An observer of a training run."""

    def on_plan(self, plan: Sequence[Estimate]) -> None:
        """Note how long each network will take, if more than one is still to be trained."""

    def on_network(self, number: int, networks: int) -> None:
        """Begin a network, counted from 1: first the teachers, then the recipe's own."""

    def on_start(self, summary: str, step: int, total_steps: int) -> None:
        """Begin the steps, with the network's summary and the first step (above 0 if resumed)."""

    def on_round(self, record: dict[str, float]) -> None:
        """Note that a round is done and validated."""


def train(
    recipe: Recipe,
    mnist: Mnist,
    folder: Path,
    *,
    resume: bool,
    listener: TrainingListener,
    teachers: Path | None = None,
) -> None:
    """Train a recipe and write ``model.keras``, ``curves.png`` and ``training.json``.

    Its teachers and their teachers, if any, are trained first, unless they are found.

    Args:
        recipe: what to train and how.
        mnist: the train split to learn from, the validation split to watch.
        folder: where the results and the checkpoint go.
        resume: whether to continue from checkpoints, if there are any.
        listener: observes each step and round.
        teachers: folder of runs, one folder each, in which teachers are found and into which
            others are trained; by default they go below ``folder``, and are found if ``resume``.

    Raises:
        NotWritable: a folder cannot be written.
        CheckpointMismatch: a checkpoint belongs to a run with other settings.
        MissingDependency: the workstation extra is not installed.
    """
    networks = _in_order(recipe, folder, teachers, keep=resume or teachers is not None)
    todo = [
        (number, network, path)
        for number, (network, path) in enumerate(networks, 1)
        if path == folder or not ((resume or teachers) and is_finished(path, network))
    ]
    for _, _, path in todo:
        require_writable(path)
    _keep_compilations()
    if len(todo) > 1:
        listener.on_plan(_estimates([one[1:] for one in todo], mnist, resume=resume))
    for number, network, path in todo:
        listener.on_network(number, len(networks))
        trained = _load([run for _, run in find_teachers(network, path, teachers)])
        _train_network(new_run(network, mnist, trained), path, resume=resume, listener=listener)


def _in_order(
    recipe: Recipe, folder: Path, teachers: Path | None, *, keep: bool
) -> list[tuple[Recipe, Path]]:
    """Return a recipe and its teachers with their folders, each network after those it needs.

    What only a teacher needs that is finished is left out, if finished ones are kept.
    """
    order: list[tuple[Recipe, Path]] = []
    for teacher, path in find_teachers(recipe, folder, teachers):
        if keep and is_finished(path, teacher):
            order.append((teacher, path))
        else:
            order += _in_order(teacher, path, teachers, keep=keep)
    return [*order, (recipe, folder)]


def find_teachers(recipe: Recipe, folder: Path, teachers: Path | None) -> list[tuple[Recipe, Path]]:
    """Return the recipe of each teacher with the folder of its run, finished or not.

    Args:
        recipe: the student's.
        folder: of the student's run, which has room for teachers.
        teachers: another folder of runs; one that is finished counts, whatever its name.
    """
    wanted = recipe.teachers
    if teachers is None:
        return [
            (teacher, folder / TEACHERS_FOLDER / str(number))
            for number, teacher in enumerate(wanted, 1)
        ]
    runs = sorted(teachers.iterdir()) if teachers.is_dir() else []
    return [
        (
            teacher,
            next(
                (run for run in runs if is_finished(run, teacher)),
                teachers / f"{teacher.name}-{teacher.seed}",
            ),
        )
        for teacher in wanted
    ]


def new_run(recipe: Recipe, mnist: Mnist, teachers: Sequence[keras.Model]) -> Run:
    """Begin a run in the quickest way that Keras' backend has for the recipe."""
    if accelerated_run.is_supported(recipe):
        return accelerated_run.AcceleratedRun(recipe, mnist, teachers)
    return Run(recipe, mnist, teachers)


def _load(folders: Sequence[Path]) -> list[keras.Model]:
    load_model = frameworks.import_keras().models.load_model
    return [load_model(folder / MODEL_FILE, compile=False) for folder in folders]


def _keep_compilations() -> None:
    """Keep an accelerator's compiled programs in the cache, if there is one and a cache."""
    if frameworks.import_keras().backend.backend() == "jax" and frameworks.has_accelerator():
        try:
            frameworks.keep_compilations(cache_folder() / "jax")
        except NotWritable:
            return


def _estimates(
    networks: Sequence[tuple[Recipe, Path]], mnist: Mnist, *, resume: bool
) -> list[Estimate]:
    """Time a few steps of each network; those that differ by their seed alone are timed once."""
    seconds_per_step: dict[str, float] = {}
    plan = []
    for network, folder in networks:
        # How long a teacher takes to answer does not depend on what it has learned.
        untrained = [teacher.network() for teacher in network.teachers]
        run = new_run(network, mnist, untrained)
        steps = run.total_steps - _restore(run, folder, resume=resume)
        kind = str(recipe_settings(replace(network, seed=0)))
        if kind not in seconds_per_step:
            seconds_per_step[kind] = run.seconds_per_step()
        seconds = steps * seconds_per_step[kind]
        plan.append(Estimate(name=network.name, seed=network.seed, seconds=seconds))
    return plan


def _restore(run: Run, folder: Path, *, resume: bool) -> int:
    """Continue from the folder's checkpoint, if that is wanted, and return the steps done."""
    checkpoint = folder / CHECKPOINT_FILE
    if resume and checkpoint.is_file():
        settings = recipe_settings(run.recipe)
        run.progress = restore_checkpoint(checkpoint, run.variables(), settings=settings)
    return run.progress.step


def _train_network(run: Run, folder: Path, *, resume: bool, listener: TrainingListener) -> None:
    """Train one network whose teachers are already trained."""
    checkpoint = folder / CHECKPOINT_FILE
    listener.on_start(run.summary, _restore(run, folder, resume=resume), run.total_steps)
    saved = 0.0
    while run.progress.step < run.total_steps:
        record = run.train_round(listener)
        if time.monotonic() >= saved + _CHECKPOINT_SECONDS:
            settings = recipe_settings(run.recipe)
            save_checkpoint(checkpoint, run.progress, run.variables(), settings=settings)
            saved = time.monotonic()
        listener.on_round(record)
    _write_results(run, folder)
    checkpoint.unlink(missing_ok=True)


def _write_results(run: Run, folder: Path) -> None:
    """Write the results, the record last: if it exists, so do the others."""
    with run.averaged_weights():
        weights = run.model.get_weights()
    # A fresh network, since the compiled one would be saved with our optimizer and metrics.
    network = run.recipe.network()
    network.set_weights(weights)
    with replacing(folder / MODEL_FILE) as temporary:
        network.save(temporary)
    progress = run.progress
    backend = frameworks.import_keras().backend.backend()
    record = TrainingRecord(
        settings=recipe_settings(run.recipe),
        data_sha256=SHA256,
        parameters=network.count_params(),
        versions={**frameworks.package_versions(), "keras backend": backend},
        rounds=progress.rounds,
        losses=progress.losses,
        seconds=round(progress.seconds, 1),
    )
    with replacing(folder / CURVES_FILE) as temporary:
        draw_curves(record.rounds, record.losses, temporary, title=run.recipe.name)
    write_json(folder / RECORD_FILE, record.to_dict())
