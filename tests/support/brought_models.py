"""Helpers of the tests of third-party models."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from converters import conversion, schemes
from converters.accuracy_gate import AccuracyGate
from converters.calibration_set import draw_calibration_set
from converters.conversion import Converted, Prepared
from mnist_edge.errors import ConversionError
from tests.support.foreign_models import keras_3


def convert(prepared: Prepared, folder: Path, *names: str) -> Converted | ConversionError:
    """Convert with one scheme and a gate that suits hardly trained networks."""
    (made,) = conversion.convert_each(
        prepared,
        folder,
        schemes.find_schemes(list(names) or ["int8"]),
        calibration=draw_calibration_set(prepared.mnist, count=100),
        gate=AccuracyGate(max_drop_point=5.0),
    )
    return made


def activated(activation: str) -> Any:
    """Build a small network with a given activation in its layer ``hidden``."""
    keras = keras_3()
    return keras.Sequential(
        [
            keras.Input((28, 28)),
            keras.layers.Flatten(),
            keras.layers.Dense(8, activation=activation, name="hidden"),
            keras.layers.Dense(10),
        ]
    )
