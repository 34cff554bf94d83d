"""What an expert would try next, where quantization costs more accuracy than it may."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from converters import calibration_set
from converters.calibration_set import CalibrationSet
from converters.equalization import equalize
from converters.frozen_graph import Network
from converters.schemes import Scheme, int16x8
from mnist_edge.data.mnist import Mnist

_COUNTS = (100, 1_000, 2_000)
"""Calibration digits: fewer leave rare activations out of the ranges, more take them in."""
_MORE_SEEDS = 2
"""Other draws of the count that was asked for."""


@dataclass(frozen=True, kw_only=True)
class Way:
    """One way to convert a model."""

    description: str
    """How it differs from what was asked for, in a few words."""
    network: Network
    """What to convert."""
    scheme: Scheme
    """How to convert."""
    calibrated_on: CalibrationSet
    """What to calibrate on."""


def alternatives(asked: Way, mnist: Mnist) -> Iterator[Way]:
    """Other calibrations, then channels of like size, then finer activations.

    A scheme that measures no ranges has none. TensorFlow cannot mix int8 and int16 activations in
    one file, so that int16x8 is taken for every layer or for none.

    Args:
        asked: what missed the gate.
        mnist: calibration is drawn from its train split.
    """
    if not asked.scheme.calibrated:
        return
    count, seed = asked.calibrated_on.record.count, asked.calibrated_on.record.seed
    draws = [(other, seed) for other in _COUNTS if other != count]
    draws += [(count, seed + more) for more in range(1, 1 + _MORE_SEEDS)]
    for other, drawn in draws:
        yield replace(
            asked,
            description=f"{other} calibration digits of seed {drawn}",
            calibrated_on=calibration_set.draw(mnist, count=other, seed=drawn),
        )
    equalized = equalize(asked.network)
    if equalized:
        yield replace(asked, description="equalized channels", network=equalized)
    if asked.scheme.base == "int8":
        yield replace(
            asked,
            description="int16 activations (int16x8)",
            network=equalized or asked.network,
            scheme=int16x8(),
        )
