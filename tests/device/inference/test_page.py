"""What was read on a page, as text and as JSON."""

from __future__ import annotations

from mnist_edge import FoundDigit, Page, Prediction


def found(digit: int, *, left: int, is_answered: bool = True) -> FoundDigit:
    """Return a digit that the model is sure of, or not sure enough."""
    confidence = 0.97 if is_answered else 0.43
    others = (1 - confidence) / 9
    prediction = Prediction(
        digit=digit if is_answered else None,
        confidence=confidence,
        probabilities=tuple(confidence if one == digit else others for one in range(10)),
        abstained=None if is_answered else "low-confidence",
    )
    return FoundDigit(prediction=prediction, box=(left, 0, left + 10, 20))


PAGE = Page(
    lines=((found(4, left=0), found(2, left=12, is_answered=False)), (found(7, left=3),)),
)


def test_the_text_has_a_line_per_line_and_says_where_there_is_no_answer() -> None:
    assert PAGE.text == "4?\n7"
    assert PAGE.without_abstention().text == "42\n7"
    assert len(PAGE.digits) == 3


def test_the_document_has_the_place_of_each_digit() -> None:
    document = PAGE.to_dict()
    assert document["text"] == PAGE.text
    assert document["digits"][1] == {
        "digit": None,
        "confidence": 0.43,
        "abstained": "low-confidence",
        "line": 1,
        "box": [12, 0, 22, 20],
    }
    assert [one["line"] for one in document["digits"]] == [1, 1, 2]
