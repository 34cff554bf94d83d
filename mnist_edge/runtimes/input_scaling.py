"""What a model that others made takes its input to mean, found by trying.

A published network eats pixels as its author scaled them, and its file does not say how. Each
plausible reading is tried on labelled digits and judged by mean log-loss. Accuracy would not do:
nets of ReLUs hardly mind a scale, so that a wrong reading often scores as well as the right one.

The log-loss is taken at the temperature that suits the reading best, and made worse a little by
every factor that the temperature is away from one. Without that a network that was trained too
little, and is too unsure of itself, is read by whatever makes its input larger: of 66 networks
trained for three epochs under known readings, plain log-loss took another one for 30, at up to 28
points of accuracy, and this measure for 17, at 2 points at most.

The project's own models eat raw pixels and need none of this.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from mnist_edge.errors import UnknownName, UnsuitableModel
from mnist_edge.metrics.confidence import count_correct, negative_log_likelihood

if TYPE_CHECKING:
    # predict reads pictures without any of it.
    from mnist_edge.data.mnist import Digits

SAMPLE_SIZE = 300
"""Labelled digits that a judgement is made on."""
CLEAR_RATIO = 1.02
"""The runner-up's score over the winner's, from which on the winner is clear."""
MIN_ACCURACY = 0.5
"""Share of digits read right, below which a model is taken to read something else."""
GOOD_ACCURACY = 0.9
"""Share of digits read right, below which a user is warned."""
_ALIKE = 1e-3
"""Share of a score within which two readings are one to the model."""
_TEMPERATURE_COST = 0.05
"""Share by which a log-loss counts worse for a temperature e times too high or too low."""
_FAR = 4.0
"""Factor by which a temperature is so far from one that a user is told of it."""
_INVERSE_TEMPERATURES = np.exp(np.linspace(-8, 4, 97))
"""What logits are multiplied by, to find the temperature that suits them."""

_EPSILON = 1e-12
"""Least sum of squares that is divided by: a blank vector stays blank."""

Run = Callable[[NDArray[np.float32]], NDArray[np.float32]]
"""``(n, 28, 28) float32`` as a reading gives it, to ``(n, 10)`` logits."""


@dataclass(frozen=True, kw_only=True)
class InputScaling:
    """One meaning of a model's input: ``scale * pixels + offset``, or vectors of length one."""

    name: str
    """What ``--pixels`` calls it."""
    scale: float = 1.0
    """Input units a grey level; below zero where ink and paper are swapped."""
    offset: float = 0.0
    """Input value of a pixel of 0."""
    unit_axes: tuple[int, ...] = ()
    """Axes of ``(n, 28, 28)`` along which pixels make one vector of unit length; none else."""
    inverted: bool = False
    """Whether ink and paper are swapped; scale and offset have it in them already."""

    def apply(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """What the model is given for some digits.

        Args:
            pixels: ``(n, 28, 28)``, 0 background, 255 ink.

        Returns:
            ``(n, 28, 28)``.
        """
        if not self.unit_axes:
            values = pixels * np.float32(self.scale) + np.float32(self.offset)
            return values.astype(np.float32)
        values = (255 - pixels if self.inverted else pixels).astype(np.float32)
        squares = np.square(values).sum(axis=self.unit_axes, keepdims=True)
        return np.asarray(values / np.sqrt(np.maximum(squares, _EPSILON)), np.float32)


def _readings() -> tuple[InputScaling, ...]:
    plain = (
        InputScaling(name="pixels"),
        InputScaling(name="pixels/255", scale=1 / 255),
        InputScaling(name="pixels/127.5-1", scale=1 / 127.5, offset=-1.0),
        InputScaling(name="pixels/255-0.5", scale=1 / 255, offset=-0.5),
        # Mean and standard deviation of MNIST's training pixels, as PyTorch's examples have them:
        # https://github.com/pytorch/examples/blob/main/mnist/main.py
        InputScaling(name="pixels-standardized", scale=1 / (255 * 0.3081), offset=-0.1307 / 0.3081),
        # keras.utils.normalize(x, axis=1) on (n, 28, 28), on its default axis, and on (n, 784).
        InputScaling(name="pixels-unit-columns", unit_axes=(1,)),
        InputScaling(name="pixels-unit-rows", unit_axes=(2,)),
        InputScaling(name="pixels-unit-image", unit_axes=(1, 2)),
    )
    swapped = (
        replace(
            reading,
            name=reading.name.replace("pixels", "inverted", 1),
            inverted=True,
            scale=-reading.scale,
            offset=255 * reading.scale + reading.offset,
        )
        for reading in plain
    )
    return (*plain, *swapped)


INPUT_SCALINGS: dict[str, InputScaling] = {reading.name: reading for reading in _readings()}
"""Every reading by its name; the one that this project's models are trained on comes first."""
RAW_PIXELS = INPUT_SCALINGS["pixels"]
"""What this project's own models take: the pixels themselves."""


def find_input_scaling(name: str) -> InputScaling:
    """The reading of a name.

    Raises:
        UnknownName: there is no such reading.
    """
    if name not in INPUT_SCALINGS:
        raise UnknownName("reading of the pixels", name, INPUT_SCALINGS)
    return INPUT_SCALINGS[name]


@dataclass(frozen=True, kw_only=True)
class RankedScaling:
    """One reading, tried."""

    scaling: InputScaling
    log_loss: float
    """Mean negative log probability of the right digit in nats, at ``temperature``; ln 10 = 2.30
    knows nothing."""
    temperature: float
    """What logits are divided by to suit the digits best: 1 where the model is as sure as it may
    be, more where it is too sure."""
    score: float
    """The log-loss, the worse the further that temperature is from one."""
    accuracy: float
    """Share of digits read right, 0..1."""

    def loss_text(self) -> str:
        """The log-loss, with the temperature where that is far from one."""
        if 1 / _FAR <= self.temperature <= _FAR:
            return f"{self.log_loss:.2f}"
        return f"{self.log_loss:.2f} at temperature {self.temperature:.3g}"


@dataclass(frozen=True, kw_only=True)
class ScalingRanking:
    """What trying every reading on the same digits gave."""

    ranked: tuple[RankedScaling, ...]
    """The best first; of those alike to the model, the simplest."""

    @property
    def best(self) -> RankedScaling:
        """The reading of least score."""
        return self.ranked[0]

    @property
    def runner_up(self) -> RankedScaling:
        """The best of those that are another reading to the model than the winner."""
        beyond = self.best.score * (1 + _ALIKE)
        return next((one for one in self.ranked if one.score > beyond), self.best)

    @property
    def is_clear(self) -> bool:
        """Whether the winner stands out, or all readings are one to the model."""
        return self.runner_up is self.best or self.runner_up.score >= CLEAR_RATIO * self.best.score

    def summary(self) -> str:
        """The winner and the runner-up on one line."""
        best, runner_up = self.best, self.runner_up
        return (
            f"{best.scaling.name} (log-loss {best.loss_text()}, {100 * best.accuracy:.1f} %; "
            f"next {runner_up.scaling.name}, {runner_up.loss_text()})"
        )

    def table(self) -> str:
        """Every reading with its log-loss and accuracy, on one line."""
        return ", ".join(
            f"{one.scaling.name} {one.log_loss:.2f} ({100 * one.accuracy:.0f} %)"
            for one in self.ranked
        )


def rank_scalings(
    run: Run, digits: Digits, *, among: Iterable[InputScaling] | None = None
) -> ScalingRanking:
    """Tries every reading.

    Args:
        run: the model.
        digits: labelled; a few hundred.
        among: the readings to try; every one else.
    """
    tried = [
        _judged(reading, run(reading.apply(digits.images)).astype(np.float64), digits.labels)
        for reading in among or INPUT_SCALINGS.values()
    ]
    least = min(one.score for one in tried)
    # Sorting keeps the order of equals: the simplest reading comes before those alike to it.
    return ScalingRanking(
        ranked=tuple(sorted(tried, key=lambda one: max(one.score, least * (1 + _ALIKE))))
    )


def _judged(
    reading: InputScaling, logits: NDArray[np.float64], labels: NDArray[np.uint8]
) -> RankedScaling:
    # A reading far from the model's own may drive it beyond what floats hold.
    logits = np.nan_to_num(logits, nan=0.0, posinf=0.0, neginf=0.0)
    losses = [
        negative_log_likelihood(logits * inverse, labels) for inverse in _INVERSE_TEMPERATURES
    ]
    best = int(np.argmin(losses))
    temperature = 1 / float(_INVERSE_TEMPERATURES[best])
    return RankedScaling(
        scaling=reading,
        log_loss=losses[best],
        temperature=temperature,
        score=losses[best] * (1 + _TEMPERATURE_COST * abs(math.log(temperature))),
        accuracy=count_correct(logits, labels) / len(labels),
    )


def choose_scaling(judgement: ScalingRanking, *, name: str) -> InputScaling:
    """The reading that a judgement speaks for.

    Args:
        judgement: of all readings.
        name: what to call the model in messages.

    Raises:
        UnsuitableModel: it reads digits under no reading, or under two about as well.
    """
    tried = f"log-loss and accuracy: {judgement.table()}"
    if judgement.best.accuracy < MIN_ACCURACY:
        raise UnsuitableModel(
            f"{name} reads no digits under any reading of its input ({tried}); was it trained "
            "on MNIST? If it was, say on what pixels with --pixels"
        )
    if not judgement.is_clear:
        raise UnsuitableModel(
            f"{name} reads digits about as well under several readings of its input ({tried}); "
            "say which it was trained on with --pixels"
        )
    return judgement.best.scaling
