"""The tables of ``mnist-edge convert``: what each file costs, and what int8 adds in each layer."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from mnist_edge.commands.console import format_table
from mnist_edge.system.text import percent, signed

if TYPE_CHECKING:
    from converters.conversion import Converted
    from converters.layer_error import LayerError


def conversion_table(made: list[Converted]) -> str:
    """Format size, share of float32's size, and validation accuracy of each file."""
    return format_table(
        ["scheme", "bytes", "of float32", "validation, Keras", "quantized", "drop"],
        [
            [
                one.manifest.scheme,
                f"{one.manifest.size:,}",
                percent(one.ratio, 0),
                percent(one.manifest.validation_float.accuracy),
                percent(one.manifest.validation.accuracy),
                f"{signed(one.drop)} points",
            ]
            for one in made
        ],
    )


def explain_table(layers: list[LayerError]) -> str:
    """Format ranges, saturation and error of each layer, and name the worst below."""
    table = format_table(
        ["layer", "weights", "activations", "saturated", "RMSE/scale", "SQNR"],
        [
            [
                f"{number} {layer.operator}",
                _range(layer.weights) if layer.weights else "",
                _range(layer.activations),
                percent(layer.saturated),
                f"{layer.rmse:.3f}",
                f"{layer.sqnr:.1f} dB" if math.isfinite(layer.sqnr) else "exact",
            ]
            for number, layer in enumerate(layers, 1)
        ],
    )
    return "\n".join([table, *_verdict(layers)])


def _verdict(layers: list[LayerError]) -> list[str]:
    """Return the worst layers by name, for after the table."""
    from converters.layer_error import HEALTHY, SUSPECT, suspect_layers, weakest_layer

    def number_and_name(layer: LayerError) -> str:
        return f"layer {layers.index(layer) + 1}, {layer.name}"

    suspect = [f"{number_and_name(layer)} ({layer.rmse:.2f})" for layer in suspect_layers(layers)]
    weak = weakest_layer(layers)
    return [
        f"RMSE/scale of rounding alone is {HEALTHY:.3f}; beyond {SUSPECT}: "
        f"{'; '.join(suspect) or 'none'}",
        f"least SQNR: {number_and_name(weak)} ({weak.sqnr:.1f} dB)",
    ]


def _range(ends: tuple[float, float]) -> str:
    return f"{ends[0]:.2g}..{ends[1]:.2g}"
