from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from mnist_edge.errors import InvalidValue
from mnist_edge.metrics.confidence import count_correct
from mnist_edge.metrics.paired import Comparison, compare


def logits(answers: list[int]) -> NDArray[np.float32]:
    """Make logits whose largest is at each answer."""
    return np.eye(10, dtype=np.float32)[answers] - np.float32(0.5)


@st.composite
def trials(draw: st.DrawFn) -> tuple[list[int], list[int], NDArray[np.uint8]]:
    """Draw two models' answers to the same digits and the labels, which often agree."""
    digit = st.integers(0, 9)
    rows = draw(st.lists(st.tuples(digit, digit, digit), min_size=1, max_size=50))
    first, second, labels = zip(*rows, strict=True)
    return list(first), list(second), np.array(labels, np.uint8)


def comparison(only_reference: int, only_candidate: int, total: int) -> Comparison:
    return Comparison(
        both_right=total - only_reference - only_candidate,
        only_reference=only_reference,
        only_candidate=only_candidate,
        both_wrong=0,
        agreement=1.0,
    )


def test_a_comparison_worked_out_by_hand() -> None:
    labels = np.array([0, 1, 2, 3, 4, 5, 6, 7], np.uint8)
    reference = logits([0, 1, 2, 3, 4, 9, 9, 9])
    candidate = logits([0, 1, 2, 9, 9, 5, 9, 8])
    compared = compare(reference, candidate, labels)
    assert compared == Comparison(
        both_right=3, only_reference=2, only_candidate=1, both_wrong=2, agreement=4 / 8
    )
    assert compared.total == 8
    assert compared.drop == 12.5
    assert count_correct(reference, labels) == 5
    assert count_correct(candidate, labels) == 4


@given(trials())
def test_a_model_compared_with_itself_loses_nothing(
    trial: tuple[list[int], list[int], NDArray[np.uint8]],
) -> None:
    answers, _, labels = trial
    compared = compare(logits(answers), logits(answers), labels)
    assert compared.drop == 0
    assert compared.agreement == 1
    assert compared.only_reference == compared.only_candidate == 0


@given(trials())
def test_swapping_the_models_negates_the_drop_and_keeps_the_agreement(
    trial: tuple[list[int], list[int], NDArray[np.uint8]],
) -> None:
    first, second, labels = trial
    there = compare(logits(first), logits(second), labels)
    back = compare(logits(second), logits(first), labels)
    assert back.drop == -there.drop
    assert back.agreement == there.agreement
    assert (back.only_reference, back.only_candidate) == (
        there.only_candidate,
        there.only_reference,
    )


@given(trials())
def test_the_counts_add_up_to_the_accuracies(
    trial: tuple[list[int], list[int], NDArray[np.uint8]],
) -> None:
    first, second, labels = trial
    compared = compare(logits(first), logits(second), labels)
    right = sum(answer == label for answer, label in zip(first, labels, strict=True))
    also_right = sum(answer == label for answer, label in zip(second, labels, strict=True))
    assert compared.total == len(labels)
    assert compared.both_right + compared.only_reference == right
    assert compared.both_right + compared.only_candidate == also_right
    assert compared.drop == pytest.approx(100 * (right - also_right) / len(labels))
    same = sum(one == other for one, other in zip(first, second, strict=True))
    assert compared.agreement == pytest.approx(same / len(labels))
    assert count_correct(logits(first), labels) == right


@given(trials(), st.floats(0.001, 1000), st.floats(-100, 100))
def test_a_comparison_depends_only_on_the_order_of_the_logits(
    trial: tuple[list[int], list[int], NDArray[np.uint8]], scale: float, shift: float
) -> None:
    first, second, labels = trial
    plain = compare(logits(first), logits(second), labels)
    assert compare(logits(first) * scale + shift, logits(second), labels) == plain


def test_a_comparison_is_in_percentage_points() -> None:
    compared = comparison(7, 1, 21)
    assert compared.drop_interval == pytest.approx((2.6, 51.7), abs=0.05)
    assert compared.largest_drop == compared.drop_interval.high
    assert compared.p_value == pytest.approx(0.0703, abs=5e-5)
    assert compared.discordance == 8 / 21


@given(trials())
def test_the_classes_add_up_to_the_comparison(
    trial: tuple[list[int], list[int], NDArray[np.uint8]],
) -> None:
    first, second, labels = trial
    reference, candidate = logits(first), logits(second)
    whole = compare(reference, candidate, labels)
    classes = [
        compare(reference[chosen], candidate[chosen], labels[chosen])
        for chosen in (labels == label for label in np.unique(labels))
    ]
    for name in ("both_right", "only_reference", "only_candidate", "both_wrong", "total"):
        assert sum(getattr(one, name) for one in classes) == getattr(whole, name)


def test_unequal_lengths_cannot_be_paired() -> None:
    empty = np.empty((0, 10), np.float32)
    with pytest.raises(InvalidValue, match="at least one digit"):
        compare(empty, empty, np.empty(0, np.uint8))
    with pytest.raises(InvalidValue, match="2 and 1 answers to 2 digits"):
        compare(logits([1, 2]), logits([1]), np.array([1, 2], np.uint8))
    with pytest.raises(InvalidValue, match="expected 0 or more each, and at least one digit"):
        comparison(3, 0, 2)
