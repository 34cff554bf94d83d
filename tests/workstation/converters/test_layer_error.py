from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

from converters import conversion, layer_error
from converters.calibration_set import draw_calibration_set
from converters.conversion import Prepared
from mnist_edge.data.mnist import Mnist
from tests.support.conversions import save_unbalanced


def _layers(prepared: Prepared, digits: Mnist) -> list[layer_error.LayerError]:
    return layer_error.measure_layer_errors(
        prepared.model.network,
        prepared.scaling,
        calibration=draw_calibration_set(digits).images,
        digits=digits.validation.images,
    )


@pytest.mark.slow
def test_a_good_model_has_only_rounding_errors(
    prepared: Prepared, small_mnist: Mnist, tmp_path: Path
) -> None:
    layers = _layers(prepared, small_mnist)
    operators = ["CONV_2D", "CONV_2D", "MAX_POOL_2D", *["CONV_2D"] * 4, "MEAN", "FULLY_CONNECTED"]
    assert [layer.operator for layer in layers] == operators
    assert layer_error.suspect_layers(layers) == []
    assert layer_error.weakest_layer(layers).sqnr > 30
    for layer in layers:
        # Pooling only selects integers.
        if layer.operator == "MAX_POOL_2D":
            assert layer.sqnr == math.inf
        else:
            # Zeros of a ReLU have no rounding error.
            assert 0.4 * layer_error.HEALTHY < layer.rmse < layer_error.SUSPECT
        if layer.weights:
            assert layer.weights[0] < 0 < layer.weights[1]
        # Values outside the range of the few calibration digits.
        assert layer.saturated < 0.002
        assert layer.activations[0] < layer.activations[1]
    picture = tmp_path / "explain.png"
    layer_error.plot_layer_errors(picture, layers, title="nano")
    assert picture.read_bytes().startswith(b"\x89PNG")


@pytest.mark.slow
def test_the_layer_with_the_largest_error_is_named(small_mnist: Mnist, tmp_path: Path) -> None:
    unbalanced = conversion.prepare(save_unbalanced(small_mnist, tmp_path / "a.keras"), small_mnist)
    layers = _layers(unbalanced, small_mnist)
    # The large unit determines the hidden layer's scale, so that the others round to zero.
    (suspect,) = layer_error.suspect_layers(layers)
    assert suspect is layer_error.weakest_layer(layers) is layers[-1]
    assert suspect.sqnr < 1
    hidden = layers[-2]
    assert hidden.activations[1] > 1000


@pytest.mark.parametrize("count", [1, 3, 30])
def test_the_legend_does_not_cover_the_errors(
    count: int, figures: list[Any], tmp_path: Path
) -> None:
    layers = [
        layer_error.LayerError(
            operator="CONV_2D",
            name="layer",
            weights=None,
            activations=(0.0, 1.0),
            saturated=0.0,
            rmse=0.9,
            sqnr=40.0,
        )
    ] * count
    layer_error.plot_layer_errors(tmp_path / "explain.png", layers, title="any")
    (figure,) = figures
    (legend,) = figure.legends
    box = legend.get_window_extent()
    assert figure.bbox.x0 <= box.x0 < box.x1 <= figure.bbox.x1
    for axis in figure.axes:
        assert axis.get_legend() is None
        assert not box.overlaps(axis.get_tightbbox())
