"""One fine-tuning run: what a round is made of, what teaches, and when to stop.

Each round mixes the user's pictures, changed anew, with other digits of MNIST and other outliers.
The network that it began as teaches it (``losses``): where that one is right, its probabilities are
the target, and where it is not, those that it has for digits of the picture's label. Batch
normalization keeps its statistics, which a few pictures cannot improve.
"""

from __future__ import annotations

import hashlib
import math
import time
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mnist_edge import CLASSES
from mnist_edge.data.mnist import Digits, Mnist
from mnist_edge.errors import InvalidValue
from mnist_edge.metrics.confidence import count_correct, softmax
from mnist_edge.modelstore.manifest import Lineage, OperatingPoints
from mnist_edge.training import augmentation, frameworks, optimizers
from mnist_edge.training.checkpoint import Progress
from mnist_edge.training.input_pipeline import in_batches
from mnist_edge.training.losses import (
    NO_DIGIT,
    corrected_targets,
    cross_entropy,
    label_probabilities,
)
from mnist_edge.training.outliers.generator import (
    LOOKALIKE_KINDS,
    TRAINING_KINDS,
    draw_outliers,
)
from mnist_edge.training.pen_width import change_pen, measure_pen_widths
from mnist_edge.training.training_run import RunListener, predict_logits, shaped

if TYPE_CHECKING:
    import keras

_DIGITS = 3_000
"""MNIST digits in a round, drawn anew for each."""
_PENNED = 1_000
"""How many of them are written with the user's pens."""
_OUTLIERS = 1_000
"""Outliers in a round."""
_DRAWN_OUTLIERS = 1_500
"""Outliers that they are drawn from."""
_PER_LABEL = 300
"""Copies of the user's pictures of one label in a round: as many as digits of MNIST."""
_MAX_COPIES = 50
"""Copies of one picture in a round, at most."""
_ALPHA, _TEMPERATURE = 0.9, 3.0
"""Of the distillation, as in the recipe ``edge``."""
_SHARES = (0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
"""Shares of the best weights in the result that are tried."""
_GAINED = 0.98
"""Part of what training took off the cross-entropy of the user's pictures, changed anew, that a
share has to reach. It is relative, since where one digit in a hundred is misread there is little to
take off."""
_BLEND_COPIES = 1_000
"""Copies of the user's pictures that a share is chosen on."""
_MAX_MORE_ERRORS = 0.2
"""By how much the misreadings of MNIST's validation digits may grow, relative to the parent's,
before a smaller share is taken: of edge's 15 in 5,000 by three."""
_PATIENCE = 3
"""Rounds without an improvement on the watched pictures after which training stops."""


@dataclass(frozen=True, kw_only=True)
class FineTuning:
    """How a network is fine-tuned; validated when it is created."""

    rounds: int = 8
    """Rounds, at most."""
    learning_rate: float = 0.001
    """The highest learning rate of Adam."""
    batch_size: int = 128
    """Pictures per step."""
    seed: int = 1
    """Seed of the order, the augmentation and the outliers."""

    def __post_init__(self) -> None:
        for what, value in (("epochs", self.rounds), ("batch size", self.batch_size)):
            if value < 1:
                raise InvalidValue(f"{what} {value} must be at least 1")
        if not (math.isfinite(self.learning_rate) and self.learning_rate > 0):
            raise InvalidValue(f"learning rate {self.learning_rate} must be above 0")
        if not 0 <= self.seed < 2**32:
            raise InvalidValue(f"seed {self.seed} is outside 0..{2**32 - 1}")


@dataclass(frozen=True, kw_only=True)
class Lesson:
    """What a network is taught; labels are 0..9, and ``NO_DIGIT`` for pictures of no digit."""

    name: str
    """What the new network is called."""
    learned: Digits
    """The user's pictures to learn from."""
    watched: Digits
    """The user's pictures that tell when to stop; perhaps none."""
    lineage: Lineage
    """Where the network and the pictures come from, for the manifest."""
    parent_points: OperatingPoints | None
    """The operating points of the model that is fine-tuned, if it has any."""
    sha256: tuple[str, ...]
    """Of the files that are learned or watched, so that a report can leave them out."""

    def __post_init__(self) -> None:
        digits = np.unique(self.learned.labels[self.learned.labels != NO_DIGIT])
        if len(digits) < 2:
            found = f"only the digit {digits[0]}" if len(digits) else "no digit"
            raise InvalidValue(
                f"the pictures to learn from show {found}: a network that is taught a single digit "
                "reads it everywhere; add pictures of other digits"
            )


class FineTuningRun:
    """The state of a fine-tuning."""

    def __init__(
        self, parent: keras.Model, lesson: Lesson, mnist: Mnist, settings: FineTuning
    ) -> None:
        keras = frameworks.import_keras()
        keras.utils.set_random_seed(settings.seed)
        self.lesson = lesson
        self._parent, self._mnist, self._tuning = parent, mnist, settings
        self._outliers = draw_mixed_outliers(_DRAWN_OUTLIERS, mnist, settings.seed)
        own = lesson.learned
        self._pen_widths = measure_pen_widths(own.images[own.labels != NO_DIGIT])
        digits = mnist.validation
        self._label_targets = label_probabilities(
            predict_logits(parent, digits), digits.labels, temperature=_TEMPERATURE
        )
        self._model = keras.models.clone_model(parent)
        self._model.set_weights(parent.get_weights())
        for layer in self._model.layers:
            if isinstance(layer, keras.layers.BatchNormalization):
                layer.trainable = False
        self._round_steps = math.ceil(len(self.round_pictures(0)) / settings.batch_size)
        self.total_steps = settings.rounds * self._round_steps
        self._model.compile(
            optimizer=optimizers.adam_one_cycle(
                settings.learning_rate, self._round_steps, self.total_steps
            ),
            loss=cross_entropy(
                reduction="sum_over_batch_size", alpha=_ALPHA, temperature=_TEMPERATURE
            ),
            jit_compile=keras.backend.backend() == "jax",
        )
        self._model.optimizer.build(self._model.trainable_variables)
        # The best weights, in variables of their own, so that a checkpoint holds them.
        self.best = [keras.Variable(value) for value in parent.get_weights()]
        self.progress = Progress()
        learned, watched = lesson.learned, lesson.watched
        self.summary = (
            f"{len(learned)} pictures to learn from, {len(watched)} to watch, "
            f"{self._round_steps} steps a round"
        )
        self.settings = {
            **asdict(settings),
            "name": lesson.name,
            "parent": lesson.lineage.parent_weights_sha256,
            "pictures": _fingerprint(learned, watched),
        }

    @property
    def is_finished(self) -> bool:
        """Whether the rounds are done, or the watched pictures say that it is time to stop."""
        waited = len(self.progress.rounds) - 1 - self.best_round()
        return self.progress.step >= self.total_steps or waited >= _PATIENCE

    def variables(self) -> list[Any]:
        """Return everything that the rest of the run depends on."""
        return [*self._model.variables, *self._model.optimizer.variables, *self.best]

    def train_round(self, listener: RunListener) -> dict[str, float]:
        """Train one round, measure it, and keep its weights if they are the best."""
        started = time.perf_counter()
        progress, model = self.progress, self._model
        pictures = self.round_pictures(len(progress.rounds))
        trained = model.fit(
            **in_batches(
                shaped(pictures.images, model),
                self.targets(pictures),
                size=self._tuning.batch_size,
            ),
            shuffle=False,
            verbose=0,
            callbacks=[_step_caller(progress.step, listener)],
        )
        progress.step += self._round_steps
        record = {
            "step": progress.step,
            "learning_rate": float(model.optimizer.learning_rate),
            "loss": float(trained.history["loss"][-1]),
            **self._scores(model),
        }
        progress.seconds += time.perf_counter() - started
        record["seconds"] = round(progress.seconds, 2)
        progress.rounds.append(record)
        if self.best_round() == len(progress.rounds) - 1:
            for best, value in zip(self.best, model.get_weights(), strict=True):
                best.assign(value)
        return record

    def _scores(self, model: keras.Model) -> dict[str, float]:
        """Measure a network on the user's pictures and on MNIST's validation digits."""
        sets = {"": self.lesson.learned, "val_": self._mnist.validation}
        if len(self.lesson.watched):
            sets["watched_"] = self.lesson.watched
        return {
            f"{prefix}{name}": value
            for prefix, pictures in sets.items()
            for name, value in _score(predict_logits(model, pictures), pictures).items()
        }

    def finish(self) -> tuple[keras.Model, dict[str, float]]:
        """Blend the best weights with the parent's, as far as the user's pictures allow it.

        On the way from the one to the other most of the gain comes before most of the loss
        elsewhere (M. Wortsman et al., Robust Fine-Tuning of Zero-Shot Models, 2022).

        Returns:
            The network, and its record, with ``share``, that of the best weights.
        """
        network = frameworks.import_keras().models.clone_model(self._parent)
        old, new = self._parent.get_weights(), [np.asarray(value) for value in self.best]
        random = np.random.RandomState([self._tuning.seed, len(self.progress.rounds)])
        copies = self._copies(random)
        copies = copies.take(random.permutation(len(copies))[:_BLEND_COPIES])
        copies = Digits(images=augmentation.distorted(copies, random), labels=copies.labels)

        def blend(share: float) -> None:
            pairs = zip(old, new, strict=True)
            network.set_weights([first + share * (last - first) for first, last in pairs])

        def own_loss(share: float) -> float:
            blend(share)
            return _cross_entropy(predict_logits(network, copies), copies.labels)

        def count_errors(share: float) -> int:
            blend(share)
            digits = self._mnist.validation
            return len(digits) - count_correct(predict_logits(network, digits), digits.labels)

        losses = {share: own_loss(share) for share in (0.0, *_SHARES)}
        limit = losses[1.0] + (1 - _GAINED) * (losses[0.0] - losses[1.0])
        enough = next((one for one in _SHARES if losses[one] <= limit), 1.0)
        most_errors = (1 + _MAX_MORE_ERRORS) * count_errors(0.0)
        smaller = (one for one in reversed(_SHARES) if one <= enough)
        share = next((one for one in smaller if count_errors(one) <= most_errors), _SHARES[0])
        blend(share)
        return network, {
            **self.progress.rounds[self.best_round()],
            "share": share,
            **self._scores(network),
        }

    def best_round(self) -> int:
        """Return the round with the lowest loss on the watched pictures; the last without them.

        It is -1 before the first round.
        """
        rounds = self.progress.rounds
        if not rounds or not len(self.lesson.watched):
            return len(rounds) - 1
        return min(range(len(rounds)), key=lambda index: rounds[index]["watched_cross_entropy"])

    def round_pictures(self, number: int) -> Digits:
        """Return the pictures of a round, shuffled and augmented."""
        random = np.random.RandomState([self._tuning.seed, number])
        train = self._mnist.train
        digits = train.take(random.choice(len(train), min(_DIGITS, len(train)), replace=False))
        digits = self.with_own_pens(digits, random)
        outliers = self._outliers[random.permutation(len(self._outliers))[:_OUTLIERS]]
        pictures = joined(self._copies(random), digits, without_digit(outliers))
        pictures = pictures.take(random.permutation(len(pictures)))
        return Digits(images=augmentation.distorted(pictures, random), labels=pictures.labels)

    def with_own_pens(self, digits: Digits, random: np.random.RandomState) -> Digits:
        """Write some digits of MNIST with the user's pens: strokes become as wide as in pictures.

        A few pictures show few of the forms that a pen gives to digits.
        """
        images = digits.images.copy()
        count = min(_PENNED, len(images))
        widths = random.choice(self._pen_widths, count)
        images[:count] = change_pen(images[:count], widths)
        return Digits(images=images, labels=digits.labels)

    def _copies(self, random: np.random.RandomState) -> Digits:
        """Return copies of the user's pictures, alike in number for each label."""
        labels = self.lesson.learned.labels
        chosen = []
        for label in np.unique(labels):
            indices = np.flatnonzero(labels == label)
            wanted = max(len(indices), min(_PER_LABEL, _MAX_COPIES * len(indices)))
            repeats = math.ceil(wanted / len(indices))
            chosen.append(
                np.concatenate([random.permutation(indices) for _ in range(repeats)])[:wanted]
            )
        return self.lesson.learned.take(np.concatenate(chosen))

    def targets(self, pictures: Digits) -> NDArray[np.float32]:
        """Return labels with the teacher's probabilities, corrected where it is wrong."""
        logits = predict_logits(self._parent, pictures)
        return corrected_targets(
            pictures.labels, logits, self._label_targets, temperature=_TEMPERATURE
        )


def draw_mixed_outliers(count: int, mnist: Mnist, seed: int) -> NDArray[np.uint8]:
    """Draw outliers of every kind that recipes train on, ``(count, 28, 28)``."""
    return draw_outliers(
        count,
        digits=mnist.train,
        seed=seed,
        kinds=(*TRAINING_KINDS, *LOOKALIKE_KINDS),
    )


def _score(logits: NDArray[np.float32], pictures: Digits) -> dict[str, float]:
    """Return the accuracy over the digits among some pictures, and the cross-entropy over all."""
    is_digit = pictures.labels != NO_DIGIT
    is_right = logits.argmax(axis=1)[is_digit] == pictures.labels[is_digit]
    return {
        "accuracy": float(is_right.mean()) if len(is_right) else 1.0,
        "cross_entropy": _cross_entropy(logits, pictures.labels),
    }


def _cross_entropy(logits: NDArray[np.float32], labels: NDArray[np.uint8]) -> float:
    """Return the mean cross-entropy, in nats: that with the uniform distribution for no digit."""
    logarithms = np.log(np.maximum(softmax(logits), 1e-30))
    own = logarithms[np.arange(len(labels)), np.minimum(labels, CLASSES - 1).astype(int)]
    uniform = logarithms.mean(axis=1) + math.log(CLASSES)
    return float(-np.where(labels == NO_DIGIT, uniform, own).mean())


def without_digit(outliers: NDArray[np.uint8]) -> Digits:
    """Label pictures as showing no digit."""
    return Digits(images=outliers, labels=np.full(len(outliers), NO_DIGIT, np.uint8))


def joined(*parts: Digits) -> Digits:
    """Join sets of pictures in their order."""
    return Digits(
        images=np.concatenate([part.images for part in parts]),
        labels=np.concatenate([part.labels for part in parts]),
    )


def _fingerprint(*parts: Digits) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part.images.tobytes() + part.labels.tobytes() + b"|")
    return digest.hexdigest()


def _step_caller(done: int, listener: RunListener) -> keras.callbacks.Callback:
    keras = frameworks.import_keras()

    class StepCaller(keras.callbacks.Callback):  # type: ignore[misc, name-defined]  # keras is lazy
        def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
            listener.on_step(done + batch + 1)

    return StepCaller()
