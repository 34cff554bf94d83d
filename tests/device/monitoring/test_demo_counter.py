from pathlib import Path

import numpy as np

from mnist_edge import Classifier
from mnist_edge.monitoring.demo_counter import (
    COUNTER_BOX,
    CYCLE,
    CounterPicture,
    draw_counter,
    picture_at,
)


def test_the_counter_grows_but_for_the_picture_that_is_stuck() -> None:
    pictures = [picture_at(number) for number in range(2 * CYCLE)]
    steps = np.diff([one.value for one in pictures])
    stuck = [number for number, one in enumerate(pictures) if one.fault == "stuck"]
    assert len(stuck) == 12
    assert {number + 1 for number in np.flatnonzero(steps == 0)} == set(stuck)
    assert steps.min() == 0
    assert {one.fault for one in pictures} == {None, "glare", "between", "misread", "stuck"}


def test_a_picture_is_drawn_with_noise_of_its_own() -> None:
    shown = CounterPicture(value=7)
    assert (draw_counter(shown, seed=1) == draw_counter(shown, seed=1)).all()
    assert (draw_counter(shown, seed=1) != draw_counter(shown, seed=2)).any()


def test_each_of_its_digits_is_read(nano: Path) -> None:
    left, top, right, bottom = COUNTER_BOX
    classifier = Classifier(nano)
    for value in (1_234_567, 89_012_345):
        crop = draw_counter(CounterPicture(value=value))[top:bottom, left:right]
        assert classifier.predict_all(crop).text == f"{value:08}"
