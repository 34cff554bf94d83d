from __future__ import annotations

from fractions import Fraction
from math import ceil, floor

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mnist_edge.runtimes.numpy_backend.fixed_point import to_fixed_point


@given(
    st.floats(2**-31, 2**20),
    st.lists(st.integers(-(2**31), 2**31 - 1), min_size=1, max_size=20),
)
def test_products_are_rounded_twice(real: float, accumulators: list[int]) -> None:
    by = to_fixed_point(real)
    values = [value >> max(int(by.shift), 0) for value in accumulators]
    assert Fraction(int(by.multiplier), 2**31) * Fraction(2) ** int(by.shift) == pytest.approx(
        Fraction(real), rel=2**-30
    )
    left, right = max(int(by.shift), 0), max(-int(by.shift), 0)
    high = [
        floor(Fraction(value * int(by.multiplier) * 2**left, 2**31) + Fraction(1, 2))
        for value in values
    ]
    half = Fraction(1, 2)
    array = np.array(values, np.int64)
    up = [floor(Fraction(value, 2**right) + half) for value in high]
    assert by.round_half_up(array).tolist() == up
    away = [
        floor(Fraction(value, 2**right) + half)
        if value >= 0
        else ceil(Fraction(value, 2**right) - half)
        for value in high
    ]
    assert by.round_half_away(array).tolist() == away


@pytest.mark.parametrize("real", [2.0**30, float("inf"), float("nan"), -1.0])
def test_a_factor_whose_products_overflow_is_refused(real: float) -> None:
    with pytest.raises(OverflowError, match="a factor"):
        to_fixed_point(real)
