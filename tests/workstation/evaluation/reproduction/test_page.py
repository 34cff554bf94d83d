"""The plot of the articles' systems."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from mnist_edge.evaluation.reproduction import page
from mnist_edge.evaluation.reproduction.measure import ReproductionRow
from mnist_edge.evaluation.reproduction.systems import find_systems
from tests.support.paths import ROOT


def committed_rows() -> list[ReproductionRow]:
    document = json.loads((ROOT / "models" / "reproduction.json").read_text(encoding="utf-8"))
    rows = []
    for row in document["rows"]:
        (system,) = find_systems([row["system"]["recipe"]])
        validations = tuple(map(tuple, row["validations"]))
        rows.append(ReproductionRow(**{**row, "system": system, "validations": validations}))
    return rows


@pytest.mark.parametrize("rows", [slice(None), slice(5, 6), slice(2, 3)])
def test_the_plot_shows_small_differences(rows: slice, figures: list[Any], tmp_path: Path) -> None:
    chosen = committed_rows()[rows]
    page.plot_reproduction(chosen, tmp_path / "reproduction.png")
    (figure,) = figures
    tests, curves = figure.axes
    low, high = tests.get_xlim()
    for row in chosen:
        assert low < 100 - row.test_float < high
    assert (tests.get_xscale(), curves.get_yscale()) == ("log", "log")
    assert len(curves.lines) == len(chosen)
    # Every figure is also shown as a number.
    texts = [text.get_text() for text in tests.texts]
    for row in chosen:
        assert f"{row.test_float:.2f} / {row.test_int8:.2f} %" in texts
    # 98.87 and 97.92 % are a third of the axis apart where all systems are drawn.
    if len(chosen) > 5:
        places = [
            tests.transAxes.inverted().transform(tests.transData.transform((100 - a, 0)))[0]
            for a in (98.87, 97.92)
        ]
        assert places[1] - places[0] > 0.1
