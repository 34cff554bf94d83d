"""Measure the quantization error that each layer of an int8 file adds.

TensorFlow's quantization debugger runs every quantized layer beside its float original on the same
inputs, so that the error of a layer excludes that of its predecessors. It uses TensorFlow's
interpreter, whose last bits differ from the device runtime's: the table serves to find a layer, the
accuracy of the file is measured elsewhere.
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
from mnist_edge.system.text import one_line
from mnist_edge.training.frameworks import import_tensorflow
from mnist_edge.training.learning_curves import new_figure

HEALTHY = 1 / math.sqrt(12)
"""RMSE/scale of rounding alone, 0.289: errors are uniform within half a step in each direction.
Clipped ranges, rescaling and coarse weights add to it."""
SUSPECT = 0.7
"""RMSE/scale above which TensorFlow's guide calls a layer suspect:
https://www.tensorflow.org/lite/performance/quantization_debugger"""
_MAX_FLOAT_ERROR = 1e-12
"""Maximum power of an error, relative to the signal's, that float rounding explains."""
SAMPLE_SIZE = 200
"""Validation digits on which errors are measured."""


@dataclass(frozen=True, kw_only=True)
class LayerError:
    """The quantization error of one layer."""

    operator: str
    """Name in TFLite's schema, for example ``CONV_2D``."""
    name: str
    """Name of the first of the layers fused into it."""
    weights: tuple[float, float] | None
    """Minimum and maximum weight; None without weights."""
    activations: tuple[float, float]
    """Range of its output, as measured in calibration."""
    saturated: float
    """Fraction of its outputs, 0..1, more than half a step outside that range."""
    rmse: float
    """Root mean square error of its output in steps; ``HEALTHY`` if it only rounds."""
    sqnr: float
    """Signal to quantization noise ratio in dB; infinite without error."""


def measure_layer_errors(
    network: Network,
    scaling: InputScaling,
    *,
    calibration: NDArray[np.uint8],
    digits: NDArray[np.uint8],
) -> list[LayerError]:
    """Measure the error that int8 adds in each layer.

    Args:
        network: up to its logits.
        scaling: its input scaling.
        calibration: ``(n, 28, 28) uint8``, to calibrate on.
        digits: ``(n, 28, 28) uint8``, to measure on.

    Returns:
        The layers in execution order.

    Raises:
        ConversionError: TensorFlow cannot convert the model, or its debugger cannot run it.
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
                debug_dataset=lambda: tf_converter.representative_dataset(
                    digits[:SAMPLE_SIZE], shape
                ),
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
        # The debugger raises whatever its interpreter and the converter raise.
        except Exception as error:
            reason = one_line(error)[:300]
            raise ConversionError(
                f"TensorFlow's quantization debugger cannot run the model: {reason}"
            ) from error
    rows = list(csv.DictReader(io.StringIO(dump.getvalue())))
    operators = [
        operator
        for operator in read_operators(content)
        if operator.name not in {"QUANTIZE", "DEQUANTIZE"}
    ]
    # The debugger measures the operators of the file, in their order.
    matching = [operator.name for operator in operators] == [row["op_name"] for row in rows]
    return [
        _layer_error(row, operators[index].weights if matching else None)
        for index, row in enumerate(rows)
    ]


def _layer_error(row: dict[str, str], weights: tuple[float, float] | None) -> LayerError:
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
        # A pooling or a reshape only moves integers: what remains is the rounding of floats.
        sqnr=10 * math.log10(signal / error) if error > _MAX_FLOAT_ERROR * signal else math.inf,
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
    """Return the layers with an error above ``SUSPECT``, worst first."""
    suspects = [layer for layer in layers if layer.rmse > SUSPECT]
    return sorted(suspects, key=lambda layer: -layer.rmse)


def weakest_layer(layers: Sequence[LayerError]) -> LayerError:
    """Return the layer with the lowest SQNR, which also counts small errors of small signals."""
    return min(layers, key=lambda layer: layer.sqnr)


def plot_layer_errors(path: Path, layers: Sequence[LayerError], *, title: str) -> None:
    """Plot the error of each layer in steps and its SQNR, as a PNG.

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
    # Outside: there is no place inside where no bar may be.
    figure.legend(loc="outside lower left", ncols=2, frameon=False)
    left.invert_yaxis()
    # A layer without error, such as a reshape, has no bar.
    sqnr = [layer.sqnr if math.isfinite(layer.sqnr) else 0.0 for layer in layers]
    right.barh(names, sqnr, color="#0072b2")
    right.set_xlabel("signal to quantization noise (SQNR), dB")
    with replacing(path) as temporary:
        figure.savefig(temporary)
