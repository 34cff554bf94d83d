from __future__ import annotations

import numpy as np
import pytest
import scipy
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from mnist_edge.errors import InvalidValue
from mnist_edge.metrics.classification import (
    calibration_error,
    confusion_matrix,
    coverage_curve,
    precision,
    recall,
    reliability_bins,
    symmetric_divergence,
    true_class_change,
)
from mnist_edge.metrics.confidence import negative_log_likelihood, softmax

SEEDS = st.integers(0, 1_000)


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


def drawn(seed: int, *, count: int = 200) -> tuple[NDArray[np.float64], NDArray[np.uint8]]:
    """Draw logits, and labels that they often agree with."""
    random = np.random.RandomState(seed)
    found = random.normal(0, 3, (count, 10))
    guesses = random.randint(0, 10, count)
    labels = np.where(random.random_sample(count) < 0.7, found.argmax(axis=1), guesses)
    return found, labels.astype(np.uint8)


def test_a_confusion_matrix_worked_out_by_hand() -> None:
    labels = np.array([0, 0, 0, 1, 1, 2], np.uint8)
    found = confusion_matrix(np.array([0, 0, 1, 1, 0, 0]), labels, classes=4)
    np.testing.assert_array_equal(found, [[2, 1, 0, 0], [1, 1, 0, 0], [1, 0, 0, 0], [0, 0, 0, 0]])
    np.testing.assert_allclose(recall(found), [2 / 3, 1 / 2, 0, np.nan])
    np.testing.assert_allclose(precision(found), [2 / 4, 1 / 2, np.nan, np.nan])


@given(trials())
def test_a_confusion_matrix_counts_every_digit_once(
    trial: tuple[list[int], list[int], NDArray[np.uint8]],
) -> None:
    answers, _, labels = trial
    found = confusion_matrix(np.array(answers), labels)
    np.testing.assert_array_equal(found.sum(axis=1), np.bincount(labels, minlength=10))
    np.testing.assert_array_equal(found.sum(axis=0), np.bincount(answers, minlength=10))
    assert found.trace() == (np.array(answers) == labels).sum()


def sure_of(confidences: list[float]) -> NDArray[np.float64]:
    """Make probabilities from that of digit 0; the other digits share the rest."""
    column = np.array(confidences)[:, np.newaxis]
    return np.hstack([column, np.repeat((1 - column) / 9, 9, axis=1)])


def test_a_calibration_error_worked_out_by_hand() -> None:
    # Two bins: three digits of 0.3, 0.4 and 0.5, which is the edge, and one of 0.9.
    probabilities = sure_of([0.3, 0.4, 0.5, 0.9])
    labels = np.array([0, 7, 0, 7], np.uint8)
    first, second = abs(2 / 3 - 1.2 / 3), abs(0 - 0.9)
    found = calibration_error(probabilities, labels, bins=2)
    assert found == pytest.approx(3 / 4 * first + 1 / 4 * second)
    assert calibration_error(probabilities, labels, bins=1) == pytest.approx(abs(0.5 - 2.1 / 4))


@given(trials())
def test_the_calibration_error_is_0_for_certain_right_and_1_for_certain_wrong_answers(
    trial: tuple[list[int], list[int], NDArray[np.uint8]],
) -> None:
    answers, _, labels = trial
    certain = np.eye(10)[labels]
    assert calibration_error(certain, labels) == 0
    assert calibration_error(np.roll(certain, 1, axis=1), labels) == 1
    mixed = softmax(logits(answers))
    assert 0 <= calibration_error(mixed, labels) <= 1


def test_reliability_bins_worked_out_by_hand() -> None:
    first, second = reliability_bins(
        sure_of([0.3, 0.4, 0.5, 0.9]), np.array([0, 7, 0, 7], np.uint8), bins=2
    )
    assert (first.low, first.high, first.count) == (0, 0.5, 3)
    assert (first.confidence, first.accuracy) == pytest.approx((0.4, 2 / 3))
    assert (second.low, second.high, second.count) == (0.5, 1, 1)
    assert (second.confidence, second.accuracy) == pytest.approx((0.9, 0))


@given(SEEDS, st.integers(1, 30))
def test_the_calibration_error_is_the_mean_gap_of_the_reliability_bins(
    seed: int, bins: int
) -> None:
    found, labels = drawn(seed)
    bars = reliability_bins(softmax(found), labels, bins=bins)
    assert sum(bar.count for bar in bars) == len(labels)
    filled = [bar for bar in bars if bar.count]
    assert all(bar.low < bar.confidence <= bar.high for bar in filled)
    assert all(np.isnan((bar.confidence, bar.accuracy)).all() for bar in bars if not bar.count)
    gap = sum(bar.count * abs(bar.accuracy - bar.confidence) for bar in filled) / len(labels)
    assert calibration_error(softmax(found), labels, bins=bins) == pytest.approx(gap)


@given(SEEDS)
def test_the_calibration_error_equals_that_of_scipys_bins(seed: int) -> None:
    found, labels = drawn(seed)
    confidences, right = softmax(found).max(axis=1), found.argmax(axis=1) == labels
    edges = {"bins": 15, "range": (0, 1)}
    # In each bin the sum of the gaps between confidence and being right.
    gaps = scipy.stats.binned_statistic(confidences, right - confidences, "sum", **edges).statistic
    assert calibration_error(softmax(found), labels) == pytest.approx(
        np.abs(gaps).sum() / len(labels)
    )


@given(SEEDS, st.floats(0.1, 10))
def test_the_log_likelihood_equals_scipys(seed: int, temperature: float) -> None:
    found, labels = drawn(seed)
    theirs = scipy.special.log_softmax(found / temperature, axis=1)[np.arange(len(labels)), labels]
    own = negative_log_likelihood(found, labels, temperature=temperature)
    assert own == pytest.approx(-theirs.mean())


def test_a_certain_wrong_answer_has_a_finite_log_likelihood() -> None:
    assert negative_log_likelihood(2e4 * logits([1]), np.array([2], np.uint8)) == pytest.approx(2e4)


@given(SEEDS, SEEDS, st.floats(-100, 100))
def test_the_symmetric_divergence_equals_scipys_entropies(
    seed: int, another: int, shift: float
) -> None:
    (first, _), (second, _) = drawn(seed), drawn(another)
    one, other = softmax(first), softmax(second)
    theirs = (
        scipy.stats.entropy(one, other, axis=1) + scipy.stats.entropy(other, one, axis=1)
    ).mean()
    assert symmetric_divergence(first, second + shift) == pytest.approx(theirs)
    assert symmetric_divergence(second, first) == symmetric_divergence(first, second)
    assert symmetric_divergence(first, first) == 0


def test_a_change_of_true_class_probability_worked_out_by_hand() -> None:
    before, after = sure_of([0.9, 0.6]), sure_of([0.8, 0.9])
    both_right = np.array([0, 0], np.uint8)
    assert true_class_change(before, after, both_right) == pytest.approx((-0.1 + 0.3) / 2)
    assert true_class_change(after, before, both_right) == pytest.approx(-(-0.1 + 0.3) / 2)


def test_a_coverage_curve_worked_out_by_hand() -> None:
    confidences = np.array([0.9, 0.2, 0.4, 0.4, 0.8])
    found = coverage_curve(confidences, np.array([1, 0, 0, 1, 1], bool))
    np.testing.assert_array_equal(found.threshold, [0.2, 0.4, 0.8, 0.9])
    np.testing.assert_allclose(found.coverage, [1, 4 / 5, 2 / 5, 1 / 5])
    np.testing.assert_allclose(found.accuracy, [3 / 5, 3 / 4, 1, 1])


@given(st.lists(st.tuples(st.integers(0, 5), st.booleans()), min_size=1, max_size=40))
def test_a_coverage_curve_has_the_coverage_of_its_thresholds(
    digits: list[tuple[int, bool]],
) -> None:
    confidences = np.array([fifths / 5 for fifths, _ in digits])
    right = np.array([one for _, one in digits])
    found = coverage_curve(confidences, right)
    for threshold, coverage, accuracy in zip(
        found.threshold, found.coverage, found.accuracy, strict=True
    ):
        answered = confidences >= threshold
        assert coverage == pytest.approx(answered.mean())
        assert accuracy == pytest.approx(right[answered].mean())
    assert found.coverage[0] == 1


def test_an_empty_coverage_curve_is_refused() -> None:
    with pytest.raises(InvalidValue, match="no digits"):
        coverage_curve(np.empty(0), np.empty(0, bool))
