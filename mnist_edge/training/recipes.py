"""Training recipes, one function per recipe, each returning a frozen ``Recipe``.

The recipes of the articles keep the articles' settings. Some repeat an article's mistake, which
their names say, so that ``mnist-edge reproduce`` can show what it costs.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from mnist_edge.errors import InvalidValue, UnknownName
from mnist_edge.training import augmentation, networks, optimizers

if TYPE_CHECKING:
    import keras

BuildNetwork = Callable[[], "keras.Model"]
BuildOptimizer = Callable[[float, int, int], "keras.Optimizer"]


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """A network and how to train it; validated when it is created."""

    name: str
    """What ``--recipe`` calls it."""
    network: BuildNetwork
    """Builds the untrained network."""
    optimizer: BuildOptimizer
    """Builds the optimizer from the learning rate, the steps per epoch and the total steps."""
    learning_rate: float
    """The optimizer's learning rate; with a schedule, the maximum."""
    batch_size: int
    """Pictures per step."""
    epochs: int | None = None
    """Passes over the training split; None if ``steps`` is set."""
    steps: int | None = None
    """Total steps; None if ``epochs`` is set."""
    validate_every: int | None = None
    """Steps between validations if ``steps`` is set; otherwise there is one per epoch."""
    record_loss_every: int = 50
    """Steps between recorded losses of single batches."""
    loss_reduction: str = "sum_over_batch_size"
    """Keras' name of the reduction over a batch: the mean by default, or ``sum``."""
    augment: augmentation.Augment = augmentation.unchanged
    """Applied to the training pictures anew in each round."""
    outlier_ratio: float = 0.0
    """Outliers (pictures that show no digit) per training digit, 0..1."""
    lookalike_ratio: float = 0.0
    """Outliers that resemble digits, such as letters, per training digit, 0..1."""
    habit_ratio: float = 0.0
    """Digits drawn in habits that MNIST's writers had little of, per training digit, 0..1."""
    frame_ratio: float = 0.0
    """Digits as the front end hands them on from a camera's frames, per training digit, 0..1."""
    distillation: Distillation | None = None
    """How it learns from teachers, which are trained first; None for labels alone."""
    refinement: Refinement | None = None
    """Which trained network it begins as; None for random weights."""
    compute_dtype: str = "float32"
    """Type that an accelerator computes in, ``float32`` or ``bfloat16``, which is faster for wide
    networks; weights are float32, and a processor computes in it too."""
    seed: int = 1
    """Seed of the initial weights, the order of the digits, dropout and augmentation."""

    def __post_init__(self) -> None:
        if (self.epochs is None) == (self.steps is None):
            raise InvalidValue(f"recipe {self.name}: give either epochs or steps")
        if (self.steps is None) != (self.validate_every is None):
            raise InvalidValue(f"recipe {self.name}: give validate_every with steps, and only then")
        if not (math.isfinite(self.learning_rate) and self.learning_rate > 0):
            raise InvalidValue(f"learning rate {self.learning_rate} must be above 0")
        for what in ("batch_size", "epochs", "steps", "validate_every", "record_loss_every"):
            value = getattr(self, what)
            if value is not None and value < 1:
                raise InvalidValue(f"{what.replace('_', ' ')} {value} must be at least 1")
        for what in ("outlier_ratio", "lookalike_ratio", "habit_ratio", "frame_ratio"):
            ratio = getattr(self, what)
            if not 0 <= ratio <= 1 or (ratio and self.epochs is None):
                raise InvalidValue(
                    f"recipe {self.name}: {what.replace('_', ' ')} {ratio} needs epochs, and 0..1"
                )
        if self.compute_dtype not in {"float32", "bfloat16"}:
            raise InvalidValue(f"compute dtype {self.compute_dtype!r} is not float32 or bfloat16")
        self._check_teachers()
        # numpy's RandomState, which orders the digits, takes 32 bits.
        if not 0 <= self.seed < 2**32:
            raise InvalidValue(f"seed {self.seed} is outside 0..{2**32 - 1}")

    def _check_teachers(self) -> None:
        if self.distillation and self.refinement:
            raise InvalidValue(
                f"recipe {self.name}: a network that is refined is taught by its parent alone"
            )

    def steps_per_epoch(self, digits: int) -> int:
        """Count the steps of one epoch over ``digits``, including a short last batch."""
        return math.ceil((digits + self.drawn_per_epoch(digits)) / self.batch_size)

    def drawn_per_epoch(self, digits: int) -> int:
        """Count the drawn pictures in one epoch over ``digits``: outliers, habits and frames."""
        ratios = (self.outlier_ratio, self.lookalike_ratio, self.habit_ratio, self.frame_ratio)
        return sum(round(ratio * digits) for ratio in ratios)

    def total_steps(self, digits: int) -> int:
        """Count the steps of the whole run."""
        return self.steps or (self.epochs or 0) * self.steps_per_epoch(digits)

    @property
    def teachers(self) -> tuple[Recipe, ...]:
        """The recipes whose networks must be trained before this one, and teach it."""
        if self.refinement:
            return (self.refinement.parent,)
        return self.distillation.teachers if self.distillation else ()

    def with_epochs(self, epochs: int, digits: int) -> Recipe:
        """Return the recipe and its teachers, but no parent, with another length, in its unit."""
        if self.epochs is not None:
            distillation = self.distillation and self.distillation.with_epochs(epochs, digits)
            return replace(self, epochs=epochs, distillation=distillation)
        if epochs < 1:
            raise InvalidValue(f"epochs {epochs} must be at least 1")
        return replace(self, steps=epochs * self.steps_per_epoch(digits))


@dataclass(frozen=True, kw_only=True)
class Distillation:
    """Knowledge distillation from teachers; validated when it is created."""

    teachers: tuple[Recipe, ...]
    """Recipes of the teachers; the student learns the mean of their probabilities."""
    alpha: float
    """Weight of the teachers' probabilities in the loss, above 0 to 1; the labels get the rest."""
    temperature: float
    """Divisor of the teachers' and the student's logits before the softmax, above 0."""

    def __post_init__(self) -> None:
        if not self.teachers or any(teacher.distillation for teacher in self.teachers):
            raise InvalidValue(
                "distillation needs at least one teacher, and none with teachers of its own"
            )
        _check_teaching(self.alpha, self.temperature)

    def with_epochs(self, epochs: int, digits: int) -> Distillation:
        """Return the distillation with teachers trained for ``epochs``."""
        teachers = tuple(teacher.with_epochs(epochs, digits) for teacher in self.teachers)
        return replace(self, teachers=teachers)


@dataclass(frozen=True, kw_only=True)
class Refinement:
    """Training that goes on from another recipe's network, which teaches it what it can.

    Validated when it is created. Where the parent is right its probabilities are the target, and
    where it is not, those that it has for digits of the label (``losses.corrected_targets``).
    """

    parent: Recipe
    """Recipe of the network to begin as."""
    alpha: float
    """Weight of the parent's probabilities in the loss, above 0 to 1; the labels get the rest."""
    temperature: float
    """Divisor of the logits before the softmax, above 0."""
    share: float
    """Share of the trained weights in the result, above 0 to 1; the rest are the parent's. On the
    way from the one to the other most of the gain comes before most of the loss elsewhere
    (M. Wortsman et al., Robust Fine-Tuning of Zero-Shot Models, 2022)."""

    def __post_init__(self) -> None:
        _check_teaching(self.alpha, self.temperature)
        if not 0 < self.share <= 1:
            raise InvalidValue(f"share {self.share} of the trained weights must be in (0, 1]")


def _check_teaching(alpha: float, temperature: float) -> None:
    if not 0 < alpha <= 1:
        raise InvalidValue(f"distillation alpha {alpha} must be above 0 and at most 1")
    if not (math.isfinite(temperature) and temperature > 0):
        raise InvalidValue(f"distillation temperature {temperature} must be above 0")


def softmax_l2() -> Recipe:
    """Train softmax regression with weight decay, passing logits to the loss."""
    return Recipe(
        name="softmax-l2",
        network=networks.softmax_regression_small_start,
        optimizer=optimizers.sgd,
        learning_rate=0.05,
        batch_size=64,
        epochs=20,
    )


def softmax_l2_softmax_twice() -> Recipe:
    """Repeat ``softmax-l2`` with a softmax before a loss that applies its own."""
    return replace(
        softmax_l2(),
        name="softmax-l2-softmax-twice",
        network=networks.softmax_regression_softmax_twice,
    )


def softmax_l2_scaled_twice() -> Recipe:
    """Repeat ``softmax-l2`` with pixels divided by 255 twice."""
    return replace(
        softmax_l2(),
        name="softmax-l2-scaled-twice",
        network=networks.softmax_regression_scaled_twice,
    )


def softmax_l2_both_mistakes() -> Recipe:
    """Repeat ``softmax-l2`` with both mistakes, as in the article."""
    return replace(
        softmax_l2(),
        name="softmax-l2-both-mistakes",
        network=networks.softmax_regression_both_mistakes,
    )


def softmax_1k() -> Recipe:
    """Train softmax regression for a thousand steps and record the loss of each."""
    return Recipe(
        name="softmax-1k",
        network=networks.softmax_regression_wide_start,
        optimizer=optimizers.sgd,
        learning_rate=0.01,
        batch_size=100,
        steps=1_000,
        validate_every=100,
        record_loss_every=1,
        loss_reduction="sum",
    )


def cnn() -> Recipe:
    """Train the article's convolutional network on scaled pixels."""
    return Recipe(
        name="cnn",
        network=networks.article_cnn,
        optimizer=optimizers.adam,
        learning_rate=0.001,
        batch_size=32,
        epochs=10,
    )


def cnn_unscaled() -> Recipe:
    """Repeat ``cnn`` on raw pixels, as in the article."""
    return replace(cnn(), name="cnn-unscaled", network=networks.article_cnn_unscaled)


def mlp_ema() -> Recipe:
    """Train 784-500-10 with a decaying rate, weight decay and averaged weights."""
    return Recipe(
        name="mlp-ema",
        network=networks.mlp_500,
        optimizer=optimizers.averaged_sgd,
        learning_rate=0.8,
        batch_size=100,
        steps=30_000,
        validate_every=1_000,
    )


def mlp_dropout() -> Recipe:
    """Train a dense layer of 128 units with dropout."""
    return Recipe(
        name="mlp-dropout",
        network=networks.mlp_128_dropout,
        optimizer=optimizers.adam,
        learning_rate=0.001,
        batch_size=32,
        epochs=5,
    )


def mlp_dropout_unscaled() -> Recipe:
    """Repeat ``mlp-dropout`` on raw pixels, the mistake that the article warns of."""
    return replace(
        mlp_dropout(), name="mlp-dropout-unscaled", network=networks.mlp_128_dropout_unscaled
    )


def edge() -> Recipe:
    """Train the default model, distilled from three teachers of its own size."""
    teachers = tuple(replace(edge_teacher(), seed=seed) for seed in (1, 2, 3))
    return replace(
        edge_teacher(),
        name="edge",
        network=networks.edge_cnn,
        distillation=Distillation(teachers=teachers, alpha=0.9, temperature=3.0),
    )


def edge_refined() -> Recipe:
    """Refine ``edge`` with digits from small frames, in other habits, and what resembles digits."""
    return replace(
        edge(),
        name="edge-refined",
        learning_rate=0.002,
        batch_size=256,
        epochs=5,
        outlier_ratio=0.25,
        lookalike_ratio=0.12,
        habit_ratio=0.1,
        frame_ratio=0.5,
        distillation=None,
        refinement=Refinement(parent=edge(), alpha=0.9, temperature=3.0, share=0.6),
    )


def edge_teacher() -> Recipe:
    """Train one of the teachers of ``edge``."""
    return Recipe(
        name="edge-teacher",
        network=networks.edge_teacher_cnn,
        optimizer=optimizers.averaged_adam_one_cycle,
        learning_rate=0.005,
        batch_size=192,
        epochs=30,
        augment=augmentation.distorted,
        outlier_ratio=0.5,
    )


def nano() -> Recipe:
    """Train the smallest and quickest model, which needs the most epochs."""
    return replace(
        edge_teacher(),
        name="nano",
        network=networks.nano_cnn,
        learning_rate=0.015,
        epochs=90,
        outlier_ratio=1.0,
    )


def wide() -> Recipe:
    """Train a wide teacher of the patient students."""
    return Recipe(
        name="wide",
        network=networks.wide_cnn,
        optimizer=optimizers.averaged_adamw_one_cycle,
        learning_rate=0.004,
        batch_size=512,
        epochs=60,
        augment=augmentation.distorted,
        outlier_ratio=0.5,
        lookalike_ratio=0.25,
        habit_ratio=0.1,
        compute_dtype="bfloat16",
    )


def wide_residual() -> Recipe:
    """Train a residual teacher, on digits that are distorted less."""
    return replace(
        wide(),
        name="wide-residual",
        network=networks.wide_residual_cnn,
        augment=augmentation.distorted_lightly,
    )


def wide_kernels() -> Recipe:
    """Train a teacher with larger kernels, on digits that are distorted more."""
    return replace(
        wide(),
        name="wide-kernels",
        network=networks.wide_kernels_cnn,
        augment=augmentation.distorted_heavily,
    )


def edge_patient() -> Recipe:
    """Train the layers of ``edge``, taught by three wide networks for a long time.

    Teachers and student see the same distorted digit (L. Beyer et al., Knowledge distillation: A
    good teacher is patient and consistent, 2022).
    """
    return _patient(edge(), learning_rate=0.006, outlier_ratio=0.5)


def nano_patient() -> Recipe:
    """Train the layers of ``nano`` in the same way."""
    return _patient(nano(), learning_rate=0.015, outlier_ratio=0.75)


def micro_patient() -> Recipe:
    """Train the layers of ``micro`` in the same way."""
    return _patient(micro(), learning_rate=0.015, outlier_ratio=0.75)


def _patient(student: Recipe, *, learning_rate: float, outlier_ratio: float) -> Recipe:
    return replace(
        student,
        name=f"{student.name}-patient",
        optimizer=optimizers.slowly_averaged_adam_one_cycle,
        learning_rate=learning_rate,
        batch_size=384,
        epochs=270,
        outlier_ratio=outlier_ratio,
        lookalike_ratio=0.25,
        habit_ratio=0.1,
        distillation=Distillation(
            teachers=(wide(), wide_residual(), wide_kernels()), alpha=0.9, temperature=3.0
        ),
    )


def micro() -> Recipe:
    """Train a model of at most 4 KB of weights, for microcontrollers."""
    return replace(
        edge_teacher(),
        name="micro",
        network=networks.micro_cnn,
        learning_rate=0.015,
        epochs=60,
    )


def quick() -> Recipe:
    """Train a network that exceeds 99 % in two or three minutes, for a first try."""
    return Recipe(
        name="quick",
        network=networks.quick_cnn,
        optimizer=optimizers.adam_one_cycle,
        learning_rate=0.015,
        batch_size=256,
        epochs=12,
        augment=augmentation.shifted,
    )


RECIPES: dict[str, Callable[[], Recipe]] = {
    build().name: build
    for build in (
        edge,
        edge_refined,
        edge_teacher,
        nano,
        micro,
        edge_patient,
        nano_patient,
        micro_patient,
        wide,
        wide_residual,
        wide_kernels,
        quick,
        softmax_l2,
        softmax_1k,
        cnn,
        mlp_ema,
        mlp_dropout,
        softmax_l2_softmax_twice,
        softmax_l2_scaled_twice,
        softmax_l2_both_mistakes,
        cnn_unscaled,
        mlp_dropout_unscaled,
    )
}
"""Every recipe by its name."""


def find_recipe(name: str) -> Recipe:
    """Return the recipe called ``name``.

    Raises:
        UnknownName: there is no such recipe.
    """
    if name not in RECIPES:
        raise UnknownName("recipe", name, RECIPES)
    return RECIPES[name]()
