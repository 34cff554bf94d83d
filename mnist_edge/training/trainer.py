"""Training a recipe: the same loop for all of them, resumable, and the same for the same seed.

The training digits are a stream: one seeded shuffle of the split after another, with pictures of
no digit among them where the recipe wants them. A round is the stretch between two validations.
After each, everything that the next depends on (weights, optimizer, dropout's seeds, history) goes
into one checkpoint, so that an interrupted and resumed run ends with the very weights of one that
was not. While a round's pictures are learnt, the next one's are made.
"""

from __future__ import annotations

import dataclasses
import io
import json
import time
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from mnist_edge.data.idx import SHA256
from mnist_edge.data.mnist import Digits, Mnist
from mnist_edge.errors import CheckpointMismatch
from mnist_edge.metrics.confidence import softmax
from mnist_edge.system.files import replacing, require_writable, write_bytes, write_json
from mnist_edge.training.frameworks import import_keras, versions
from mnist_edge.training.input_pipeline import in_batches
from mnist_edge.training.learning_curves import draw_curves
from mnist_edge.training.losses import NO_DIGIT, cross_entropy, of_digits, with_teaching
from mnist_edge.training.normalization import (
    has_normalization,
    measure_statistics,
    with_fused_normalization,
)
from mnist_edge.training.outliers.generator import TAUGHT, draw
from mnist_edge.training.prefetch import Ahead
from mnist_edge.training.recipes import Recipe

if TYPE_CHECKING:
    import keras

MODEL_FILE = "model.keras"
RECORD_FILE = "training.json"
CURVES_FILE = "curves.png"
CHECKPOINT_FILE = "checkpoint.npz"
TEACHERS_FOLDER = "teachers"

_EVALUATION_BATCH = 500
"""Digits a batch where nothing is learnt; it divides 5,000 and 10,000."""
_MEASURED = 5_000
"""Training pictures over which averaged weights have their statistics measured."""


class Listener(Protocol):
    """Whoever wants to follow a run."""

    def on_network(self, number: int, networks: int) -> None:
        """The run comes to a network, counted from 1, of so many: its teachers, then its own."""

    def on_start(self, summary: str, step: int, total_steps: int) -> None:
        """The network's summary, and the step to start from: above 0 where resumed."""

    def on_step(self, step: int) -> None:
        """A step is done; ``step`` counts from 1."""

    def on_round(self, record: dict[str, float]) -> None:
        """A round is done and validated."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class TrainingRecord:
    """What ``training.json`` says of a run."""

    settings: dict[str, Any]
    """The recipe, field for field; functions by their names."""
    data_sha256: dict[str, str]
    """sha256 of each MNIST file."""
    parameters: int
    """Weights of the network, trained or not."""
    versions: dict[str, str]
    """Version of each package that shapes the result, and Keras' backend."""
    rounds: list[dict[str, float]]
    """One entry a validation: step, learning rate, loss, cross-entropy and accuracy over the
    round's training digits (``val_``: over the validation split), seconds since the start."""
    losses: list[tuple[int, float]]
    """Step and loss of single batches."""
    seconds: float
    """Wall time of all rounds, interruptions not counted."""

    @property
    def validation_accuracy(self) -> float:
        """Of the final weights, 0..1, as Keras computes it."""
        return self.rounds[-1]["val_accuracy"]


def train(recipe: Recipe, mnist: Mnist, folder: Path, *, resume: bool, listener: Listener) -> None:
    """Trains a recipe and writes ``model.keras``, ``curves.png`` and ``training.json``.

    Its teachers, if it has any, are trained first, each into a folder below ``teachers``.

    Args:
        recipe: what to train and how.
        mnist: its train split is learnt from, its validation split watched.
        folder: where the results and the checkpoint go.
        resume: go on from the folder's checkpoint if there is one.
        listener: told of each step and round.

    Raises:
        NotWritable: the folder cannot be written.
        CheckpointMismatch: the checkpoint is of a run with other settings.
        MissingDependency: the workstation extra is not installed.
    """
    taught_by = recipe.teaching.teachers if recipe.teaching else ()
    networks = len(taught_by) + 1
    rooms = [folder / TEACHERS_FOLDER / str(number) for number in range(1, networks)]
    for one in (folder, *rooms):
        require_writable(one)
    for number, (teacher, room) in enumerate(zip(taught_by, rooms, strict=True), 1):
        if resume and finished(room, teacher):
            continue
        listener.on_network(number, networks)
        _train(_Run(teacher, mnist, []), room, resume=resume, listener=listener)
    keras = import_keras()
    teachers = [keras.models.load_model(room / MODEL_FILE, compile=False) for room in rooms]
    listener.on_network(networks, networks)
    _train(_Run(recipe, mnist, teachers), folder, resume=resume, listener=listener)


def _train(run: _Run, folder: Path, *, resume: bool, listener: Listener) -> None:
    """Trains one network, whatever teaches it being at hand."""
    checkpoint = folder / CHECKPOINT_FILE
    if resume and checkpoint.is_file():
        run.restore(checkpoint)
    listener.on_start(run.summary, run.step, run.total_steps)
    while run.step < run.total_steps:
        record = run.round(listener)
        run.save(checkpoint)
        listener.on_round(record)
    _finish(run, folder)
    checkpoint.unlink(missing_ok=True)


def finished(folder: Path, recipe: Recipe) -> bool:
    """Whether the folder holds a finished run of this very recipe."""
    try:
        record = read_record(folder)
    except (OSError, ValueError, TypeError):
        return False
    return (folder / MODEL_FILE).is_file() and record.settings == settings(recipe)


def read_record(folder: Path) -> TrainingRecord:
    """What ``training.json`` says.

    Raises:
        OSError: there is none.
        ValueError, TypeError: it is damaged.
    """
    document = json.loads((folder / RECORD_FILE).read_text(encoding="utf-8"))
    return TrainingRecord(**document)


def settings(recipe: Recipe) -> dict[str, Any]:
    """A recipe as JSON has it: functions by their names, teachers by their own settings."""
    fields = ((field.name, getattr(recipe, field.name)) for field in dataclasses.fields(recipe))
    found = {name: value.__name__ if callable(value) else value for name, value in fields}
    if recipe.teaching:
        teachers = [settings(teacher) for teacher in recipe.teaching.teachers]
        found["teaching"] = dataclasses.asdict(recipe.teaching) | {"teachers": teachers}
    return found


def evaluate(model: keras.Model, digits: Digits) -> NDArray[np.float32]:
    """A Keras model's logits, ``(n, 10)``, of all digits."""
    return np.concatenate([model.predict_on_batch(part) for part in _parts(digits.images, model)])


class _Run:
    """A run under way: what it depends on, and how far it is."""

    def __init__(self, recipe: Recipe, mnist: Mnist, teachers: Sequence[keras.Model]) -> None:
        self.recipe = recipe
        self.mnist = mnist
        self.teachers = teachers
        digits = len(mnist.train)
        import_keras().utils.set_random_seed(recipe.seed)
        model = recipe.network()
        self.summary = _summary(model)
        self.model = with_fused_normalization(model) if has_normalization(model) else model
        _compile(self.model, recipe, digits=digits)
        self.total_steps = recipe.total_steps(digits)
        self.round_steps = recipe.validate_every or recipe.steps_per_epoch(digits)
        self.step = 0
        self.rounds: list[dict[str, float]] = []
        self.losses: list[tuple[int, float]] = []
        self.seconds = 0.0
        self._ahead: Ahead[tuple[NDArray[np.uint8], NDArray[np.uint8]]] | None = None

    @cached_property
    def _nondigits(self) -> Digits:
        """The pictures of no digit of every epoch; they are changed each time as digits are."""
        train = self.mnist.train
        count = self.recipe.nondigits_per_epoch(len(train))
        if not count:
            return train.take(np.empty(0, np.int64))
        images = draw(count, digits=train, seed=self.recipe.seed, kinds=TAUGHT)
        return Digits(images=images, labels=np.full(count, NO_DIGIT, np.uint8))

    @cached_property
    def _sample(self) -> NDArray[np.uint8]:
        """The training pictures over which averaged weights have their statistics measured."""
        images, _ = self._changed(self._epoch(0), 0)
        return images[:_MEASURED].copy()

    @cached_property
    def _validation_targets(self) -> NDArray[Any]:
        return self._targets(self.mnist.validation)

    def round(self, listener: Listener) -> dict[str, float]:
        """Trains up to the next validation, validates, and gives the record of it."""
        started = time.perf_counter()
        turn, after = len(self.rounds), self._round_end(self.step)
        images, labels = self._ahead.result() if self._ahead else self._pictures(turn, self.step)
        more = after < self.total_steps
        self._ahead = Ahead(partial(self._pictures, turn + 1, after)) if more else None
        trained = self.model.fit(
            **in_batches(
                _shaped(images, self.model),
                self._targets(Digits(images=images, labels=labels)),
                size=self.recipe.batch_size,
            ),
            shuffle=False,
            verbose=0,
            callbacks=[_step_recorder(self, listener)],
        )
        self.step = after
        with self.averaged_weights():
            validated = self.model.evaluate(
                **in_batches(
                    _shaped(self.mnist.validation.images, self.model),
                    self._validation_targets,
                    # The recipe's own, since a summed loss grows with it.
                    size=self.recipe.batch_size,
                ),
                verbose=0,
                return_dict=True,
            )
        self.seconds += time.perf_counter() - started
        record = {
            "step": self.step,
            "learning_rate": float(self.model.optimizer.learning_rate),
            **{name: float(values[-1]) for name, values in trained.history.items()},
            **{f"val_{name}": float(value) for name, value in validated.items()},
            "seconds": round(self.seconds, 2),
        }
        # One batch's loss says nothing of a whole round.
        del record["batch_loss"], record["val_batch_loss"]
        gradient = getattr(self.model.optimizer, "mean_absolute_gradient", None)
        if gradient is not None:
            record["mean_absolute_gradient"] = float(gradient)
        self.rounds.append(record)
        return record

    def save(self, path: Path) -> None:
        """Writes the checkpoint, whole or not at all."""
        state = {
            "settings": settings(self.recipe),
            "step": self.step,
            "rounds": self.rounds,
            "losses": self.losses,
            "seconds": self.seconds,
        }
        stream = io.BytesIO()
        np.savez(
            stream,
            *[np.asarray(variable) for variable in self._variables()],
            state=np.array(json.dumps(state)),
        )
        write_bytes(path, stream.getvalue())

    def restore(self, path: Path) -> None:
        """Goes back to where the checkpoint was written."""
        try:
            # numpy leaves a path's file open where it is no archive.
            with np.load(io.BytesIO(path.read_bytes())) as archive:
                state = json.loads(str(archive["state"]))
                values = [archive[f"arr_{index}"] for index in range(len(archive.files) - 1)]
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
            raise CheckpointMismatch(
                f"{path} is no checkpoint ({error}); train anew without --resume"
            ) from error
        variables = self._variables()
        if state["settings"] != settings(self.recipe) or len(values) != len(variables):
            raise CheckpointMismatch(
                f"{path} is of a run with other settings; give the same settings, "
                "or train anew without --resume"
            )
        for variable, value in zip(variables, values, strict=True):
            variable.assign(value)
        self.step, self.rounds = state["step"], state["rounds"]
        self.losses = [(step, loss) for step, loss in state["losses"]]
        self.seconds = state["seconds"]

    def _variables(self) -> list[Any]:
        return [*self.model.variables, *self.model.optimizer.variables]

    @contextmanager
    def averaged_weights(self) -> Iterator[None]:
        """Puts the optimizer's averaged weights, if it keeps any, into the model for a while."""
        averages = getattr(self.model.optimizer, "averages", None)
        if averages is None:
            yield
            return
        kept = self.model.get_weights()
        for variable, average in zip(self.model.trainable_variables, averages, strict=True):
            variable.assign(average)
        if has_normalization(self.model):
            measure_statistics(self.model, _parts(self._sample, self.model))
        try:
            yield
        finally:
            self.model.set_weights(kept)

    def _pictures(self, turn: int, step: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """A round's pictures and labels: an epoch, or what its steps take of the stream."""
        in_epochs = self.recipe.epochs is not None
        return self._changed(self._epoch(turn) if in_epochs else self._stretch(step), turn)

    def _changed(self, pictures: Digits, turn: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        random = np.random.RandomState((self.recipe.seed + turn) % 2**32)
        return self.recipe.augment(pictures, random), pictures.labels

    def _targets(self, pictures: Digits) -> NDArray[Any]:
        """What is to be learnt of pictures: the labels, and what teachers make of them."""
        teaching = self.recipe.teaching
        if not teaching:
            return pictures.labels
        probabilities = [
            softmax(evaluate(teacher, pictures), temperature=teaching.temperature)
            for teacher in self.teachers
        ]
        return with_teaching(pictures.labels, np.mean(probabilities, axis=0))

    def _epoch(self, epoch: int) -> Digits:
        """All digits once, and their share of pictures of no digit."""
        train, others = self.mnist.train, self._nondigits
        if not len(others):
            return train.take(self._order(epoch, len(train)))
        pictures = Digits(
            images=np.concatenate((train.images, others.images)),
            labels=np.concatenate((train.labels, others.labels)),
        )
        return pictures.take(self._order(epoch, len(pictures)))

    def _stretch(self, step: int) -> Digits:
        """What the round from a step on takes of the stream of digits."""
        total = len(self.mnist.train)
        start, stop = (at * self.recipe.batch_size for at in (step, self._round_end(step)))
        first, last = start // total, (stop - 1) // total
        stream = np.concatenate([self._order(epoch, total) for epoch in range(first, last + 1)])
        return self.mnist.train.take(stream[start - first * total : stop - first * total])

    def _round_end(self, step: int) -> int:
        """The step that ends the round which begins after ``step``."""
        return min(step + self.round_steps, self.total_steps)

    def _order(self, epoch: int, digits: int) -> NDArray[np.int64]:
        random = np.random.RandomState([self.recipe.seed, epoch])
        return random.permutation(digits).astype(np.int64)


def _compile(model: keras.Model, recipe: Recipe, *, digits: int) -> None:
    keras = import_keras()
    model.compile(
        optimizer=recipe.optimizer(
            recipe.learning_rate, recipe.steps_per_epoch(digits), recipe.total_steps(digits)
        ),
        loss=_loss(recipe),
        metrics=[
            of_digits(keras.metrics.SparseCategoricalAccuracy(name="accuracy")),
            of_digits(
                keras.metrics.SparseCategoricalCrossentropy(from_logits=True, name="cross_entropy")
            ),
            _batch_loss(recipe),
        ],
        # Compiling for the CPU costs small networks more than it gains them.
        jit_compile=keras.backend.backend() == "jax",
    )
    # Before the first step, so that a checkpoint has somewhere to go.
    model.optimizer.build(model.trainable_variables)


def _loss(recipe: Recipe) -> keras.losses.Loss:
    if recipe.teaching:
        return cross_entropy(
            reduction=recipe.loss_reduction,
            teaching=recipe.teaching.share,
            temperature=recipe.teaching.temperature,
        )
    if recipe.nondigits:
        return cross_entropy(reduction=recipe.loss_reduction)
    return import_keras().losses.SparseCategoricalCrossentropy(
        from_logits=True, reduction=recipe.loss_reduction
    )


def _batch_loss(recipe: Recipe) -> keras.Metric:
    """A metric of the last batch alone; Keras' own are means since the round began."""
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


def _step_recorder(run: _Run, listener: Listener) -> keras.callbacks.Callback:
    keras = import_keras()
    first = run.step + 1

    class StepRecorder(keras.callbacks.Callback):  # type: ignore[misc, name-defined]  # keras is lazy
        def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
            step = first + batch
            if logs is not None and step % run.recipe.record_loss_every == 0:
                run.losses.append((step, float(logs["batch_loss"])))
            listener.on_step(step)

    return StepRecorder()


def _finish(run: _Run, folder: Path) -> None:
    """Writes the results, the record last: where it is, the others are."""
    with run.averaged_weights():
        weights = run.model.get_weights()
    # A network that was never compiled has no optimizer or metric of ours to be loaded with.
    network = run.recipe.network()
    network.set_weights(weights)
    with replacing(folder / MODEL_FILE) as temporary:
        network.save(temporary)
    record = TrainingRecord(
        settings=settings(run.recipe),
        data_sha256=SHA256,
        parameters=network.count_params(),
        versions={**versions(), "keras backend": import_keras().backend.backend()},
        rounds=run.rounds,
        losses=run.losses,
        seconds=round(run.seconds, 1),
    )
    with replacing(folder / CURVES_FILE) as temporary:
        draw_curves(record.rounds, record.losses, temporary, title=run.recipe.name)
    write_json(folder / RECORD_FILE, dataclasses.asdict(record))


def _summary(model: keras.Model) -> str:
    lines: list[str] = []
    model.summary(line_length=72, print_fn=lambda line, line_break=True: lines.append(line))
    return "\n".join(lines)


def _shaped(images: NDArray[np.uint8], model: keras.Model) -> NDArray[np.uint8]:
    """``(n, 28, 28)`` pixels in the shape of the model's input; Keras widens the bytes itself."""
    return images.reshape(len(images), *model.input_shape[1:])


def _parts(images: NDArray[np.uint8], model: keras.Model) -> Iterator[NDArray[np.uint8]]:
    """The pictures as the model takes them, ``_EVALUATION_BATCH`` at a time."""
    shaped = _shaped(images, model)
    for start in range(0, len(shaped), _EVALUATION_BATCH):
        yield shaped[start : start + _EVALUATION_BATCH]
