from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from mnist_edge.monitoring.readings import ValueReading
from mnist_edge.monitoring.value_plot import plot_values
from tests.support.readings import counter_reading

CURVE, MARK = (30, 90, 180), (200, 60, 40)


def rows_of(readings: Sequence[ValueReading], color: tuple[int, int, int]) -> list[int]:
    """Return the rows with a color, in the drawing's order of columns."""
    pixels = np.asarray(plot_values(readings))
    found = np.argwhere((pixels == color).all(axis=2))
    return [int(row) for row, _ in sorted(found.tolist(), key=lambda place: place[1])]


def test_a_curve_rises_with_its_values() -> None:
    rows = rows_of([counter_reading(number) for number in range(50)], CURVE)
    assert rows[0] > 190
    assert rows[-1] < 50


def test_each_region_has_its_place_and_refused_readings_a_mark() -> None:
    error = "only_grows: 1 is less than 2"
    readings = [
        *(counter_reading(number) for number in range(5)),
        *(counter_reading(number, region="zinc", error=error) for number in range(5)),
    ]
    assert plot_values(readings).size == (960, 480)
    assert max(rows_of(readings, CURVE)) < 240
    assert min(rows_of(readings, MARK)) > 240


@pytest.mark.parametrize("count", [0, 1, 2])
def test_a_few_readings_are_drawn_too(count: int) -> None:
    picture = plot_values([replace(counter_reading(0), unit="日/³") for _ in range(count)])
    assert picture.size == (960, 240)
