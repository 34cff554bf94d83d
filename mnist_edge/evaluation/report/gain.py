"""What a fine-tuned model gained on its owner's pictures, and what it lost elsewhere.

Both models read the same pictures: the owner's that were held out, MNIST's test digits, pictures of
no digit, and corrupted digits. What was learned is left out, by the hashes in ``training.json``.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mnist_edge import __version__
from mnist_edge.data.corruptions import CORRUPTIONS, corrupt
from mnist_edge.data.mnist import Digits
from mnist_edge.errors import DataUnavailable, InvalidValue, MissingDependency, PictureError
from mnist_edge.evaluation.report.results import GateResult, ImageProblem
from mnist_edge.inference.classifier import Classifier, Prediction
from mnist_edge.inference.hypotheses import decide_by_each
from mnist_edge.inference.training_pictures import FoundLabel
from mnist_edge.metrics.intervals import Interval
from mnist_edge.metrics.paired import compare_answers
from mnist_edge.preprocessing.pipeline import trace_preprocessing
from mnist_edge.system.files import read_regular_file
from mnist_edge.system.text import percent, signed

OWN, MNIST, NO_DIGIT, HARD = "your pictures", "MNIST test", "no digit", "hard pictures"
"""The sets of pictures."""
_NONE = 10
"""Stands for no digit, as an answer and as a label."""
_NO_DIGITS = 600
"""Pictures of no digit: a hundred of each kind that no recipe trains on."""
_NO_DIGIT_SEED = 2_000_003
"""Of the drawing; recipes use small ones."""
_HARD_PER_KIND = 20
"""MNIST test digits that each kind of corruption is applied to."""
_RECORD_FILE = "training.json"
"""The record of a training run, beside its model."""


@dataclass(frozen=True, kw_only=True)
class SetGain:
    """How two models answer one set of pictures."""

    name: str
    """Name of the set."""
    pictures: int
    """Number of pictures."""
    before: float
    """Share that the old model answers right, 0..1: of MNIST, its most probable digits; of pictures
    of no digit, those that it does not answer."""
    after: float
    """The same of the new model."""
    gain_points: float
    """New minus old, in percentage points; a loss is negative."""
    gain_interval: Interval
    """95 % confidence interval of the gain, paired, in percentage points."""


@dataclass(frozen=True, kw_only=True)
class ChangedAnswer:
    """One of the owner's pictures that the models answer differently."""

    path: str
    """The file."""
    label: str
    """``0`` to ``9``, or ``x``."""
    before: str
    """The old model's answer: a digit, or ``-``."""
    after: str
    """The new model's answer."""


@dataclass(frozen=True, kw_only=True)
class GainReport:
    """The comparison of a fine-tuned model with the model that it replaces."""

    mnist_edge: str = __version__
    """Version of this package."""
    model: str
    """Name of the new model."""
    old_model: str
    """Name of the old one."""
    lineage: str | None
    """Where the new model comes from."""
    sets: tuple[SetGain, ...]
    """The owner's pictures first."""
    learned: int
    """Pictures that were left out because the model has learned them."""
    changed: tuple[ChangedAnswer, ...]
    """The owner's pictures whose answer changed."""
    unreadable: tuple[ImageProblem, ...]
    """Pictures that could not be read."""
    left_out: tuple[str, ...]
    """Sets that could not be measured, with the reason."""
    gates: tuple[GateResult, ...] = ()
    """What was demanded."""

    def of(self, name: str) -> SetGain:
        """Return the set of a name."""
        return next(one for one in self.sets if one.name == name)

    @property
    def is_better(self) -> bool:
        """Whether the gain on the owner's pictures is more than chance explains."""
        return self.of(OWN).gain_interval.low > 0

    @property
    def verdict(self) -> str:
        """Whether to take the new model, and what it costs beyond chance."""
        own = self.of(OWN)
        figures = (
            f"{percent(own.before, 1)} to {percent(own.after, 1)} of {own.pictures} held-out "
            f"pictures ({signed(own.gain_points, 1)} points, 95 % interval "
            f"{signed(own.gain_interval.low, 1)} to {signed(own.gain_interval.high, 1)})"
        )
        missed = [gate.name for gate in self.gates if not gate.passed and gate.name != MIN_GAIN]
        if missed:
            return f"Keep {self.old_model}: {', '.join(missed)} was missed; {figures}."
        if not self.is_better:
            return f"Not shown to be better, keep {self.old_model}: {figures}."
        lost = [
            f"{one.name} {signed(one.gain_points, 1)} points"
            for one in self.sets
            if one.gain_interval.high < 0
        ]
        cost = f" Lost, more than by chance: {', '.join(lost)}." if lost else ""
        return f"Better on your pictures, take {self.model}: {figures}.{cost}"


MIN_GAIN, MAX_LOSS_MNIST = "--min-gain", "--max-loss-mnist"
"""The gates, by their options."""


@dataclass(frozen=True, kw_only=True)
class GainLimits:
    """What is demanded of a new model; None switches a gate off.

    Raises:
        InvalidValue: a limit is nan.
    """

    min_gain: float | None = None
    """Points on the owner's pictures that the lower end of the interval must reach."""
    max_loss_mnist: float | None = None
    """Points that MNIST's test digits may lose, as measured."""

    def __post_init__(self) -> None:
        for name, limit in ((MIN_GAIN, self.min_gain), (MAX_LOSS_MNIST, self.max_loss_mnist)):
            if limit is not None and math.isnan(limit):
                raise InvalidValue(f"{name} is nan; expected a number (points)")

    def check(self, sets: Sequence[SetGain]) -> tuple[GateResult, ...]:
        """Hold the sets against the limits."""
        gains = {one.name: one for one in sets}
        gates = []
        if self.min_gain is not None:
            low = gains[OWN].gain_interval.low
            gates.append(_gate(MIN_GAIN, self.min_gain, low, passed=low >= self.min_gain))
        if self.max_loss_mnist is not None:
            loss = -gains[MNIST].gain_points or 0.0
            gates.append(
                _gate(MAX_LOSS_MNIST, self.max_loss_mnist, loss, passed=loss <= self.max_loss_mnist)
            )
        return tuple(gates)


def _gate(name: str, limit: float, value: float, *, passed: bool) -> GateResult:
    return GateResult(
        name=name, limit=limit, value=value, unit="points", scheme="int8", passed=passed
    )


def learned_files(model_folder: Path) -> frozenset[str]:
    """Return the sha256 of the files that a model has learned, from its ``training.json``.

    Empty for a model without one, or one that was not fine-tuned.
    """
    try:
        document = json.loads(read_regular_file(model_folder / _RECORD_FILE))
        return frozenset(map(str, document.get("learned_sha256", ())))
    except (OSError, ValueError, AttributeError, TypeError, RecursionError):
        return frozenset()


def count_gain_steps(found: Sequence[FoundLabel], test: Digits) -> int:
    """Return how many pictures ``measure_gain`` reads."""
    return len(found) + len(test) + _NO_DIGITS + _HARD_PER_KIND * len(CORRUPTIONS)


def measure_gain(
    old: Classifier,
    new: Classifier,
    found: Sequence[FoundLabel],
    test: Digits,
    *,
    learned: Collection[str],
    limits: GainLimits,
    on_progress: Callable[[int], None],
) -> GainReport:
    """Compare two models.

    Args:
        old: the model that is to be replaced.
        new: the model that was fine-tuned.
        found: the owner's labelled pictures, from ``find_training_pictures``.
        test: MNIST's test digits.
        learned: sha256 of files that the new model has learned, which are left out.
        limits: the gates.
        on_progress: called with the number of pictures read since the last call.

    Raises:
        DataUnavailable: none of the pictures was held out.
    """
    own = _read_own([old, new], found, learned, on_progress)
    if not len(own.labels):
        raise DataUnavailable(
            f"none of the {len(found)} pictures can be measured: {own.learned} were learned, "
            f"{len(own.unreadable)} are unreadable; add pictures that the model has not learned"
        )
    sets = [_compare(OWN, own.before, own.after, own.labels)]
    before, after = (_most_probable(one, test.images) for one in (old, new))
    on_progress(len(test))
    sets.append(_compare(MNIST, before, after, test.labels))
    left_out = []
    try:
        outliers = _outliers(test)
    except MissingDependency as error:
        left_out.append(f"{NO_DIGIT}: {error}")
    else:
        before, after = (_answers(one.predict_pixels(outliers)) for one in (old, new))
        sets.append(_compare(NO_DIGIT, before, after, np.full(len(outliers), _NONE, np.uint8)))
    on_progress(_NO_DIGITS)
    sets.append(_compare_hard([old, new], test, on_progress))
    manifest = new.model.manifest
    return GainReport(
        model=new.model.name,
        old_model=old.model.name,
        lineage=str(manifest.lineage) if manifest and manifest.lineage else None,
        sets=tuple(sets),
        learned=own.learned,
        changed=own.changed(),
        unreadable=own.unreadable,
        left_out=tuple(left_out),
        gates=limits.check(sets),
    )


@dataclass(frozen=True, kw_only=True)
class _OwnAnswers:
    """What two models answer to the owner's pictures."""

    names: tuple[str, ...]
    labels: NDArray[np.uint8]
    before: NDArray[np.int64]
    after: NDArray[np.int64]
    learned: int
    unreadable: tuple[ImageProblem, ...]

    def changed(self) -> tuple[ChangedAnswer, ...]:
        """Return the pictures with different answers."""
        return tuple(
            ChangedAnswer(
                path=self.names[index],
                label=_shown(self.labels[index], none="x"),
                before=_shown(self.before[index]),
                after=_shown(self.after[index]),
            )
            for index in np.flatnonzero(self.before != self.after)
        )


def _shown(answer: np.integer, *, none: str = "-") -> str:  # type: ignore[type-arg]  # of any size
    return none if answer == _NONE else str(answer)


def _read_own(
    classifiers: Sequence[Classifier],
    found: Sequence[FoundLabel],
    learned: Collection[str],
    on_progress: Callable[[int], None],
) -> _OwnAnswers:
    """Read the owner's pictures with both models, except those that were learned."""
    names, labels, unreadable, skipped = [], [], [], 0
    answers: list[list[Prediction]] = []
    for one in found:
        on_progress(1)
        try:
            if one.sha256() in learned:
                skipped += 1
                continue
            trace = trace_preprocessing(one.picture.open(one.folder))
            decisions = decide_by_each(classifiers, trace)
        except (PictureError, OSError) as error:
            unreadable.append(ImageProblem(path=one.name, reason=str(error)))
            continue
        names.append(one.name)
        labels.append(_NONE if one.picture.digit is None else one.picture.digit)
        answers.append([decision.prediction for decision in decisions])
    before, after = ([row[which] for row in answers] for which in (0, 1))
    return _OwnAnswers(
        names=tuple(names),
        labels=np.array(labels, np.uint8),
        before=_answers(before),
        after=_answers(after),
        learned=skipped,
        unreadable=tuple(unreadable),
    )


def _outliers(test: Digits) -> NDArray[np.uint8]:
    # A device that installs a model has no need of it, nor of what it imports.
    from mnist_edge.training.outliers.generator import HELD_OUT_KINDS, draw_outliers

    return draw_outliers(_NO_DIGITS, digits=test, seed=_NO_DIGIT_SEED, kinds=HELD_OUT_KINDS)


def _compare_hard(
    classifiers: Sequence[Classifier], test: Digits, on_progress: Callable[[int], None]
) -> SetGain:
    """Compare the answers to corrupted digits, which go through the front end."""
    chosen = np.linspace(0, len(test), _HARD_PER_KIND, endpoint=False).astype(np.int64)
    digits = test.take(chosen)
    answers: list[list[Prediction]] = []
    for kind in CORRUPTIONS:
        for image in corrupt(digits.images, kind):
            decisions = decide_by_each(classifiers, trace_preprocessing(image))
            answers.append([one.prediction for one in decisions])
        on_progress(len(digits))
    before, after = (_answers([row[which] for row in answers]) for which in (0, 1))
    return _compare(HARD, before, after, np.tile(digits.labels, len(CORRUPTIONS)))


def _most_probable(classifier: Classifier, pixels: NDArray[np.uint8]) -> NDArray[np.int64]:
    predictions = classifier.predict_pixels(pixels)
    return np.array([one.top(1)[0][0] for one in predictions], np.int64)


def _answers(predictions: Sequence[Prediction]) -> NDArray[np.int64]:
    return np.array([_NONE if one.digit is None else one.digit for one in predictions], np.int64)


def _compare(
    name: str, before: NDArray[np.int64], after: NDArray[np.int64], labels: NDArray[np.uint8]
) -> SetGain:
    pair = compare_answers(before, after, labels)
    drop = pair.drop_interval
    return SetGain(
        name=name,
        pictures=pair.total,
        before=(pair.both_right + pair.only_reference) / pair.total,
        after=(pair.both_right + pair.only_candidate) / pair.total,
        gain_points=-pair.drop or 0.0,
        gain_interval=Interval(-drop.high, -drop.low),
    )
