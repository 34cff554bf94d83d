from __future__ import annotations

from pathlib import Path

import pytest

from mnist_edge import Classifier
from mnist_edge.errors import PictureError
from mnist_edge.inference.picture_guesses import guess_boxes, guess_picture
from tests.support.paths import ROOT, SAMPLE

NUMBER = ROOT / "docs/images/number.jpg"


def test_one_digit_is_guessed_as_a_whole_and_a_number_digit_by_digit(
    classifier: Classifier,
) -> None:
    [seven] = guess_picture(classifier, SAMPLE, several=None)
    assert (seven.prediction.digit, seven.box) == (7, None)
    number = guess_picture(classifier, NUMBER, several=None)
    assert len(number) > 1
    assert [one.box for one in number] == [one.box for one in classifier.predict_all(NUMBER).digits]
    [whole] = guess_picture(classifier, NUMBER, several=False)
    assert whole.box is None


def test_boxes_keep_their_order_and_a_guess_its_likeliest_digit(classifier: Classifier) -> None:
    boxes = [one.box for one in classifier.predict_all(NUMBER).digits][::-1]
    guesses = guess_boxes(classifier, NUMBER.parent, NUMBER.name, boxes)
    assert [one.box for one in guesses] == boxes
    for guess in guesses:
        document = guess.to_dict()
        assert document["likeliest"] == guess.prediction.top(1)[0][0]
        assert 0 < document["confidence"] <= 1


def test_a_broken_picture_cannot_be_guessed(classifier: Classifier, tmp_path: Path) -> None:
    (tmp_path / "broken.png").write_text("no picture")
    with pytest.raises(PictureError):
        guess_picture(classifier, tmp_path / "broken.png", several=None)
