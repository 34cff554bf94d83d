from __future__ import annotations

import decimal
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mnist_edge import Classifier, Prediction, modelstore
from mnist_edge.classifier import softmax
from mnist_edge.dataset import Digits
from mnist_edge.errors import InvalidValue
from mnist_edge.evaluation import count_correct
from mnist_edge.interpreter import runtime
from mnist_edge.trial import open_model

LOGITS = st.lists(st.floats(-10_000, 10_000), min_size=10, max_size=10)
LOW = "low-confidence"
WHOLE_LOGITS = st.lists(st.integers(-10_000, 10_000), min_size=10, max_size=10)


@pytest.fixture(scope="module")
def classifier() -> Classifier:
    return Classifier()


def test_softmax_of_logits_that_are_far_apart_is_exact() -> None:
    logits = np.full(10, -10_000.0)
    logits[7] = 10_000
    assert softmax(logits).tolist() == [0, 0, 0, 0, 0, 0, 0, 1, 0, 0]


@pytest.mark.parametrize("level", [-10_000, 0, 10_000])
def test_softmax_of_equal_logits_is_a_tenth_each(level: int) -> None:
    assert softmax([level] * 10).tolist() == [0.1] * 10


@given(LOGITS)
def test_softmax_is_the_formula_worked_out_to_50_digits(logits: list[float]) -> None:
    with decimal.localcontext() as context:
        context.prec = 50
        exponentials = [(Decimal(logit) - Decimal(max(logits))).exp() for logit in logits]
        expected = [float(one / sum(exponentials)) for one in exponentials]
    found = softmax(logits)
    assert found == pytest.approx(expected, rel=1e-9, abs=1e-300)
    assert found.sum() == pytest.approx(1, abs=1e-12)


@given(WHOLE_LOGITS, st.integers(-1_000_000, 1_000_000))
def test_softmax_does_not_change_when_every_logit_is_shifted(logits: list[int], by: int) -> None:
    assert softmax([logit + by for logit in logits]).tolist() == softmax(logits).tolist()


@given(st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False), min_size=1))
def test_softmax_is_finite_for_any_finite_logits(logits: list[float]) -> None:
    found = softmax(logits)
    assert np.isfinite(found).all()
    assert found.sum() == pytest.approx(1)


def test_softmax_takes_each_row_by_itself() -> None:
    rows = [[0.0, 1.0], [5.0, 5.0]]
    assert softmax(rows).tolist() == [softmax(row).tolist() for row in rows]


def test_the_shipped_model_reads_the_test_digits_as_its_manifest_says(test_digits: Digits) -> None:
    stored = modelstore.load()
    assert stored.manifest is not None
    assert stored.manifest.test is not None
    logits = open_model(stored).logits(test_digits.images)
    correct = count_correct(logits, test_digits.labels)
    # Another runtime may read a digit or two otherwise.
    slack = 0 if runtime() == stored.manifest.test.runtime else 10
    assert correct == pytest.approx(stored.manifest.test.correct, abs=slack)
    assert stored.manifest.test.total == len(test_digits)


def test_a_prediction_has_the_likeliest_digit_and_its_probability(
    classifier: Classifier, test_digits: Digits
) -> None:
    for prediction in classifier.predict_pixels(test_digits.images[:50]):
        assert prediction.digit == int(np.argmax(prediction.probabilities))
        assert prediction.confidence == max(prediction.probabilities)
        assert sum(prediction.probabilities) == pytest.approx(1)
        assert prediction.abstained is None


def test_a_batch_is_read_like_its_digits_one_by_one(
    classifier: Classifier, test_digits: Digits
) -> None:
    digits = test_digits.images[:50]
    assert classifier.predict_pixels(digits) == [classifier.predict(digit) for digit in digits]
    assert classifier.predict_pixels(digits[:0]) == []


def test_it_abstains_below_the_minimum_confidence_and_not_at_it(tiny: Path) -> None:
    # Four quarters alike: four answers that are equally likely.
    even = np.full((1, 28, 28), 200, np.uint8)
    for minimum, digit, abstained in ((0.0, 0, None), (0.25, 0, None), (0.26, None, LOW)):
        classifier = Classifier(
            tiny / "quadrants-float32.tflite", pixels="pixels", min_confidence=minimum
        )
        (prediction,) = classifier.predict_pixels(even)
        assert (prediction.digit, prediction.abstained) == (digit, abstained)
        assert prediction.confidence == 0.25
        assert prediction.probabilities == pytest.approx((0.25,) * 4 + (0.0,) * 6)


@pytest.mark.parametrize("min_confidence", [0.0, 0.5, 1.0])
def test_a_blank_picture_has_no_digit_whatever_the_model_makes_of_it(min_confidence: float) -> None:
    classifier = Classifier(min_confidence=min_confidence)
    prediction = classifier.predict(np.full((40, 30, 3), 200, np.uint8))
    assert prediction.digit is None
    assert prediction.abstained == "blank"
    assert prediction.confidence == 0


def test_the_likeliest_digits_come_first() -> None:
    prediction = Prediction(
        digit=2, confidence=0.6, probabilities=(0.1, 0.0, 0.6, 0.0, 0.3, 0.0, 0.0, 0.0, 0.0, 0.0)
    )
    assert prediction.top(3) == [(2, 0.6), (4, 0.3), (0, 0.1)]
    assert len(prediction.top(10)) == 10


def test_threads_change_no_answer(classifier: Classifier, test_digits: Digits) -> None:
    digits = test_digits.images[:20]
    assert Classifier(threads=2).predict_pixels(digits) == classifier.predict_pixels(digits)


@pytest.mark.parametrize("scheme", modelstore.SCHEMES)
def test_every_shipped_scheme_reads_the_first_test_digits(scheme: str, test_digits: Digits) -> None:
    found = Classifier(scheme=scheme).predict_pixels(test_digits.images[:8])
    assert [prediction.digit for prediction in found] == test_digits.labels[:8].tolist()


@pytest.mark.parametrize("min_confidence", [-0.01, 1.01, float("nan"), float("inf")])
def test_a_minimum_confidence_outside_0_to_1_is_refused(min_confidence: float) -> None:
    with pytest.raises(InvalidValue, match=r"minimum confidence .* is outside 0\.\.1"):
        Classifier(min_confidence=min_confidence)


@pytest.mark.parametrize(
    "pixels",
    [
        np.zeros((28, 28), np.uint8),
        np.zeros((1, 28, 28, 1), np.uint8),
        np.zeros((1, 28, 27), np.uint8),
        np.zeros((1, 784), np.uint8),
        np.zeros((1, 28, 28), np.float32),
        np.zeros((1, 28, 28), np.int8),
    ],
)
def test_pixels_of_another_shape_or_type_are_refused(classifier: Classifier, pixels: Any) -> None:
    with pytest.raises(InvalidValue, match=r"expected \(n, 28, 28\) uint8"):
        classifier.predict_pixels(pixels)
