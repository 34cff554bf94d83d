from __future__ import annotations

from mnist_edge.deployment.cluster.summary import Tally, tally_columns


def test_answers_abstentions_and_errors_are_counted() -> None:
    tally = tally_columns(
        {
            "digit": [7, 7, None, None, 1],
            "abstained": [None, None, "blank", None, None],
            "error_type": [None, None, None, "UnreadablePicture", None],
        }
    )
    assert tally.to_dict() == {
        "rows": 5,
        "digits": {"1": 1, "7": 2},
        "abstained": {"blank": 1},
        "errors": {"UnreadablePicture": 1},
    }
    assert tally.failed == 1


def test_each_digit_of_a_page_counts() -> None:
    tally = tally_columns(
        {
            "digit": [None, None],
            "text": ["47?\n7", None],
            "abstained": ["low-confidence", None],
            "error_type": [None, "PictureNotFound"],
        }
    )
    assert tally.digits == {"4": 1, "7": 2}


def test_tallies_add_up() -> None:
    total = Tally()
    for digit in (3, 1, 3):
        total.add(tally_columns({"digit": [digit], "abstained": [None], "error_type": [None]}))
    assert (total.rows, total.digits, list(total.digits)) == (3, {"1": 1, "3": 2}, ["1", "3"])
