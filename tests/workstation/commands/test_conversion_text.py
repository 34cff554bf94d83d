from __future__ import annotations

import math

from converters.conversion import Converted
from converters.layer_error import LayerError
from mnist_edge.commands.conversion_text import conversion_table, explain_table
from mnist_edge.modelstore import loading
from tests.support.paths import NANO

LAYERS = [
    LayerError(
        operator="CONV_2D",
        name="first",
        weights=(-0.5, 0.25),
        activations=(0.0, 6.0),
        saturated=0.0012,
        rmse=0.31,
        sqnr=38.25,
    ),
    LayerError(
        operator="FULLY_CONNECTED",
        name="logits",
        weights=(-1.0, 1.0),
        activations=(-20.0, 15.0),
        saturated=0.0,
        rmse=0.81,
        sqnr=30.0,
    ),
    LayerError(
        operator="RESHAPE",
        name="flat",
        weights=None,
        activations=(0.0, 6.0),
        saturated=0.0,
        rmse=0.0,
        sqnr=math.inf,
    ),
]


def test_each_layer_has_its_error_and_the_worst_are_named_below() -> None:
    heading, *rows, suspect, weakest = explain_table(LAYERS).splitlines()
    assert heading.split()[0] == "layer"
    assert [row.split()[1] for row in rows] == ["CONV_2D", "FULLY_CONNECTED", "RESHAPE"]
    assert rows[0].split()[2:] == ["-0.5..0.25", "0..6", "0.12", "%", "0.310", "38.2", "dB"]
    assert rows[2].split()[-1] == "exact"
    assert suspect.endswith("beyond 0.7: layer 2, logits (0.81)")
    assert weakest == "least SQNR: layer 2, logits (30.0 dB)"


def test_a_file_has_its_size_and_its_drop_against_keras() -> None:
    stored = loading.load_model(NANO)
    assert stored.manifest is not None
    converted = Converted(
        path=stored.path,
        content=stored.content,
        manifest=stored.manifest,
        ratio=0.25,
        drop=0.04,
        gate=None,
        tried=(),
    )
    _, row = conversion_table([converted]).splitlines()
    assert row.split()[:4] == ["int8", f"{len(stored.content):,}", "25", "%"]
    assert row.endswith("+0.04 points")
