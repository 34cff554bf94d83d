"""Training of a recipe: one loop for all of them, resumable and reproducible from the seed.

A round is the stretch between two validations. After each round everything that the next depends
on (weights, optimizer, dropout's seeds, history) goes into one checkpoint, so that an interrupted
and resumed run ends with exactly the weights of an uninterrupted one. While the network trains on
the pictures of one round, a thread prepares those of the next.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from mnist_edge.data.idx import SHA256
from mnist_edge.data.mnist import Digits, Mnist
from mnist_edge.metrics.confidence import softmax
from mnist_edge.system.files import replacing, require_writable, write_json
from mnist_edge.training.checkpoint import Progress, restore_checkpoint, save_checkpoint
from mnist_edge.training.frameworks import import_keras, package_versions
from mnist_edge.training.input_pipeline import Prefetch, in_batches
from mnist_edge.training.learning_curves import draw_curves
from mnist_edge.training.losses import cross_entropy, digits_only, distillation_targets
from mnist_edge.training.normalization import (
    has_normalization,
    measure_statistics,
    with_fused_normalization,
)
from mnist_edge.training.recipes import Recipe
from mnist_edge.training.training_record import (
    CURVES_FILE,
    MODEL_FILE,
    RECORD_FILE,
    TrainingRecord,
    is_finished,
    recipe_settings,
)
from mnist_edge.training.training_stream import TrainingStream

if TYPE_CHECKING:
    import keras

CHECKPOINT_FILE = "checkpoint.npz"
TEACHERS_FOLDER = "teachers"

_EVALUATION_BATCH_SIZE = 500
"""Digits per batch for inference; it divides 5,000 and 10,000."""
_STATISTICS_SIZE = 5_000
"""Training pictures over which the statistics of averaged weights are measured."""


class TrainingListener(Protocol):
    """An observer of a training run."""

    def on_network(self, number: int, networks: int) -> None:
        """Begin a network, counted from 1: first the teachers, then the recipe's own."""

    def on_start(self, summary: str, step: int, total_steps: int) -> None:
        """Begin the steps, with the network's summary and the first step (above 0 if resumed)."""

    def on_step(self, step: int) -> None:
        """Note that a step is done, counted from 1."""

    def on_round(self, record: dict[str, float]) -> None:
        """Note that a round is done and validated."""


def train(
    recipe: Recipe, mnist: Mnist, folder: Path, *, resume: bool, listener: TrainingListener
) -> None:
    """Train a recipe and write ``model.keras``, ``curves.png`` and ``training.json``.

    Its teachers, if any, are trained first, each in a folder of its own below ``teachers``.

    Args:
        recipe: what to train and how.
        mnist: the train split to learn from, the validation split to watch.
        folder: where the results and the checkpoint go.
        resume: whether to continue from the folder's checkpoint, if there is one.
        listener: observes each step and round.

    Raises:
        NotWritable: the folder cannot be written.
        CheckpointMismatch: the checkpoint belongs to a run with other settings.
        MissingDependency: the workstation extra is not installed.
    """
    teachers = recipe.distillation.teachers if recipe.distillation else ()
    networks = len(teachers) + 1
    teacher_folders = [folder / TEACHERS_FOLDER / str(number) for number in range(1, networks)]
    for path in (folder, *teacher_folders):
        require_writable(path)
    for number, (teacher, path) in enumerate(zip(teachers, teacher_folders, strict=True), 1):
        if resume and is_finished(path, teacher):
            continue
        listener.on_network(number, networks)
        _train_network(_Run(teacher, mnist, []), path, resume=resume, listener=listener)
    keras = import_keras()
    trained = [
        keras.models.load_model(path / MODEL_FILE, compile=False) for path in teacher_folders
    ]
    listener.on_network(networks, networks)
    _train_network(_Run(recipe, mnist, trained), folder, resume=resume, listener=listener)


def predict_logits(model: keras.Model, digits: Digits) -> NDArray[np.float32]:
    """Return a Keras model's logits of all digits, ``(n, 10)``."""
    batches = _batches(digits.images, model)
    return np.concatenate([model.predict_on_batch(batch) for batch in batches])


def _train_network(run: _Run, folder: Path, *, resume: bool, listener: TrainingListener) -> None:
    """Train one network whose teachers are already trained."""
    checkpoint = folder / CHECKPOINT_FILE
    settings = recipe_settings(run.recipe)
    if resume and checkpoint.is_file():
        run.progress = restore_checkpoint(checkpoint, run.variables(), settings=settings)
    listener.on_start(run.summary, run.progress.step, run.total_steps)
    while run.progress.step < run.total_steps:
        record = run.train_round(listener)
        save_checkpoint(checkpoint, run.progress, run.variables(), settings=settings)
        listener.on_round(record)
    _write_results(run, folder)
    checkpoint.unlink(missing_ok=True)


class _Run:
    """A training run: its network, its data, and its progress."""

    def __init__(self, recipe: Recipe, mnist: Mnist, teachers: Sequence[keras.Model]) -> None:
        self.recipe = recipe
        self._validation = mnist.validation
        self._teachers = teachers
        self._stream = TrainingStream(recipe, mnist.train)
        digits = len(mnist.train)
        import_keras().utils.set_random_seed(recipe.seed)
        model = recipe.network()
        self.summary = _summary(model)
        self.model = with_fused_normalization(model) if has_normalization(model) else model
        _compile(self.model, recipe, digits=digits)
        self.total_steps = recipe.total_steps(digits)
        self._round_steps = recipe.validate_every or recipe.steps_per_epoch(digits)
        self.progress = Progress()
        self._next_round: Prefetch[Digits] | None = None

    @cached_property
    def _statistics_sample(self) -> NDArray[np.uint8]:
        """The pictures over which the statistics of averaged weights are measured."""
        return self._stream.sample(_STATISTICS_SIZE)

    @cached_property
    def _validation_targets(self) -> NDArray[Any]:
        return self._targets(self._validation)

    def train_round(self, listener: TrainingListener) -> dict[str, float]:
        """Train up to the next validation, validate, and return the record of the round."""
        started = time.perf_counter()
        progress, number = self.progress, len(self.progress.rounds)
        step, end = progress.step, self._round_end(progress.step)
        pictures = (
            self._next_round.result()
            if self._next_round
            else self._stream.round_pictures(number, step, end)
        )
        self._next_round = (
            Prefetch(partial(self._stream.round_pictures, number + 1, end, self._round_end(end)))
            if end < self.total_steps
            else None
        )
        trained = self.model.fit(
            **in_batches(
                _shaped(pictures.images, self.model),
                self._targets(pictures),
                size=self.recipe.batch_size,
            ),
            shuffle=False,
            verbose=0,
            callbacks=[_step_recorder(self, listener)],
        )
        progress.step = end
        with self.averaged_weights():
            validated = self.model.evaluate(
                **in_batches(
                    _shaped(self._validation.images, self.model),
                    self._validation_targets,
                    # The batch size of training, since a summed loss grows with it.
                    size=self.recipe.batch_size,
                ),
                verbose=0,
                return_dict=True,
            )
        progress.seconds += time.perf_counter() - started
        record = {
            "step": end,
            "learning_rate": float(self.model.optimizer.learning_rate),
            **{name: float(values[-1]) for name, values in trained.history.items()},
            **{f"val_{name}": float(value) for name, value in validated.items()},
            "seconds": round(progress.seconds, 2),
        }
        # The loss of one batch says nothing about a whole round.
        del record["batch_loss"], record["val_batch_loss"]
        gradient = getattr(self.model.optimizer, "mean_absolute_gradient", None)
        if gradient is not None:
            record["mean_absolute_gradient"] = float(gradient)
        progress.rounds.append(record)
        return record

    def variables(self) -> list[Any]:
        """Return all variables of the network and its optimizer."""
        return [*self.model.variables, *self.model.optimizer.variables]

    @contextmanager
    def averaged_weights(self) -> Iterator[None]:
        """Put the optimizer's averaged weights, if it keeps any, into the model for a while."""
        averages = getattr(self.model.optimizer, "averages", None)
        if averages is None:
            yield
            return
        weights = self.model.get_weights()
        for variable, average in zip(self.model.trainable_variables, averages, strict=True):
            variable.assign(average)
        if has_normalization(self.model):
            measure_statistics(self.model, _batches(self._statistics_sample, self.model))
        try:
            yield
        finally:
            self.model.set_weights(weights)

    def _targets(self, pictures: Digits) -> NDArray[Any]:
        """Return the labels, together with the teachers' mean probabilities if there are any."""
        distillation = self.recipe.distillation
        if not distillation:
            return pictures.labels
        probabilities = [
            softmax(predict_logits(teacher, pictures), temperature=distillation.temperature)
            for teacher in self._teachers
        ]
        return distillation_targets(pictures.labels, np.mean(probabilities, axis=0))

    def _round_end(self, step: int) -> int:
        """Return the step that ends the round which begins after ``step``."""
        return min(step + self._round_steps, self.total_steps)


def _compile(model: keras.Model, recipe: Recipe, *, digits: int) -> None:
    keras = import_keras()
    model.compile(
        optimizer=recipe.optimizer(
            recipe.learning_rate, recipe.steps_per_epoch(digits), recipe.total_steps(digits)
        ),
        loss=_loss(recipe),
        metrics=[
            digits_only(keras.metrics.SparseCategoricalAccuracy(name="accuracy")),
            digits_only(
                keras.metrics.SparseCategoricalCrossentropy(from_logits=True, name="cross_entropy")
            ),
            _batch_loss(recipe),
        ],
        # On a CPU, XLA's compilation takes longer than it saves small networks.
        jit_compile=keras.backend.backend() == "jax",
    )
    # Before the first step, so that a checkpoint's values have variables to go to.
    model.optimizer.build(model.trainable_variables)


def _loss(recipe: Recipe) -> keras.losses.Loss:
    if recipe.distillation:
        return cross_entropy(
            reduction=recipe.loss_reduction,
            alpha=recipe.distillation.alpha,
            temperature=recipe.distillation.temperature,
        )
    if recipe.outlier_ratio or recipe.lookalike_ratio:
        return cross_entropy(reduction=recipe.loss_reduction)
    return import_keras().losses.SparseCategoricalCrossentropy(
        from_logits=True, reduction=recipe.loss_reduction
    )


def _batch_loss(recipe: Recipe) -> keras.Metric:
    """Build a metric of the last batch alone; Keras' own are means over the round so far."""
    keras = import_keras()
    loss = _loss(recipe)

    class BatchLoss(keras.Metric):  # type: ignore[misc, name-defined]  # keras is lazy
        def __init__(self) -> None:
            super().__init__(name="batch_loss")
            self.value = self.add_variable((), initializer="zeros", name="value")

        def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
            self.value.assign(loss(y_true, y_pred))

        def result(self) -> Any:
            return keras.ops.convert_to_tensor(self.value)

    return BatchLoss()


def _step_recorder(run: _Run, listener: TrainingListener) -> keras.callbacks.Callback:
    keras = import_keras()
    progress = run.progress
    first = progress.step + 1

    class StepRecorder(keras.callbacks.Callback):  # type: ignore[misc, name-defined]  # keras is lazy
        def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
            step = first + batch
            if logs is not None and step % run.recipe.record_loss_every == 0:
                progress.losses.append((step, float(logs["batch_loss"])))
            listener.on_step(step)

    return StepRecorder()


def _write_results(run: _Run, folder: Path) -> None:
    """Write the results, the record last: if it exists, so do the others."""
    with run.averaged_weights():
        weights = run.model.get_weights()
    # A fresh network, since the compiled one would be saved with our optimizer and metrics.
    network = run.recipe.network()
    network.set_weights(weights)
    with replacing(folder / MODEL_FILE) as temporary:
        network.save(temporary)
    progress = run.progress
    record = TrainingRecord(
        settings=recipe_settings(run.recipe),
        data_sha256=SHA256,
        parameters=network.count_params(),
        versions={**package_versions(), "keras backend": import_keras().backend.backend()},
        rounds=progress.rounds,
        losses=progress.losses,
        seconds=round(progress.seconds, 1),
    )
    with replacing(folder / CURVES_FILE) as temporary:
        draw_curves(record.rounds, record.losses, temporary, title=run.recipe.name)
    write_json(folder / RECORD_FILE, asdict(record))


def _summary(model: keras.Model) -> str:
    lines: list[str] = []
    model.summary(line_length=72, print_fn=lambda line, line_break=True: lines.append(line))
    return "\n".join(lines)


def _shaped(images: NDArray[np.uint8], model: keras.Model) -> NDArray[np.uint8]:
    """Reshape ``(n, 28, 28)`` pixels to the model's input; Keras converts the bytes to floats."""
    return images.reshape(len(images), *model.input_shape[1:])


def _batches(images: NDArray[np.uint8], model: keras.Model) -> Iterator[NDArray[np.uint8]]:
    """Yield the pictures in the model's shape, ``_EVALUATION_BATCH_SIZE`` at a time."""
    shaped = _shaped(images, model)
    for start in range(0, len(shaped), _EVALUATION_BATCH_SIZE):
        yield shaped[start : start + _EVALUATION_BATCH_SIZE]
