"""Infer the pixel scaling of a third-party model by trying candidates on labelled digits.

A published network takes pixels as its author scaled them, and its file does not say how. Each
plausible scaling is tried on labelled digits and ranked by mean log-loss. Accuracy would not do:
networks of ReLUs hardly depend on a scale, so a wrong one often reads as many digits as the right
one.

The log-loss is taken at the temperature that suits the scaling best, with a small penalty for every
factor that this temperature is away from one. Without the penalty, a network that was trained too
briefly, and is underconfident, is assigned whichever scaling makes its input larger: of 66 networks
trained for three epochs with known scalings, plain log-loss chose another one for 30, at up to 28
points of accuracy, and this measure for 17, at 2 points at most.

The project's own models take raw pixels and need none of this.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from mnist_edge.errors import UnknownName, UnsuitableModel
from mnist_edge.metrics.confidence import count_correct
from mnist_edge.system.text import percent

if TYPE_CHECKING:
    # Not needed to read pictures.
    from mnist_edge.data.mnist import Digits

SAMPLE_SIZE = 300
"""Labelled digits that scalings are ranked on."""
CLEAR_RATIO = 1.02
"""Ratio of the runner-up's score to the best one's from which the best is clear."""
MIN_ACCURACY = 0.5
"""Accuracy below which a model is taken to read something other than digits."""
GOOD_ACCURACY = 0.9
"""Accuracy below which transposed digits are tried, and a user is warned."""
_MIN_TRANSPOSED_GAIN = 0.1
"""Minimum gain of accuracy for which digits are taken to be transposed."""
_EQUAL_SHARE = 1e-3
"""Relative difference of scores up to which two scalings are the same to the model."""
_TEMPERATURE_PENALTY = 0.05
"""Relative penalty on a log-loss for a temperature e times too high or too low."""
_UNIT_PENALTY = 0.1
"""Relative penalty on the score of unit vectors, which few networks take: a network that was
trained briefly on pixels/255 reads them about as well."""
_FAR_TEMPERATURE = 4.0
"""Factor away from one from which a temperature is reported."""
_SIMILAR_LOSS = 1.1
"""Maximum ratio of the log-losses of two scalings that only their temperatures tell apart."""
_SIMILAR_LOSS_OF_VALUES = 1.5
"""The same if the better one's temperature is far from one, so that its outputs are hardly logits:
of a network trained by a squared error, raw pixels have 1.12 times the log-loss of pixels/255."""
_OTHER_TEMPERATURE = math.log(4)
"""Minimum difference of the logarithms of those temperatures."""
_INVERSE_TEMPERATURES = np.exp(np.linspace(-8, 4, 97))
"""Multipliers of the logits that are tried to find the best temperature."""

_MAX_CLIPPING = 0.05
"""Share of a scaling's range by which a quantized input may clip it."""
_TRANSPOSED = "-transposed"
"""End of the name of a scaling whose digits are transposed."""

_EPSILON = 1e-12
"""Smallest sum of squares to divide by: a blank vector stays blank."""

Run = Callable[[NDArray[np.float32]], NDArray[np.float32]]
"""From scaled pixels, ``(n, 28, 28) float32``, to logits, ``(n, 10)``."""


@dataclass(frozen=True, kw_only=True)
class InputScaling:
    """A model's input for given pixels: ``scale * pixels + offset``, or unit vectors.

    Digits may be transposed besides, as those of EMNIST's files are.
    """

    name: str
    """Its name for ``--pixels``."""
    scale: float = 1.0
    """Input units per gray level; negative if ink and paper are swapped."""
    offset: float = 0.0
    """Input value of a pixel of 0."""
    unit_axes: tuple[int, ...] = ()
    """Axes of ``(n, 28, 28)`` along which pixels are scaled to vectors of unit length, if any."""
    inverted: bool = False
    """Whether ink and paper are swapped, which scale and offset already include."""
    transposed: bool = False
    """Whether rows and columns are swapped."""

    def apply(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Compute the model's input for some digits.

        Args:
            pixels: ``(n, 28, 28)``, 0 background, 255 ink.

        Returns:
            ``(n, 28, 28)``.
        """
        if self.transposed:
            pixels = pixels.transpose(0, 2, 1)
        if not self.unit_axes:
            values = pixels * np.float32(self.scale) + np.float32(self.offset)
            return values.astype(np.float32)
        values = (255 - pixels if self.inverted else pixels).astype(np.float32)
        squares = np.square(values).sum(axis=self.unit_axes, keepdims=True)
        return np.asarray(values / np.sqrt(np.maximum(squares, _EPSILON)), np.float32)

    def fits(self, minimum: float, maximum: float) -> bool:
        """Return whether a quantized input of some range holds the values of black and white.

        The range comes from the values that a network was trained on. A scaling that it would clip
        is not the network's own, but what is left of the contrast might still win.
        """
        first, last = self.offset, 255 * self.scale + self.offset
        values = np.array([0.0, 1.0] if self.unit_axes else [first, last])
        clipped = np.abs(np.clip(values, minimum, maximum) - values).max()
        return bool(clipped <= _MAX_CLIPPING * np.ptp(values))

    def transpose(self) -> InputScaling:
        """Return the same scaling of transposed digits."""
        return replace(self, name=f"{self.name}{_TRANSPOSED}", transposed=True)


def _input_scalings() -> tuple[InputScaling, ...]:
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
    inverted = (
        replace(
            scaling,
            name=scaling.name.replace("pixels", "inverted", 1),
            inverted=True,
            scale=-scaling.scale,
            offset=255 * scaling.scale + scaling.offset,
        )
        for scaling in plain
    )
    return (*plain, *inverted)


INPUT_SCALINGS: dict[str, InputScaling] = {scaling.name: scaling for scaling in _input_scalings()}
"""Every input scaling of upright digits by name, the one of this project's models first."""
RAW_PIXELS = INPUT_SCALINGS["pixels"]
"""The input of this project's own models: the pixels themselves."""


def find_input_scaling(name: str) -> InputScaling:
    """Return the input scaling of a name.

    Args:
        name: one of ``INPUT_SCALINGS``, with ``-transposed`` at its end for transposed digits.

    Raises:
        UnknownName: there is none.
    """
    upright = name.removesuffix(_TRANSPOSED)
    if upright not in INPUT_SCALINGS:
        raise UnknownName("pixel scaling", name, INPUT_SCALINGS)
    return INPUT_SCALINGS[name] if name == upright else INPUT_SCALINGS[upright].transpose()


@dataclass(frozen=True, kw_only=True)
class RankedScaling:
    """An input scaling with the results of trying it."""

    scaling: InputScaling
    log_loss: float
    """Mean negative log probability of the true digit in nats, at ``temperature``; guessing has
    ln 10 = 2.30."""
    temperature: float
    """Divisor of the logits that suits the digits best: 1 for a well calibrated model, more for an
    overconfident one."""
    score: float
    """The log-loss with a penalty for a temperature far from one; lower is better."""
    accuracy: float
    """Top-1 accuracy, 0..1."""

    @property
    def weighted_score(self) -> float:
        """The score with a penalty for a scaling that few networks take."""
        return self.score * (1 + _UNIT_PENALTY) if self.scaling.unit_axes else self.score

    @property
    def is_calibrated(self) -> bool:
        """Whether the temperature is near one."""
        return 1 / _FAR_TEMPERATURE <= self.temperature <= _FAR_TEMPERATURE

    def loss_text(self) -> str:
        """Return the log-loss, with the temperature if that is far from one."""
        if self.is_calibrated:
            return f"{self.log_loss:.2f}"
        return f"{self.log_loss:.2f} at temperature {self.temperature:.3g}"


@dataclass(frozen=True, kw_only=True)
class ScalingRanking:
    """The input scalings that were tried on the same digits, ranked."""

    ranked: tuple[RankedScaling, ...]
    """The best first; of scalings that are the same to the model, the simplest first."""

    @property
    def best(self) -> RankedScaling:
        """The scaling of the lowest weighted score."""
        return self.ranked[0]

    @property
    def runner_up(self) -> RankedScaling:
        """The best scaling that is not the same to the model as the winner."""
        limit = _EQUAL_SHARE * self.best.score
        others = (one for one in self.ranked if abs(one.score - self.best.score) > limit)
        return next(others, self.best)

    @property
    def is_clear(self) -> bool:
        """Whether the winner stands out, or all scalings are the same to the model."""
        best, runner_up = self.best, self.runner_up
        return runner_up is best or runner_up.weighted_score >= CLEAR_RATIO * best.weighted_score

    @property
    def rival(self) -> InputScaling | None:
        """A scaling that fits as well as the winner, at another temperature.

        Where the outputs were not trained as logits, a temperature tells nothing.
        """
        best = self.best
        similar = _SIMILAR_LOSS if best.is_calibrated else _SIMILAR_LOSS_OF_VALUES
        return next(
            (
                one.scaling
                for one in self.ranked[1:]
                if one.log_loss <= similar * best.log_loss
                and abs(math.log(one.temperature / best.temperature)) >= _OTHER_TEMPERATURE
            ),
            None,
        )

    def rival_warning(self) -> str:
        """Describe the rival on one line, empty if there is none."""
        if self.rival is None:
            return ""
        return (
            f"{self.best.scaling.name} and {self.rival.name} differ by temperature alone, which "
            "says nothing if the outputs were not trained as logits; say which with --pixels"
        )

    def summary(self) -> str:
        """Describe the winner and the runner-up on one line."""
        best, runner_up = self.best, self.runner_up
        return (
            f"{best.scaling.name} (log-loss {best.loss_text()}, {percent(best.accuracy, 1)}; "
            f"next {runner_up.scaling.name}, {runner_up.loss_text()})"
        )

    def table(self) -> str:
        """List every scaling with its log-loss and accuracy on one line."""
        return ", ".join(
            f"{ranked.scaling.name} {ranked.log_loss:.2f} ({percent(ranked.accuracy, 0)})"
            for ranked in self.ranked
        )


def rank_orientations(
    run: Run, digits: Digits, *, among: Iterable[InputScaling] | None = None
) -> ScalingRanking:
    """Rank input scalings of upright digits, or of transposed ones if the model reads only those.

    Args:
        run: the model.
        digits: labelled; a few hundred.
        among: the scalings to try, of upright digits; by default all.
    """
    tried = list(among or INPUT_SCALINGS.values())
    upright = rank_scalings(run, digits, among=tried)
    if upright.best.accuracy >= GOOD_ACCURACY:
        return upright
    transposed = rank_scalings(run, digits, among=[scaling.transpose() for scaling in tried])
    gain = transposed.best.accuracy - upright.best.accuracy
    return transposed if gain > _MIN_TRANSPOSED_GAIN else upright


def rank_scalings(
    run: Run, digits: Digits, *, among: Iterable[InputScaling] | None = None
) -> ScalingRanking:
    """Try input scalings on a model and rank them.

    Args:
        run: the model.
        digits: labelled; a few hundred.
        among: the scalings to try; by default all.
    """
    tried = [
        _try_scaling(scaling, run(scaling.apply(digits.images)).astype(np.float64), digits.labels)
        for scaling in among or INPUT_SCALINGS.values()
    ]
    equal = min(one.weighted_score for one in tried) * (1 + _EQUAL_SHARE)
    # Sorting keeps the order of equals, in which simpler scalings come first.
    ranked = sorted(tried, key=lambda one: max(one.weighted_score, equal))
    return ScalingRanking(ranked=tuple(ranked))


def _try_scaling(
    scaling: InputScaling, logits: NDArray[np.float64], labels: NDArray[np.uint8]
) -> RankedScaling:
    # A scaling far from the model's own may drive it beyond the range of floats.
    logits = np.nan_to_num(logits, nan=0.0, posinf=0.0, neginf=0.0)
    losses = _losses_by_temperature(logits, labels)
    best = int(np.argmin(losses))
    temperature = 1 / float(_INVERSE_TEMPERATURES[best])
    return RankedScaling(
        scaling=scaling,
        log_loss=float(losses[best]),
        temperature=temperature,
        score=float(losses[best]) * (1 + _TEMPERATURE_PENALTY * abs(math.log(temperature))),
        accuracy=count_correct(logits, labels) / len(labels),
    )


def _losses_by_temperature(
    logits: NDArray[np.float64], labels: NDArray[np.uint8]
) -> NDArray[np.float64]:
    """Return ``negative_log_likelihood`` at each of ``_INVERSE_TEMPERATURES``, in one pass."""
    shifted = logits - logits.max(axis=1, keepdims=True)
    label_logits = shifted[np.arange(len(labels)), labels].mean()
    exponentials = np.exp(np.multiply.outer(_INVERSE_TEMPERATURES, shifted))
    log_sums = np.log(exponentials.sum(axis=2)).mean(axis=1)
    losses: NDArray[np.float64] = log_sums - _INVERSE_TEMPERATURES * label_logits
    return losses


def choose_scaling(ranking: ScalingRanking, *, name: str) -> InputScaling:
    """Return the best input scaling of a ranking.

    Args:
        ranking: of all that are possible.
        name: the model's name in messages.

    Raises:
        UnsuitableModel: the model reads digits with none of them, or about equally well with
            several.
    """
    tried = f"log-loss and accuracy: {ranking.table()}"
    if ranking.best.accuracy < MIN_ACCURACY:
        raise UnsuitableModel(
            f"{name} reads digits with no pixel scaling ({tried}); if it was trained on MNIST, "
            "name the scaling with --pixels"
        )
    if not ranking.is_clear:
        raise UnsuitableModel(
            f"{name} reads digits about equally well with several pixel scalings ({tried}); name "
            "the right one with --pixels"
        )
    return ranking.best.scaling
