from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from mnist_edge.metrics.classification import calibration_error
from mnist_edge.metrics.confidence import (
    TabulatedSoftmax,
    choose_threshold,
    fit_temperature,
    softmax,
)


def logits(answers: list[int]) -> NDArray[np.float32]:
    """Make logits whose largest is at each answer."""
    return np.eye(10, dtype=np.float32)[answers] - np.float32(0.5)


def drawn(seed: int, *, count: int = 2_000) -> tuple[NDArray[np.float64], NDArray[np.uint8]]:
    """Draw logits, and labels from their softmax: a perfectly calibrated model."""
    random = np.random.RandomState(seed)
    found = random.normal(0, 3, (count, 10))
    chosen = softmax(found).cumsum(axis=1) > random.random_sample((count, 1))
    return found, chosen.argmax(axis=1).astype(np.uint8)


def log_loss(found: NDArray[np.float64], labels: NDArray[np.uint8], temperature: float) -> float:
    right = softmax(found, temperature=temperature)[np.arange(len(labels)), labels]
    return float(-np.log(right).mean())


@pytest.mark.slow
@given(st.integers(0, 1_000))
def test_a_calibrated_model_has_temperature_one(seed: int) -> None:
    assert fit_temperature(*drawn(seed)) == pytest.approx(1, abs=0.1)


@given(st.integers(0, 1_000), st.floats(0.02, 50), st.floats(-100, 100))
def test_the_temperature_scales_with_the_logits(seed: int, factor: float, shift: float) -> None:
    found, labels = drawn(seed, count=200)
    plain = fit_temperature(found, labels)
    assert fit_temperature(found * factor + shift, labels) == pytest.approx(factor * plain)


@given(st.integers(0, 1_000))
def test_no_other_temperature_has_less_log_loss(seed: int) -> None:
    found, labels = drawn(seed, count=200)
    best = fit_temperature(found, labels)
    least = log_loss(found, labels, best)
    for factor in (0.5, 0.9, 0.999, 1.001, 1.1, 2.0):
        assert log_loss(found, labels, factor * best) > least


def test_a_temperature_worked_out_by_hand() -> None:
    # Two digits alone are likely, the answer by a logit of 2, and three answers of four are right:
    # the likeliest odds are 3, which are exp(2 / T).
    found = np.full((4, 10), -1e9)
    found[:, :2] = 2, 0
    labels = np.array([0, 0, 0, 1], np.uint8)
    assert fit_temperature(found, labels) == pytest.approx(2 / np.log(3))


def test_the_temperature_is_bounded_and_one_without_mistakes() -> None:
    labels = np.arange(10, dtype=np.uint8)
    assert fit_temperature(logits([*range(10)]), labels) == 1
    wrong = logits([*range(1, 10), 0])
    assert fit_temperature(wrong, labels) == pytest.approx(100)
    hardly = np.where(np.eye(10, dtype=bool), 1e-4, 0)[[*range(9), 0]]
    assert fit_temperature(hardly, labels) == pytest.approx(0.01)


def test_temperature_scaling_reduces_the_calibration_error() -> None:
    found, labels = drawn(0)
    sure = found * 4
    temperature = fit_temperature(sure, labels)
    before = calibration_error(softmax(sure), labels)
    assert calibration_error(softmax(sure, temperature=temperature), labels) < before / 4


@pytest.mark.parametrize(
    ("min_coverage", "expected"),
    [
        # From 0.5 on all are right, and half of the digits are answered.
        (0.1, 0.5),
        # 0.4 would withhold four, and 0.3 leaves two of eight wrong where 0.2 leaves three of ten.
        (0.7, 0.3),
        # None may be withheld, whatever is wrong.
        (1.0, 0.0),
    ],
)
def test_a_threshold_worked_out_by_hand(min_coverage: float, expected: float) -> None:
    confidences = np.array([0.9, 0.2, 0.4, 0.8, 0.3, 0.3, 0.7, 0.2, 0.6, 0.5])
    right = np.array([1, 1, 0, 1, 1, 0, 1, 0, 1, 1], bool)
    found = choose_threshold(confidences, right, max_error_rate=0, min_coverage=min_coverage)
    assert found == expected


def test_an_accurate_enough_model_has_no_threshold() -> None:
    confidences, right = np.linspace(0.1, 1, 1_000), np.ones(1_000, bool)
    right[0] = False
    assert choose_threshold(confidences, right) == 0
    right[500] = False
    assert choose_threshold(confidences, right) == confidences[1]


@given(
    st.lists(st.tuples(st.integers(1, 8), st.booleans()), min_size=1, max_size=40),
    st.sampled_from([0.0, 0.1, 0.25, 0.5]),
    st.sampled_from([0.0, 0.5, 0.8, 1.0]),
)
def test_the_chosen_threshold_is_the_best(
    digits: list[tuple[int, bool]], max_error_rate: float, min_coverage: float
) -> None:
    confidences = np.array([eighths / 8 for eighths, _ in digits])
    right = np.array([one for _, one in digits])

    def outcome(threshold: float) -> tuple[float, float]:
        """Return the coverage, and the error rate of the answers."""
        answered = confidences >= threshold
        return float(answered.mean()), float((~right[answered]).mean())

    chosen = choose_threshold(
        confidences, right, max_error_rate=max_error_rate, min_coverage=min_coverage
    )
    share, wrong = outcome(chosen)
    assert share >= min_coverage
    for other in (0.0, *confidences):
        other_share, other_wrong = outcome(other)
        if other_share > share:
            assert other_wrong > max(max_error_rate, wrong)
        elif other_share >= min_coverage:
            assert wrong <= max(max_error_rate, other_wrong)


@given(st.integers(0, 1_000), st.floats(0.001, 1_000), st.floats(0.001, 2))
def test_a_tabulated_softmax_is_the_same_bit_for_bit(
    seed: int, temperature: float, scale: float
) -> None:
    indices = np.random.default_rng(seed).integers(0, 256, (100, 10), np.uint8)
    levels = (np.arange(256).astype(np.uint8).view(np.int8) * scale).astype(np.float32)
    found = softmax(levels[indices], temperature=temperature)
    tabulated = TabulatedSoftmax(levels, temperature=temperature)
    assert found.tolist() == [tabulated(row.view(np.int8).tolist()) for row in indices]
