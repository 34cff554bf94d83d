from __future__ import annotations

import pytest

from mnist_edge.system.text import hide_passwords, percent, shorten, signed, to_unicode


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0, "+0.00"),
        (-0.0, "+0.00"),
        (-0.001, "+0.00"),
        (-0.005001, "-0.01"),
        (0.004, "+0.00"),
        (-1234.5, "-1,234.50"),
    ],
)
def test_a_number_that_rounds_to_zero_is_not_negative(number: float, text: str) -> None:
    assert signed(number) == text


def test_the_number_of_decimals_can_be_given() -> None:
    assert signed(-0.4, 0) == "+0"
    assert signed(299_248, 0) == "+299,248"
    assert signed(-0.0004, 3) == "+0.000"


def test_a_share_is_written_in_percent_and_none_as_a_dash() -> None:
    assert percent(0.99345) == "99.34 %"
    assert percent(1, 1) == "100.0 %"
    assert percent(0.5, 0) == "50 %"
    assert percent(None) == "\u2013"


def test_a_shortened_name_keeps_its_beginning_and_its_end() -> None:
    assert shorten("a/long/path/to/int8", 10) == "a/l...int8"
    assert shorten("int8", 10) == "int8"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("rtsp://user:p%40ss@10.0.0.2/a?x=1", "rtsp://user:...@10.0.0.2/a?x=1"),
        ("two: a://:b@c d://e:f@g@h", "two: a://:...@c d://e:...@h"),
        ("http://[::1]:80/a@b gs://anonymous@bucket", "http://[::1]:80/a@b gs://anonymous@bucket"),
    ],
)
def test_the_passwords_of_urls_are_hidden(text: str, shown: str) -> None:
    assert hide_passwords(text) == shown


def test_bytes_that_are_not_unicode_are_escaped() -> None:
    assert to_unicode("caf\udce9 \u00e9\n") == "caf\\udce9 \u00e9\n"
