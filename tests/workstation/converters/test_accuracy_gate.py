from __future__ import annotations

import math
import re

import pytest

from converters.accuracy_gate import DEFAULT_GATE, AccuracyGate
from mnist_edge.errors import InvalidValue
from mnist_edge.metrics.paired import Comparison

LOST = Comparison(
    both_right=4_930, only_reference=20, only_candidate=10, both_wrong=40, agreement=0.99
)
"""0.20 points lost of 5,000 digits, and up to 0.43 not excluded."""


@pytest.mark.parametrize(
    ("gate", "failure"),
    [
        (AccuracyGate(), None),
        (AccuracyGate(max_drop_point=0.2), None),
        (AccuracyGate(max_drop_point=0.19), "it loses 0.20 points .* at most 0.19 allowed"),
        (AccuracyGate(max_drop=LOST.largest_drop), None),
        (AccuracyGate(max_drop=0.2), "it may lose 0.4. points .* at most 0.20 allowed"),
        (AccuracyGate(max_drop=0.2, max_drop_point=0.2), "it may lose"),
        (AccuracyGate(max_drop=0.2, max_drop_point=0.1), "it loses"),
    ],
)
def test_both_gates_are_checked(gate: AccuracyGate, failure: str | None) -> None:
    found = gate.failure(LOST)
    assert (found is None) == (failure is None)
    assert re.match(failure or "", found or "")


def test_the_default_is_the_drop_as_measured() -> None:
    assert AccuracyGate(max_drop_point=0.3) == DEFAULT_GATE


@pytest.mark.parametrize("option", ["max_drop", "max_drop_point"])
def test_an_invalid_limit_is_refused(option: str) -> None:
    with pytest.raises(InvalidValue, match=f"--{option.replace('_', '-')} nan"):
        AccuracyGate(**{option: math.nan})
