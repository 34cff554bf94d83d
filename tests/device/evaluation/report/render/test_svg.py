"""Scales, axes and marks."""

from __future__ import annotations

from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mnist_edge.evaluation.report.render import svg
from mnist_edge.evaluation.report.render.svg import Scale
from mnist_edge.metrics.intervals import Interval

UP = Scale(low=0, high=10, start=200, end=100)
"""An axis that grows upwards."""


def test_a_value_beyond_an_axis_is_drawn_at_its_end() -> None:
    assert [UP(value) for value in (-1, 0, 5, 10, 11)] == [200, 200, 150, 100, 100]


@pytest.mark.parametrize(
    ("minimum", "step"), [(0.9, 1), (1, 1), (1.1, 2), (2.5, 5), (6, 10), (0.03, 0.05)]
)
def test_a_step_is_1_2_or_5_times_a_power_of_ten(minimum: float, step: float) -> None:
    assert svg.round_step(minimum) == pytest.approx(step)


@given(
    low=st.floats(-1e6, 1e6),
    width=st.floats(1e-3, 1e6),
    max_steps=st.integers(1, 12),
)
def test_ticks_are_on_the_axis_and_no_more_than_asked_for(
    low: float, width: float, max_steps: int
) -> None:
    scale = Scale(low=low, high=low + width, start=0, end=1)
    ticks = scale.ticks(max_steps)
    slack = 1e-6 * width
    assert all(low - slack <= tick <= low + width + slack for tick in ticks)
    assert len(ticks) <= max_steps + 1


def test_ticks_have_the_decimal_places_that_tell_them_apart() -> None:
    def labels(high: float) -> list[str | None]:
        scale = Scale(low=0, high=high, start=0, end=1)
        parts = svg.horizontal_axis(scale, top=0, bottom=1, max_steps=5)
        return [ET.fromstring(part).text for part in parts if part.startswith("<text")]  # noqa: S314  # ours

    assert labels(10) == ["0", "2", "4", "6", "8", "10"]
    assert labels(0.01) == ["0.000", "0.002", "0.004", "0.006", "0.008", "0.010"]


def test_an_interval_has_a_stop_where_it_ends_on_the_axis() -> None:
    assert svg.whisker(UP, Interval(2, 8), 0, "candidate").count("<line") == 3
    assert svg.whisker(UP, Interval(2, 80), 0, "candidate").count("<line") == 2
    assert svg.whisker(UP, Interval(-5, 80), 0, "candidate").count("<line") == 1


def test_the_reference_is_round_and_a_candidate_square() -> None:
    assert svg.marker(1, 2, "reference").startswith("<circle")
    assert svg.marker(1, 2, "candidate").startswith("<rect")


def test_a_drawing_is_named_for_a_screen_reader_and_its_words_are_escaped() -> None:
    text = svg.drawing(
        "cost", size=(10, 20), title="a < b", description='"quoted"', body=[svg.text(1, 2, "<b>")]
    )
    root = ET.fromstring(text)  # noqa: S314  # ours
    space = "{http://www.w3.org/2000/svg}"
    assert root.get("aria-labelledby") == "cost-title cost-desc"
    assert root.findtext(f"{space}title") == "a < b"
    assert root.findtext(f"{space}desc") == '"quoted"'
    assert root.findtext(f"{space}text") == "<b>"
