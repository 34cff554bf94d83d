"""Infer how a network expects its digits: their pixel scaling, and whether they are transposed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from converters.frozen_graph import Network
from converters.loader import TrainedModel
from mnist_edge import CLASSES
from mnist_edge.data.mnist import Digits
from mnist_edge.errors import UnsuitableModel
from mnist_edge.runtimes.input_scaling import INPUT_SCALINGS, InputScaling
from mnist_edge.runtimes.scaling_ranking import choose_scaling, rank_orientations, rank_scalings
from mnist_edge.system.text import percent


@dataclass(frozen=True, kw_only=True)
class InferredInput:
    """How a network expects its digits."""

    scaling: InputScaling
    """The scaling of its pixels, and whether digits are transposed."""
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
    ranking = rank_orientations(model.network.run, digits, among=among)
    try:
        scaling = choose_scaling(ranking, name=str(model.path))
    except UnsuitableModel as error:
        # A fault of its training may be the reason why it reads nothing.
        raise UnsuitableModel("; ".join([str(error), *model.faults])) from error
    findings = [f"{ranking.summary()}: taking {scaling.name}; override with --pixels"]
    if scaling.transposed:
        findings.append(_TRANSPOSED)
    if model.outputs == "unknown" and (doubt := ranking.rival_warning()):
        findings.append(f"warning: {doubt}")
    return InferredInput(scaling=scaling, findings=tuple(findings))


def plausible_scalings(network: Network) -> list[InputScaling]:
    """List the scalings whose values the network's input can hold."""
    scalings = list(INPUT_SCALINGS.values())
    if network.input_range is not None:
        scalings = [one for one in scalings if one.fits(*network.input_range)]
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
    run = model.network.run
    if rank_orientations(run, digits, among=among).best.scaling.transposed:
        among = [scaling.transpose() for scaling in among]
    targets = np.eye(CLASSES)[digits.labels]
    errors = []
    for scaling in among:
        outputs = np.nan_to_num(run(scaling.apply(digits.images)).astype(np.float64))
        errors.append((float(np.square(outputs - targets).mean()), scaling))
    (least, scaling), (other, runner_up) = sorted(errors, key=lambda pair: pair[0])[:2]
    # Its accuracy is checked as any model's; only the order of the scalings differs.
    ranking = rank_scalings(run, digits, among=[scaling])
    choose_scaling(ranking, name=str(model.path))
    findings = [
        f"{scaling.name} (squared error {least:.3f}, {percent(ranking.best.accuracy, 1)}; "
        f"next {runner_up.name}, {other:.3g}): taking {scaling.name}; override with --pixels",
        *([_TRANSPOSED] if scaling.transposed else []),
        "warning: it was trained by a squared error, so its outputs are not logits; a "
        "cross-entropy reads digits better",
    ]
    return InferredInput(scaling=scaling, findings=tuple(findings))


_TRANSPOSED = "it reads transposed digits, as EMNIST has them: the file transposes them"
