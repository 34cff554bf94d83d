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
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from mnist_edge.errors import UnsuitableModel
from mnist_edge.metrics.confidence import count_correct
from mnist_edge.runtimes.input_scaling import INPUT_SCALINGS, InputScaling
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

Run = Callable[[NDArray[np.float32]], NDArray[np.float32]]
"""From scaled pixels, ``(n, 28, 28) float32``, to logits, ``(n, 10)``."""


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
