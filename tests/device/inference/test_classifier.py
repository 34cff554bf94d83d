from __future__ import annotations

import decimal
import json
import shutil
import warnings
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mnist_edge import Classifier, Prediction
from mnist_edge.data.mnist import Digits, Mnist
from mnist_edge.errors import InvalidValue, UnknownName, UnreadablePicture
from mnist_edge.metrics.classification import calibration_error
from mnist_edge.metrics.confidence import MIN_COVERAGE, count_correct, softmax
from mnist_edge.modelstore import SCHEMES, loading
from mnist_edge.runtimes.sandbox import open_model
from mnist_edge.runtimes.selection import describe_runtime

LOGITS = st.lists(st.floats(-10_000, 10_000), min_size=10, max_size=10)
LOW = "low-confidence"
WHOLE_LOGITS = st.lists(st.integers(-10_000, 10_000), min_size=10, max_size=10)


def test_softmax_of_distant_logits_is_exact() -> None:
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


def test_softmax_is_computed_row_by_row() -> None:
    rows = [[0.0, 1.0], [5.0, 5.0]]
    assert softmax(rows).tolist() == [softmax(row).tolist() for row in rows]


@pytest.mark.slow
def test_the_shipped_model_reads_the_test_digits_as_its_manifest_says(test_digits: Digits) -> None:
    stored = loading.load_model()
    assert stored.manifest is not None
    assert stored.manifest.test is not None
    logits = open_model(stored).logits(test_digits.images)
    correct = count_correct(logits, test_digits.labels)
    # Another runtime may read a digit or two otherwise.
    slack = 0 if describe_runtime() == stored.manifest.test.runtime else 10
    assert correct == pytest.approx(stored.manifest.test.correct, abs=slack)
    assert stored.manifest.test.total == len(test_digits)


def test_the_shipped_model_is_calibrated_as_its_manifest_says(
    mnist: Mnist,
) -> None:
    manifest = loading.load_model().manifest
    assert manifest is not None
    found = Classifier().predict_pixels(mnist.validation.images)
    probabilities = np.array([one.probabilities for one in found])
    error = calibration_error(probabilities, mnist.validation.labels)
    assert manifest.calibration_error == pytest.approx(error, abs=1e-3)
    answered = np.array([one.abstained is None for one in found])
    wrong = probabilities.argmax(axis=1) != mnist.validation.labels
    # Another runtime may withhold a digit or two more.
    assert answered.mean() >= MIN_COVERAGE - 0.001
    # It withholds few for each that it would misread, and half of those that it would.
    assert (~answered).sum() <= 2 * wrong.sum()
    assert wrong[answered].sum() <= 0.6 * wrong.sum()


def test_a_prediction_has_the_likeliest_digit_and_its_probability(test_digits: Digits) -> None:
    for prediction in Classifier(min_confidence=0).predict_pixels(test_digits.images[:50]):
        assert prediction.digit == int(np.argmax(prediction.probabilities))
        assert prediction.confidence == max(prediction.probabilities)
        assert sum(prediction.probabilities) == pytest.approx(1)
        assert prediction.abstained is None


def test_a_batch_gives_the_predictions_of_its_digits(
    classifier: Classifier, test_digits: Digits
) -> None:
    digits = test_digits.images[:50]
    assert classifier.predict_pixels(digits) == [classifier.predict(digit) for digit in digits]
    assert classifier.predict_pixels(digits[:0]) == []


def test_a_classifier_abstains_below_the_minimum_confidence_and_not_at_it(tiny: Path) -> None:
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


def an_own(nano: Path, folder: Path, **confidence: Any) -> Path:
    """Copy the shipped int8 and change the confidence settings of its manifest."""
    shutil.copy(nano / "int8.tflite", folder)
    manifest = json.loads((nano / "int8.json").read_text(encoding="utf-8"))
    for name in ("temperature", "min_confidence", "calibration_error", "operating_points"):
        manifest.pop(name, None)
    (folder / "int8.json").write_text(json.dumps({**manifest, **confidence}), encoding="utf-8")
    return folder


def test_logits_are_divided_by_the_temperature_of_the_manifest(
    nano: Path, tmp_path: Path, test_digits: Digits
) -> None:
    digits = test_digits.images[:20]
    logits = open_model(loading.load_model(nano)).logits(digits)
    for confidence, temperature in (({}, 1.0), ({"temperature": 5.0}, 5.0)):
        found = Classifier(an_own(nano, tmp_path, **confidence)).predict_pixels(digits)
        expected = softmax(logits, temperature=temperature).tolist()
        assert [list(prediction.probabilities) for prediction in found] == expected


def test_a_classifier_abstains_below_the_manifests_threshold_unless_given_another(
    nano: Path, tmp_path: Path, test_digits: Digits
) -> None:
    digits = test_digits.images[:1_000]
    sure = [one.confidence for one in Classifier(nano, min_confidence=0.0).predict_pixels(digits)]
    temperature = loading.load_model(nano).temperature
    own = an_own(nano, tmp_path, temperature=temperature, min_confidence=0.9)
    for asked, least in ((None, 0.9), (0.5, 0.5), (0.95, 0.95), (0.0, 0.0)):
        classifier = Classifier(own, min_confidence=asked)
        assert classifier.min_confidence == least
        found = classifier.predict_pixels(digits)
        assert [one.abstained for one in found] == [LOW if c < least else None for c in sure]
        assert [one.confidence for one in found] == sure
    assert min(sure) < 0.9


def test_an_operating_point_is_chosen_by_name(nano: Path, tmp_path: Path) -> None:
    points = {"balanced": 0.6, "careful": 0.9}
    own = an_own(nano, tmp_path, min_confidence=0.6, operating_points=points)
    for name, minimum in points.items():
        assert Classifier(own, min_confidence=name).min_confidence == minimum
    with pytest.raises(UnknownName, match=r"'carefull' \(did you mean 'careful'\?\)"):
        Classifier(own, min_confidence="carefull")


def test_a_model_without_operating_points_says_what_to_give(
    nano: Path, tmp_path: Path, tiny: Path
) -> None:
    for model in (an_own(nano, tmp_path), tiny / "quadrants-float32.tflite"):
        with pytest.raises(InvalidValue, match=r"no operating point 'careful', .* in 0\.\.1"):
            Classifier(model, min_confidence="careful")


def test_without_a_threshold_in_the_manifest_every_digit_is_answered(
    nano: Path, tmp_path: Path, test_digits: Digits
) -> None:
    classifier = Classifier(an_own(nano, tmp_path))
    assert classifier.min_confidence == 0
    found = classifier.predict_pixels(test_digits.images[:1_000])
    assert not any(one.abstained for one in found)


def test_an_abstention_still_has_a_likeliest_digit(test_digits: Digits) -> None:
    [plain] = Classifier().predict_pixels(test_digits.images[:1])
    assert plain.without_abstention() == plain
    [unsure] = Classifier(min_confidence=1.0).predict_pixels(test_digits.images[:1])
    assert unsure.digit is None
    assert unsure.without_abstention() == plain
    blank = Classifier().predict(np.zeros((28, 28), np.uint8))
    insisted = blank.without_abstention()
    assert insisted.digit == int(np.argmax(blank.probabilities))
    assert insisted.confidence == max(blank.probabilities)
    assert insisted.abstained is None


@pytest.mark.parametrize("min_confidence", [None, 0.0, 0.5, 1.0])
def test_a_blank_picture_has_no_digit_whatever_the_model_answers(
    min_confidence: float | None,
) -> None:
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


@pytest.mark.parametrize("scheme", SCHEMES)
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


@pytest.mark.parametrize("count", [1_000, pytest.param(10_000, marks=pytest.mark.slow)])
def test_threads_can_share_a_classifier(
    count: int, classifier: Classifier, test_digits: Digits, pictures: Path
) -> None:
    """8 threads read digits, and now and then a photo, a batch and a page between them."""
    expected = classifier.predict_pixels(test_digits.images[:count])
    photo = (pictures / "pen-four.png").read_bytes()
    of_photo, of_page = classifier.predict(photo), classifier.predict_all(photo)
    filters = list(warnings.filters)

    def read(first: int) -> None:
        shared = range(first, len(expected), 8)
        for number, index in enumerate(shared):
            assert classifier.predict(test_digits.images[index]) == expected[index]
            if number % 100 == 0:
                assert classifier.predict(photo) == of_photo
                assert classifier.predict_all(photo) == of_page
                batch = classifier.predict_pixels(test_digits.images[index : index + 40])
                assert batch == expected[index : index + 40]

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(read, range(8)))
    assert list(warnings.filters) == filters


@pytest.mark.parametrize(
    "picture",
    [None, 3, 2.5, True, [], {}, object(), iter([]), [1, 2]],
    ids=lambda one: repr(one)[:9],
)
def test_an_input_that_is_not_a_picture_is_refused(picture: Any, nano: Path) -> None:
    classifier = Classifier(nano)
    for read in (classifier.predict, classifier.predict_all):
        with pytest.raises(UnreadablePicture, match=r"is not a picture; expected a path, bytes"):
            read(picture)


def test_a_text_stream_is_not_a_picture(nano: Path, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("seven")
    with (tmp_path / "a.txt").open() as text, pytest.raises(UnreadablePicture, match="binary mode"):
        Classifier(nano).predict(text)  # type: ignore[arg-type]  # that is the test


def test_many_pictures_give_the_predictions_of_each_alone(test_digits: Digits) -> None:
    digits = test_digits.images[:300]
    alone = [Classifier("nano").predict(digit) for digit in digits[:77]]
    for threads in (1, 3):
        classifier = Classifier("nano", threads=threads)
        assert list(classifier.predict_many(digits))[:77] == alone
        assert list(classifier.predict_many(digits[:0])) == []
