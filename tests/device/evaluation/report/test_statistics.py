from __future__ import annotations

import base64
import json
import shutil
from pathlib import Path

import numpy as np

from mnist_edge.data.mnist import Digits
from mnist_edge.evaluation.report import results
from mnist_edge.evaluation.report.statistics import MAX_FLIPS
from mnist_edge.metrics.classification import calibration_error
from mnist_edge.metrics.confidence import softmax
from tests.support.reports import logits_of, measured


def test_every_flip_has_both_answers_and_its_pixels(own: Path, test_digits: Digits) -> None:
    # Two digits over each other are ambiguous, so that some flip with any model.
    over, under = (test_digits.take(np.arange(n, n + 800)) for n in (0, 800))
    digits = Digits(images=over.images // 2 + under.images // 2, labels=over.labels)
    int8 = measured(own, digits).schemes[1]
    first, second = (logits_of(own, name, digits) for name in ("float32", "int8"))
    places = np.flatnonzero(first.argmax(axis=1) != second.argmax(axis=1))
    assert len(places) > 0
    assert [flip.index for flip in int8.flips] == places.tolist()
    for flip in int8.flips:
        assert flip.label == digits.labels[flip.index]
        assert flip.reference.digit == first[flip.index].argmax()
        probabilities = softmax(second[flip.index], temperature=int8.temperature)
        assert flip.candidate == results.SchemeAnswer(
            digit=int(probabilities.argmax()), confidence=float(probabilities.max())
        )
        pixels = np.frombuffer(base64.b64decode(flip.pixels), np.uint8).reshape(28, 28)
        assert (pixels == digits.images[flip.index]).all()


def test_mistakes_are_sorted_by_confidence_and_confident_agreement_against_a_label_is_suspect(
    own: Path, test_digits: Digits
) -> None:
    # A wrong label: both models are confident of another digit.
    labels = test_digits.labels[:1_000].copy()
    labels[7] = (labels[7] + 5) % 10
    digits = Digits(images=test_digits.images[:1_000], labels=labels)
    for scheme in measured(own, digits).schemes:
        assert scheme.mistakes[0].index == scheme.suspect_labels[0].index == 7
        confidences = [one.candidate.confidence for one in scheme.mistakes]
        assert confidences == sorted(confidences, reverse=True)
        assert len(scheme.mistakes) <= 10
        for one in (*scheme.mistakes, *scheme.suspect_labels):
            assert one.candidate.digit != one.label
        for one in scheme.suspect_labels:
            assert one.candidate.digit == one.reference.digit
            assert min(one.candidate.confidence, one.reference.confidence) >= 0.9


def test_confidence_is_measured_at_the_temperature_of_the_manifest(
    own: Path, test_digits: Digits
) -> None:
    digits = test_digits.take(np.arange(1_000))
    path = own / "int8.json"
    manifest = json.loads(path.read_text(encoding="utf-8"))
    changed = {"temperature": 8.0, "min_confidence": 0.6}
    path.write_text(json.dumps({**manifest, **changed}), encoding="utf-8")
    (own / "float32.json").unlink()
    float32, int8 = measured(own, digits).schemes
    assert (float32.temperature, float32.min_confidence, float32.abstained) == (1, 0, 0)
    for scheme in (float32, int8):
        logits = logits_of(own, scheme.scheme, digits)
        probabilities = softmax(logits, temperature=scheme.temperature)
        assert scheme.calibration.error == calibration_error(probabilities, digits.labels)
    assert int8.calibration.error > 10 * float32.calibration.error
    assert int8.abstained == (probabilities.max(axis=1) < 0.6).sum()
    assert int8.calibration.true_class_change < 0


def test_the_number_of_kept_flips_is_limited(quick: Path, tiny: Path, test_digits: Digits) -> None:
    shutil.copy(tiny / "zero.tflite", quick / "int8.tflite")
    int8 = measured(quick, test_digits.take(np.arange(2_000))).schemes[1]
    assert int8.flipped == round((1 - int8.agreement) * 2_000) > MAX_FLIPS
    assert len(int8.flips) == MAX_FLIPS
    # Nine digits were never answered: their precision is unknown.
    assert [one.precision is None for one in int8.classes] == [False] + 9 * [True]
