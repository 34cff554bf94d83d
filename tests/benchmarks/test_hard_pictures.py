from __future__ import annotations

import numpy as np
import pytest

from benchmarks.accuracy.hard_pictures.conditions import CONDITIONS, SEVERITIES, HardPicture, make
from mnist_edge import Classifier

SEED = 1
EACH = 5
"""Pictures of each severity: 15 of a condition."""
NOT_ONE = ("number", "page", "nothing")
"""Conditions whose pictures are not of one digit."""
FLOORS = {
    "clean": 14,
    "light": 12,
    "tint": 14,
    "low-contrast": 14,
    "ruled": 14,
    "squared": 12,
    "cell": 14,
    "off-centre": 13,
    "blur": 14,
    "noise": 14,
    "texture": 14,
    "perspective": 14,
    "thin": 14,
    "thick": 14,
    "board": 14,
    "postal": 13,
    "number": 13,
    "page": 14,
    "nothing": 12,
}
"""Least number of 15 pictures that is read right, or, of those not of one digit, that is abstained
from: one less than were when it was written."""

WHOLE = {"number": 12, "page": 12}
"""Least number of 15 numbers, or pages, that is read without a mistake, in the same way."""


@pytest.fixture(scope="module")
def classifier() -> Classifier:
    return Classifier()


@pytest.fixture(scope="module", params=FLOORS)
def condition(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def drawn(condition: str) -> dict[int, list[HardPicture]]:
    """The pictures of a condition by severity."""
    return {severity: list(make(condition, severity, EACH, SEED)) for severity in SEVERITIES}


def test_every_condition_has_a_floor() -> None:
    assert set(FLOORS) == set(CONDITIONS)


@pytest.mark.slow
def test_the_same_seed_gives_the_same_pictures(
    condition: str, drawn: dict[int, list[HardPicture]]
) -> None:
    # However many follow them.
    first = drawn[2][:2]
    again, other = (list(make(condition, 2, 2, seed)) for seed in (SEED, SEED + 1))
    for one, two in zip(first, again, strict=True):
        assert one.truth == two.truth
        assert np.array_equal(np.asarray(one.image), np.asarray(two.image))
    assert any(
        not np.array_equal(np.asarray(one.image), np.asarray(two.image))
        for one, two in zip(first, other, strict=True)
    )


@pytest.mark.slow
def test_hard_pictures_are_read(
    classifier: Classifier, condition: str, drawn: dict[int, list[HardPicture]]
) -> None:
    right = 0
    for severity, pictures in drawn.items():
        for picture in pictures:
            assert min(picture.image.size) >= 16
            assert (picture.truth is None) == (condition == "nothing")
            assert (picture.condition, picture.severity) == (condition, severity)
            digit = classifier.predict(picture.image).digit
            truth = None if condition in NOT_ONE else picture.truth
            right += (None if digit is None else str(digit)) == truth
    assert right >= FLOORS[condition]


@pytest.mark.slow
@pytest.mark.parametrize("condition", WHOLE, indirect=True)
def test_every_digit_of_a_hard_picture_is_read(
    classifier: Classifier, condition: str, drawn: dict[int, list[HardPicture]]
) -> None:
    right = sum(
        classifier.predict_all(picture.image).text.replace("\n", "") == picture.truth
        for pictures in drawn.values()
        for picture in pictures
    )
    assert right >= WHOLE[condition]
