from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from mnist_edge.data.mnist import Digits, Mnist
from mnist_edge.errors import InvalidValue, UnknownName
from mnist_edge.preprocessing.mnist_format import is_mnist_format
from mnist_edge.training.outliers.generator import (
    HELD_OUT_KINDS,
    KINDS,
    LOOKALIKE_KINDS,
    TRAINING_KINDS,
    draw_outliers,
)

FRAMES = [name for name, kind in KINDS.items() if kind.is_frame]
DRAWINGS = [name for name, kind in KINDS.items() if not kind.is_frame]


@pytest.fixture(scope="module")
def digits(small_mnist: Mnist) -> Digits:
    return small_mnist.train


def _vectors(pictures: NDArray[np.uint8]) -> NDArray[np.float64]:
    flat = pictures.reshape(len(pictures), -1).astype(float)
    lengths: NDArray[np.float64] = np.linalg.norm(flat, axis=1, keepdims=True)
    unit: NDArray[np.float64] = flat / np.maximum(lengths, 1)
    return unit


@pytest.mark.parametrize("name", KINDS)
def test_every_kind_is_not_blank_and_varies(name: str, digits: Digits) -> None:
    pictures = draw_outliers(15, digits=digits, seed=1, kinds=[name])
    assert pictures.shape == (15, 28, 28)
    assert pictures.dtype == np.uint8
    # Two can be made of the same digit, or have the same gray level.
    assert len({picture.tobytes() for picture in pictures}) > 12
    if name not in {"plain", "dust"}:  # nothing but one gray is what is meant there
        assert min(np.ptp(picture) for picture in pictures) > 30


@pytest.mark.parametrize("name", KINDS)
def test_the_same_seed_draws_the_same_and_another_seed_others(name: str, digits: Digits) -> None:
    first, second = (draw_outliers(3, digits=digits, seed=3, kinds=[name]) for _ in range(2))
    other = draw_outliers(3, digits=digits, seed=4, kinds=[name])
    np.testing.assert_array_equal(first, second)
    assert not np.array_equal(first, other)


@pytest.mark.slow
@given(
    names=st.lists(st.sampled_from(list(KINDS)), min_size=1, max_size=4, unique=True),
    count=st.integers(0, 9),
    seed=st.integers(0, 2**32),
)
@settings(max_examples=15, deadline=None)
def test_kinds_take_turns_and_none_changes_another(
    names: list[str], count: int, seed: int, small_mnist: Mnist
) -> None:
    digits = small_mnist.train
    together = draw_outliers(count, digits=digits, seed=seed, kinds=names)
    assert together.shape == (count, 28, 28)
    for turn, name in enumerate(names):
        of_kind = together[turn :: len(names)]
        alone = draw_outliers(len(of_kind), digits=digits, seed=seed, kinds=[name])
        np.testing.assert_array_equal(of_kind, alone)


def test_all_kinds_are_drawn_where_none_are_named(digits: Digits) -> None:
    everything = draw_outliers(len(KINDS), digits=digits, seed=1)
    named = draw_outliers(len(KINDS), digits=digits, seed=1, kinds=KINDS)
    np.testing.assert_array_equal(everything, named)


def test_most_drawings_are_in_mnist_format(digits: Digits) -> None:
    pictures = draw_outliers(10 * len(DRAWINGS), digits=digits, seed=1, kinds=DRAWINGS)
    in_form = np.array([is_mnist_format(picture) for picture in pictures])
    assert 0.4 < in_form.mean() < 0.8
    others = pictures[~in_form]
    assert 0.1 < (others[:, 0, 0] > 128).mean() < 0.4  # black on white
    # They are off center and of any size: every row and column has ink.
    ink = np.abs(others.astype(int) - others[:, :1, :1]) > 64
    assert ink.any(axis=(0, 1)).all()
    assert ink.any(axis=(0, 2)).all()


def test_frames_have_no_empty_border_as_a_digit_has(digits: Digits) -> None:
    kinds = [name for name in FRAMES if name != "dust"]
    pictures = draw_outliers(10 * len(kinds), digits=digits, seed=1, kinds=kinds)
    rims = np.concatenate(
        [pictures[:, 0], pictures[:, -1], pictures[:, :, 0], pictures[:, :, -1]], axis=1
    )
    assert ((rims > 0).mean(axis=1) > 0.05).mean() > 0.95


@pytest.mark.slow
def test_drawings_that_resemble_a_digit_are_redrawn(digits: Digits) -> None:
    kinds = [name for name, kind in KINDS.items() if kind.may_be_a_digit]
    assert {"fragments", "scribbles"} <= set(kinds)
    pictures = draw_outliers(40 * len(kinds), digits=digits, seed=2, kinds=kinds)
    formed = np.array([is_mnist_format(picture) for picture in pictures])
    stamps = _vectors(digits.images).T
    nearest = (_vectors(pictures[formed]) @ stamps).max(axis=1)
    # Unseen digits are nearer to digits than any of these.
    assert nearest.max() < 0.8


def test_an_unknown_kind_lists_the_known_ones(digits: Digits) -> None:
    with pytest.raises(UnknownName, match=r"'digits'.*printed letters"):
        draw_outliers(1, digits=digits, seed=1, kinds=["digits"])


@pytest.mark.parametrize(
    ("count", "seed", "kinds", "message"),
    [
        (-1, 1, None, "count -1 must be at least 0"),
        (1, -1, None, "seed -1 must be at least 0"),
        (1, 1, [], "number of kinds 0 must be at least 1"),
    ],
)
def test_invalid_outlier_arguments_are_refused(
    count: int, seed: int, kinds: list[str] | None, message: str, digits: Digits
) -> None:
    with pytest.raises(InvalidValue, match=message):
        draw_outliers(count, digits=digits, seed=seed, kinds=kinds)


def test_all_ten_digits_are_required(digits: Digits) -> None:
    # Some kinds search for certain digits, and would never end.
    ones = digits.take(np.flatnonzero(digits.labels == 1))
    with pytest.raises(InvalidValue, match="number of different digits 1 must be at least 10"):
        draw_outliers(1, digits=ones, seed=1)


def test_each_kind_is_in_one_group() -> None:
    groups = (TRAINING_KINDS, LOOKALIKE_KINDS, HELD_OUT_KINDS)
    assert sorted(name for group in groups for name in group) == sorted(KINDS)
    assert len(HELD_OUT_KINDS) >= 5
