"""How a verdict is split into a heading and its figures."""

from __future__ import annotations

import pytest

from mnist_edge.evaluation.report.render.formatting import split_verdict


@pytest.mark.parametrize(
    ("verdict", "parts"),
    [
        ("int8 costs a nothing: 99 % of 9.", ("int8 costs a nothing", "99 % of 9.")),
        ("int8 is broken: 9 %: do not ship it.", ("int8 is broken", "9 %: do not ship it.")),
        (
            "int8 loses 3.00 points (95 %: 2.70 to 3.30), 96 % of 9: do not ship it.",
            ("int8 loses 3.00 points (95 %: 2.70 to 3.30)", "96 % of 9: do not ship it."),
        ),
        ("a: float32 alone was measured.", ("a: float32 alone was measured.", "")),
        ("int8 is (no end: of it", ("int8 is (no end: of it", "")),
    ],
)
def test_a_verdict_is_split_after_its_claim(verdict: str, parts: tuple[str, str]) -> None:
    assert split_verdict(verdict) == parts
