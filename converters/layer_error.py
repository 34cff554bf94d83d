"""Where quantization hurts: the error that each layer of an int8 file adds of its own.

TensorFlow's quantization debugger runs every quantized layer beside its float original on the
same inputs, so that a layer's error is its own and not its predecessors'. It does so on
TensorFlow's interpreter, whose last bits differ from the device runtime's: the table is for
finding a layer, and the accuracy of the file is measured elsewhere.
"""

from __future__ import annotations

import csv
import io
import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from converters import tf_converter
from converters.frozen_graph import Network
from converters.operators import read_operators
from converters.schemes import int8
from mnist_edge.errors import ConversionError
from mnist_edge.runtimes.input_scaling import InputScaling
from mnist_edge.system.capture import capture_descriptors
from mnist_edge.system.files import replacing
from mnist_edge.training.frameworks import import_tensorflow
from mnist_edge.training.learning_curves import new_figure

HEALTHY = 1 / math.sqrt(12)
"""Root mean square error over scale of rounding alone, 0.289: errors are even in half a step
either way. More comes of clipped ranges, of rescaling, and of weights that are too coarse."""
SUSPECT = 0.7
"""RMSE over scale from which on TensorFlow's guide calls a layer suspect:
https://www.tensorflow.org/lite/performance/quantization_debugger"""
_EXACT = 1e-12
"""Power of an error over that of the signal, up to which it is floats' own rounding."""
DIGITS = 200
"""Validation digits that errors are measured on."""


@dataclass(frozen=True, kw_only=True)
class LayerError:
    """What int8 does to one layer."""

    operator: str
    """As the schema has it, for example ``CONV_2D``."""
    name: str
    """The first of the layers that it was fused from."""
    weights: tuple[float, float] | None
    """Least and greatest weight, where it has weights."""
    activations: tuple[float, float]
    """Least and greatest output that its integers stand for, as calibration measured them."""
    saturated: float
    """Share of its outputs, 0..1, that lie beyond that by more than half a step."""
    rmse: float
    """Root mean square error of its output in steps; ``HEALTHY`` where it only rounds."""
    sqnr: float
    """Power of the float output over that of the error, in dB; infinite without error."""


def measure_layer_errors(
    network: Network,
    scaling: InputScaling,
    *,
    calibration: NDArray[np.uint8],
    digits: NDArray[np.uint8],
) -> list[LayerError]:
    """Measures the error that int8 brings to each layer.

    Args:
        network: up to its logits.
        scaling: what it takes its input to mean.
        calibration: ``(n, 28, 28) uint8``.
        digits: ``(n, 28, 28) uint8`` to measure on.

    Returns:
        The layers in the order in which they run.

    Raises:
        ConversionError: TensorFlow cannot convert the model, or its debugger cannot follow it.
    """
    tensorflow = import_tensorflow()
    content = tf_converter.to_tflite(network, scaling, int8(), calibration)
    with capture_descriptors(1, 2), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            converter, shape = tf_converter.configured_converter(
                network, scaling, int8(), calibration
            )
            debugger = tensorflow.lite.experimental.QuantizationDebugger(
                converter=converter,
                debug_dataset=lambda: tf_converter.representative_dataset(digits[:DIGITS], shape),
                debug_options=tensorflow.lite.experimental.QuantizationDebugOptions(
                    layer_direct_compare_metrics={
                        "signal": _signal,
                        "error": _error,
                        "saturated": _saturated,
                    }
                ),
            )
            debugger.run()
            dump = io.StringIO()
            debugger.layer_statistics_dump(dump)
        # The debugger raises what its interpreter and the converter ran into.
        except Exception as error:
            reason = " ".join(str(error).split())[:300]
            raise ConversionError(f"TensorFlow cannot explain the model: {reason}") from error
    rows = list(csv.DictReader(io.StringIO(dump.getvalue())))
    inside = [one for one in read_operators(content) if one.name not in {"QUANTIZE", "DEQUANTIZE"}]
    # The debugger measures the very operators of the file, in their order.
    followed = [one.name for one in inside] == [row["op_name"] for row in rows]
    return [
        _layer(row, inside[place].weights if followed else None) for place, row in enumerate(rows)
    ]


def _layer(row: dict[str, str], weights: tuple[float, float] | None) -> LayerError:
    scale, zero_point = float(row["scale"]), int(row["zero_point"])
    limits = np.iinfo(np.int8)
    error, signal = float(row["error"]), float(row["signal"])
    return LayerError(
        operator=row["op_name"],
        name=row["tensor_name"].split(";")[0],
        weights=weights,
        activations=(scale * (limits.min - zero_point), scale * (limits.max - zero_point)),
        saturated=float(row["saturated"]),
        rmse=math.sqrt(error) / scale,
        # A pooling or a reshape moves integers: what is left is the rounding of floats.
        sqnr=10 * math.log10(signal / error) if error > _EXACT * signal else math.inf,
    )


def _dequantized(integers: NDArray[np.int8], scale: float, zero_point: int) -> NDArray[np.float64]:
    return (integers.astype(np.float64) - zero_point) * scale


def _signal(real: Any, integers: Any, scale: float, zero_point: int) -> float:
    return float(np.square(real.astype(np.float64)).mean())


def _error(real: Any, integers: Any, scale: float, zero_point: int) -> float:
    return float(np.square(real - _dequantized(integers, scale, zero_point)).mean())


def _saturated(real: Any, integers: Any, scale: float, zero_point: int) -> float:
    limits = np.iinfo(np.int8)
    steps = real / scale + zero_point
    return float(((steps < limits.min - 0.5) | (steps > limits.max + 0.5)).mean())


def suspect_layers(layers: Sequence[LayerError]) -> list[LayerError]:
    """The layers whose own error is beyond ``SUSPECT`` steps, the worst first."""
    return sorted((one for one in layers if one.rmse > SUSPECT), key=lambda one: -one.rmse)


def weakest_layer(layers: Sequence[LayerError]) -> LayerError:
    """The layer of the least SQNR: few steps of a small signal are as bad as many of a large."""
    return min(layers, key=lambda one: one.sqnr)


def plot_layer_errors(path: Path, layers: Sequence[LayerError], *, title: str) -> None:
    """Draws each layer's error in steps and its SQNR, as a PNG.

    Raises:
        NotWritable: the folder cannot be written.
        MissingDependency: matplotlib is not installed.
    """
    figure = new_figure(width=10, height=1.8 + 0.4 * len(layers))
    figure.suptitle(title)
    left, right = figure.subplots(1, 2, sharey=True)
    names = [f"{number}. {layer.operator}" for number, layer in enumerate(layers, 1)]
    left.barh(names, [layer.rmse for layer in layers], color="#0072b2")
    left.axvline(HEALTHY, color="black", ls=":", label=f"rounding alone: {HEALTHY:.3f}")
    left.axvline(SUSPECT, color="#d55e00", ls="--", label=f"suspect: {SUSPECT}")
    left.set_xlabel("root mean square error, steps of the layer's output")
    left.legend(frameon=False)
    left.invert_yaxis()
    # A layer that brings no error, such as a reshape, has no bar.
    sqnr = [layer.sqnr if math.isfinite(layer.sqnr) else 0.0 for layer in layers]
    right.barh(names, sqnr, color="#0072b2")
    right.set_xlabel("signal to quantization noise (SQNR), dB")
    with replacing(path) as temporary:
        figure.savefig(temporary)
