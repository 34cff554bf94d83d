"""Fallbacks for a conversion that loses too much accuracy, in the order an expert would try."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from converters.calibration_set import CalibrationSet, draw_calibration_set
from converters.equalization import equalize
from converters.frozen_graph import Network
from converters.schemes import Scheme, int16x8
from mnist_edge.data.mnist import Mnist

_COUNTS = (100, 1_000, 2_000)
"""Numbers of calibration digits: with fewer, ranges leave rare activations out."""
_MORE_SEEDS = 2
"""Other draws of the requested number."""


@dataclass(frozen=True, kw_only=True)
class ConversionVariant:
    """One way to convert a model."""

    description: str
    """How it differs from what was requested, in a few words."""
    network: Network
    """The network to convert."""
    scheme: Scheme
    """The scheme to convert it by."""
    calibration: CalibrationSet
    """The digits to calibrate it on."""


def fallbacks(requested: ConversionVariant, mnist: Mnist) -> Iterator[ConversionVariant]:
    """Yield other calibration sets, then equalized channels, then finer activations.

    A scheme without calibration has no fallbacks. TensorFlow cannot mix int8 and int16 activations
    in one file, so int16x8 applies to every layer or to none.

    Args:
        requested: the variant that missed the accuracy gate.
        mnist: calibration digits are drawn from its train split.
    """
    if not requested.scheme.calibrated:
        return
    record = requested.calibration.record
    draws = [(count, record.seed) for count in _COUNTS if count != record.count]
    draws += [(record.count, record.seed + more) for more in range(1, 1 + _MORE_SEEDS)]
    for count, seed in draws:
        yield replace(
            requested,
            description=f"{count} calibration digits of seed {seed}",
            calibration=draw_calibration_set(mnist, count=count, seed=seed),
        )
    equalized = equalize(requested.network)
    if equalized:
        yield replace(requested, description="equalized channels", network=equalized)
    if requested.scheme.base == "int8":
        yield replace(
            requested,
            description="int16 activations (int16x8)",
            network=equalized or requested.network,
            scheme=int16x8(),
        )
