from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray

from mnist_edge.errors import UnknownName
from mnist_edge.runtimes.input_scaling import (
    INPUT_SCALINGS,
    RAW_PIXELS,
    find_input_scaling,
)


def of_unit_length(values: NDArray[np.float64], axis: int | tuple[int, ...]) -> NDArray[np.float64]:
    length = np.sqrt((values**2).sum(axis=axis, keepdims=True))
    return np.divide(values, length, out=np.zeros_like(values), where=length > 0)


FORMULAS: dict[str, Callable[[NDArray[np.float64]], NDArray[np.float64]]] = {
    "": lambda x: x,
    "/255": lambda x: x / 255,
    "/127.5-1": lambda x: x / 127.5 - 1,
    "/255-0.5": lambda x: x / 255 - 0.5,
    "-standardized": lambda x: (x / 255 - 0.1307) / 0.3081,
    "-unit-columns": lambda x: of_unit_length(x, 1),
    "-unit-rows": lambda x: of_unit_length(x, 2),
    "-unit-image": lambda x: of_unit_length(x, (1, 2)),
}
NAMES = [*(f"pixels{kind}" for kind in FORMULAS), *(f"inverted{kind}" for kind in FORMULAS)]
UNIT_AXES: dict[str, Any] = {"-unit-columns": 1, "-unit-rows": 2, "-unit-image": (1, 2)}
EITHER = ("pixels", "inverted")

IMAGES = arrays.arrays(np.uint8, st.tuples(st.integers(0, 3), st.just(28), st.just(28)))
"""Mostly one gray level, as digits are, which may be 0: blank rows and columns come up."""


def test_the_scalings_begin_with_raw_pixels() -> None:
    assert list(INPUT_SCALINGS) == NAMES
    assert all(reading.name == name for name, reading in INPUT_SCALINGS.items())
    assert find_input_scaling("pixels") is RAW_PIXELS
    with pytest.raises(UnknownName, match=r"unknown pixel scaling 'pixel'.*: choose one of"):
        find_input_scaling("pixel")


@pytest.mark.parametrize("kind", FORMULAS)
@settings(max_examples=25)
@given(images=IMAGES)
def test_a_scaling_computes_its_formula(kind: str, images: NDArray[np.uint8]) -> None:
    for swapped, name in enumerate(EITHER):
        found = INPUT_SCALINGS[name + kind].apply(images)
        real = images.astype(np.float64)
        assert found.dtype == np.float32
        assert found.shape == images.shape
        expected = FORMULAS[kind](255 - real if swapped else real)
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("kind", UNIT_AXES)
@settings(max_examples=25)
@given(images=IMAGES)
def test_a_unit_scaling_gives_vectors_of_length_1_or_0(
    kind: str, images: NDArray[np.uint8]
) -> None:
    for name in EITHER:
        vectors = INPUT_SCALINGS[name + kind].apply(images).astype(np.float64)
        squares = (vectors**2).sum(axis=UNIT_AXES[kind])
        blank = (images == (0 if name == "pixels" else 255)).all(axis=UNIT_AXES[kind])
        np.testing.assert_allclose(squares, np.where(blank, 0, 1), atol=1e-5)


@pytest.mark.parametrize("kind", FORMULAS)
@settings(max_examples=25)
@given(images=IMAGES)
def test_inverted_scalings_swap_ink_and_paper(kind: str, images: NDArray[np.uint8]) -> None:
    plain, inverted = (INPUT_SCALINGS[name + kind] for name in EITHER)
    swapped = np.invert(images)
    np.testing.assert_allclose(inverted.apply(images), plain.apply(swapped), rtol=1e-5, atol=1e-5)
