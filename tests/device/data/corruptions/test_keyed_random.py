from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from mnist_edge.data.corruptions.keyed_random import KeyedRandom


@given(
    st.integers(0, 10_000), st.integers(1, 40), st.integers(0, 50), st.sampled_from([1, 3, 4, 5])
)
def test_random_numbers_depend_on_the_index_alone(
    first: int, count: int, after: int, wanted: int
) -> None:
    def numbers(start: int, many: int) -> NDArray[np.float64]:
        draws = KeyedRandom("some/kind", first=start, count=many)
        return np.stack((draws.uniform(wanted), draws.normal(wanted)))

    whole = numbers(first, count + after)
    np.testing.assert_array_equal(numbers(first + after, count), whole[:, after:])
    assert len(np.unique(whole)) == whole.size


def test_uniform_and_normal_numbers_have_their_distributions() -> None:
    draws = KeyedRandom("some/kind", first=0, count=10_000)
    even = draws.uniform(5)
    assert 0 <= even.min() < even.max() < 1
    np.testing.assert_allclose(np.histogram(even, 10, (0, 1))[0], 5_000, rtol=0.06)
    normal = draws.normal(5)
    assert (normal.mean(), normal.std()) == pytest.approx((0, 1), abs=0.02)
    assert (np.abs(normal) < 1).mean() == pytest.approx(0.6827, abs=0.01)
    assert np.unique(draws.sign()).tolist() == [-1, 1]
    other = KeyedRandom("another/kind", first=0, count=10_000).uniform(5)
    assert abs(np.corrcoef(even.ravel(), other.ravel())[0, 1]) < 0.02
