"""Infer how a network expects its digits: their pixel scaling, and whether they are transposed."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from converters.frozen_graph import Network, transpose_input
from converters.loader import TrainedModel
from mnist_edge import CLASSES
from mnist_edge.data.mnist import Digits
from mnist_edge.errors import UnsuitableModel
from mnist_edge.runtimes.input_scaling import (
    GOOD_ACCURACY,
    INPUT_SCALINGS,
    InputScaling,
    ScalingRanking,
    choose_scaling,
    rank_scalings,
)
from mnist_edge.system.text import percent

_MIN_GAIN = 0.1
"""Minimum gain of accuracy for which digits are taken to be transposed."""
_SIMILAR_LOSS = 1.1
"""Maximum ratio of the log-losses of two scalings that only their temperatures tell apart."""
_OTHER_TEMPERATURE = math.log(4)
"""Minimum difference of the logarithms of those temperatures."""


@dataclass(frozen=True, kw_only=True)
class InferredInput:
    """How a network expects its digits."""

    network: Network
    """The network, for digits as MNIST has them."""
    scaling: InputScaling
    """The scaling of its pixels."""
    findings: tuple[str, ...]
    """What was found, one line each."""


def infer_input(model: TrainedModel, digits: Digits) -> InferredInput:
    """Try every scaling that the network's input can hold, upright and transposed.

    Args:
        model: trained by others.
        digits: labelled; a few hundred.

    Raises:
        UnsuitableModel: no scaling, or more than one, reads digits.
    """
    among = plausible_scalings(model.network)
    if model.outputs == "values":
        return _by_squared_error(model, digits, among)
    network, findings = model.network, []
    ranking = rank_scalings(network.run, digits, among=among)
    if ranking.best.accuracy < GOOD_ACCURACY:
        turned = transpose_input(network)
        other = rank_scalings(turned.run, digits, among=among)
        if other.best.accuracy > ranking.best.accuracy + _MIN_GAIN:
            network, ranking = turned, other
            findings = ["it reads transposed digits, as EMNIST has them: the file transposes them"]
    try:
        scaling = choose_scaling(ranking, name=str(model.path))
    except UnsuitableModel as error:
        # A fault of its training may be the reason why it reads nothing.
        raise UnsuitableModel("; ".join([str(error), *model.faults])) from error
    findings = [f"{ranking.summary()}: taking {scaling.name}; override with --pixels", *findings]
    if model.outputs == "unknown" and (alike := _alike_but_for_temperature(ranking)):
        findings.append(
            f"warning: {scaling.name} and {alike.name} differ by temperature alone, which says "
            "nothing if the outputs were not trained as logits; say which with --pixels"
        )
    return InferredInput(network=network, scaling=scaling, findings=tuple(findings))


def plausible_scalings(network: Network) -> list[InputScaling]:
    """List the scalings whose values the network's input can hold."""
    scalings = list(INPUT_SCALINGS.values())
    if not network.takes_integers:
        return scalings
    return [
        scaling
        for scaling in scalings
        if not scaling.unit_axes and scaling.scale.is_integer() and scaling.offset.is_integer()
    ]


def _by_squared_error(
    model: TrainedModel, digits: Digits, among: list[InputScaling]
) -> InferredInput:
    """Choose the scaling whose outputs are nearest to one for the digit and zero for the others."""
    targets = np.eye(CLASSES)[digits.labels]
    errors = []
    for scaling in among:
        outputs = np.nan_to_num(model.network.run(scaling.apply(digits.images)).astype(np.float64))
        errors.append((float(np.square(outputs - targets).mean()), scaling))
    (least, scaling), (other, runner_up) = sorted(errors, key=lambda pair: pair[0])[:2]
    # Its accuracy is checked as any model's; only the order of the scalings differs.
    ranking = rank_scalings(model.network.run, digits, among=[scaling])
    choose_scaling(ranking, name=str(model.path))
    return InferredInput(
        network=model.network,
        scaling=scaling,
        findings=(
            f"{scaling.name} (squared error {least:.3f}, {percent(ranking.best.accuracy, 1)}; "
            f"next {runner_up.name}, {other:.3g}): taking {scaling.name}; override with --pixels",
            "warning: it was trained by a squared error, so its outputs are not logits; a "
            "cross-entropy reads digits better",
        ),
    )


def _alike_but_for_temperature(ranking: ScalingRanking) -> InputScaling | None:
    """Find a scaling that fits as well as the best, at another temperature."""
    best = ranking.best
    return next(
        (
            one.scaling
            for one in ranking.ranked[1:]
            if one.log_loss <= _SIMILAR_LOSS * best.log_loss
            and abs(math.log(one.temperature / best.temperature)) >= _OTHER_TEMPERATURE
        ),
        None,
    )
