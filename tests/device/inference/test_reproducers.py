"""Pictures that were once misread, drawn for this project, are read right.

``tests/data/reproducers/expected.csv`` has for each what a person reads in it, or nothing where
there is no digit; ``/`` parts lines.
"""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from mnist_edge import Classifier

REPRODUCERS = Path(__file__).parents[2] / "data/reproducers"
SHAPES = {
    "05_stem_4.png": "its loop is a fifth of its height, and is filled in 20x20 pixels",
    "10_nine_square_0.png": "a square 9 is a shape that the model was not trained with",
    "10_nine_square_1.png": "a square 9 is a shape that the model was not trained with",
    "10_six_crossed_0.png": "a 6 that crosses its back is one as well",
    "11_letter_d.png": "a d is a 2 to a model that was not trained with letters like digits",
}
"""Pictures that are not read yet, and why; only the letter among them gets an answer."""


def reproducers(digits: str) -> list[tuple[str, str]]:
    """Return the files with one digit, or those to read all of, with their text."""
    with (REPRODUCERS / "expected.csv").open(newline="", encoding="utf-8") as lines:
        return [
            (one["file"], one["text"]) for one in csv.DictReader(lines) if one["digits"] == digits
        ]


@pytest.fixture(scope="module")
def classifier() -> Classifier:
    return Classifier("edge")


@pytest.mark.parametrize(("file", "text"), reproducers("all"))
def test_every_digit_is_read_in_its_line(file: str, text: str, classifier: Classifier) -> None:
    assert classifier.predict_all(REPRODUCERS / file).text == text.replace("/", "\n")


@pytest.mark.parametrize(
    ("file", "text"), [one for one in reproducers("one") if one[0] not in SHAPES]
)
def test_one_digit_is_read_and_none_where_there_is_none(
    file: str, text: str, classifier: Classifier
) -> None:
    digit = classifier.predict(REPRODUCERS / file).digit
    assert ("" if digit is None else str(digit)) == text


@pytest.mark.parametrize("file", [file for file in SHAPES if file != "11_letter_d.png"])
def test_a_shape_that_the_model_does_not_know_has_no_answer(
    file: str, classifier: Classifier
) -> None:
    assert classifier.predict(REPRODUCERS / file).digit in (
        None,
        int(dict(reproducers("one"))[file]),
    )
