from __future__ import annotations

import pytest

from mnist_edge.monitoring.digit_completion import explain_wheels, fill_unread


@pytest.mark.parametrize(
    ("before", "text", "explained"),
    [
        # Not read between two.
        ("1239", "12?0", "1240"),
        ("1234", "12?9", "1239"),
        # Still the one before, and the next already.
        ("1239", "1230", "1240"),
        ("1235", "1249", "1239"),
        ("1240", "1230", "1240"),
        # One wheel takes the next along.
        ("1999", "1?00", "2000"),
        ("9999", "???0", "0000"),
        # Nothing to the right was read, or stands still.
        ("1998", "????", None),
        ("1234", "12?5", None),
        # There is nothing to explain, or nothing like it.
        ("1239", "1240", None),
        ("1239", "1280", None),
    ],
)
def test_a_later_digit_explains_one_between_two(
    before: str, text: str, explained: str | None
) -> None:
    assert explain_wheels(text, before) == explained


@pytest.mark.parametrize(
    ("before", "text", "filled"),
    [
        ("1234", "12?5", "1235"),
        ("1234", "123?", "1234"),
        ("1234", "?2?4", "1234"),
        # The digits to the right have fallen, so this one has changed.
        ("1234", "12?3", None),
        # A digit to the left has changed, so this one may be any.
        ("1234", "13?4", None),
        # More is missing than was read.
        ("1234", "1???", None),
    ],
)
def test_a_digit_that_was_not_read_is_filled_if_the_rest_agrees(
    before: str, text: str, filled: str | None
) -> None:
    assert fill_unread(text, before) == filled
