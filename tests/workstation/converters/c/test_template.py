from __future__ import annotations

import pytest

from converters.c.template import fill, rename


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("digit_run(digit_workspace *)", "nano_run(nano_workspace *)"),
        ('#include "digit.h"', '#include "nano.h"'),
        ("src/digit.c digit.js digit.wasm", "src/nano.c nano.js nano.wasm"),
        ("This is no digit. One digit, a digit.", "This is no digit. One digit, a digit."),
        ("reading->digit; is_one_digit(", "reading->digit; is_one_digit("),
    ],
)
def test_names_get_the_prefix_and_words_do_not(text: str, expected: str) -> None:
    assert rename(text, "nano") == expected


def test_values_may_hold_values() -> None:
    values = {"title": "@one@ of @two@", "one": "1", "two": "2"}
    assert fill("libraries/zephyr/zephyr/module.yml", "nano", values).startswith(
        "name: nano_reader"
    )
    assert "1 of 2, in C" in fill("libraries/zephyr/Kconfig", "nano", values)
