"""What a report measures."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path

import numpy as np
import pytest

from mnist_edge.data.idx import SHA256
from mnist_edge.data.mnist import Digits
from mnist_edge.errors import ModelNotFound
from mnist_edge.evaluation.report.labeled_images import mnist_test_images
from mnist_edge.evaluation.report.measure import (
    count_steps,
    manifest_with_test_score,
    measure_schemes,
)
from mnist_edge.evaluation.report.results import SchemeReport
from mnist_edge.evaluation.report.robustness import CorruptionPlan
from mnist_edge.metrics.classification import confusion_matrix
from mnist_edge.metrics.intervals import wilson_interval
from mnist_edge.metrics.paired import compare
from mnist_edge.modelstore import loading
from mnist_edge.modelstore.manifest import Score
from mnist_edge.runtimes.selection import describe_runtime
from tests.support.reports import CLEAN, logits_of, measured


def test_the_figures_are_those_of_the_models_answers(own: Path, test_digits: Digits) -> None:
    # Not a multiple of the chunk size.
    digits = test_digits.take(np.arange(1_050))
    steps: list[int] = []
    models, pictures = loading.load_all_schemes(own), mnist_test_images(digits)
    found = measure_schemes(models, pictures, plan=CLEAN, on_progress=steps.append)
    assert sum(steps) == count_steps(models, pictures, CLEAN)
    assert (found.model, found.reference, found.runtime) == ("own", "float32", describe_runtime())
    assert found.data.pictures == 1_050
    reference = logits_of(own, "float32", digits)
    for scheme in found.schemes:
        logits = logits_of(own, scheme.scheme, digits)
        pair = compare(reference, logits, digits.labels)
        right = int((logits.argmax(axis=1) == digits.labels).sum())
        assert (scheme.correct, scheme.total) == (right, 1_050)
        assert scheme.accuracy_interval == wilson_interval(right, 1_050)
        for name in ("both_right", "only_reference", "only_candidate", "both_wrong", "agreement"):
            assert getattr(scheme, name) == getattr(pair, name)
        assert (scheme.drop_points, scheme.drop_interval) == (pair.drop, pair.drop_interval)
        assert scheme.confusion == tuple(
            map(tuple, confusion_matrix(logits.argmax(axis=1), digits.labels).tolist())
        )
        for one in scheme.classes:
            of_digit = digits.labels == one.digit
            assert one.count == of_digit.sum()
            assert one.recall == (logits.argmax(axis=1) == one.digit)[of_digit].mean()
        assert scheme.size == (own / f"{scheme.scheme}.tflite").stat().st_size
        assert scheme.coverage[0].coverage == 1
        assert scheme.coverage[0].accuracy == scheme.accuracy
        assert 1 < len(scheme.coverage) <= 60
    float32, int8 = found.schemes
    assert (float32.pictures_to_see.pictures, int8.flipped) == (None, len(int8.flips))
    assert sum(one.count for one in int8.calibration.bins) == 1_050


@pytest.mark.slow
@pytest.mark.usefixtures("few_corruptions")
def test_a_model_compared_with_itself_loses_nothing(own: Path, test_digits: Digits) -> None:
    shutil.copy(own / "int8.tflite", own / "float32.tflite")
    (own / "float32.json").unlink()
    (own / "int8.json").unlink()
    plan = CorruptionPlan(pictures=30)
    for scheme in measured(own, test_digits.take(np.arange(500)), plan=plan).schemes:
        assert (scheme.drop_points, scheme.p_value, scheme.agreement) == (0, 1, 1)
        assert (scheme.flipped, scheme.flips) == (0, ())
        assert scheme.drop_interval.low == -scheme.drop_interval.high < 0
        assert {one.drop_points for one in scheme.corruptions} == {0}
        assert {one.recall_drop_points for one in scheme.classes} == {0}
        assert scheme.calibration.true_class_change == 0
        assert scheme.calibration.symmetric_divergence == 0


@pytest.mark.slow
@pytest.mark.usefixtures("few_corruptions")
def test_swapping_reference_and_candidate_negates_the_drop(own: Path, test_digits: Digits) -> None:
    digits = test_digits.take(np.arange(1_500, 2_300))
    plan = CorruptionPlan(pictures=20)
    there = measured(own, digits, plan=plan).schemes[1]
    back = measured(own, digits, plan=plan, reference="int8").schemes[1]
    assert (there.scheme, back.scheme) == ("int8", "float32")
    assert (there.only_reference, there.only_candidate) == (
        back.only_candidate,
        back.only_reference,
    )
    assert there.drop_points == -back.drop_points
    assert there.drop_interval == (-back.drop_interval.high, -back.drop_interval.low)
    assert (there.p_value, there.agreement) == (back.p_value, back.agreement)
    assert [flip.reference for flip in there.flips] == [flip.candidate for flip in back.flips]
    assert there.calibration.true_class_change == -back.calibration.true_class_change
    for one, other in zip(there.corruptions, back.corruptions, strict=True):
        assert one.drop_points == -other.drop_points
        assert one.drop_interval == (-other.drop_interval.high, -other.drop_interval.low)


def test_the_inputs_are_recorded_with_their_hashes(own: Path, test_digits: Digits) -> None:
    whole = mnist_test_images(test_digits).sha256()
    assert whole == {key: SHA256[key] for key in ("t10k-images", "t10k-labels")}
    found = measured(own, test_digits.take(np.arange(10)), command="mnist-edge report own")
    assert found.data.sha256 != whole
    assert found.command == "mnist-edge report own"
    for scheme in found.schemes:
        assert scheme.sha256 == loading.load_model(own, scheme=scheme.scheme).sha256


def test_a_folder_without_the_reference_says_how_to_make_it(own: Path, test_digits: Digits) -> None:
    (own / "float32.tflite").unlink()
    with pytest.raises(ModelNotFound, match=r"has no float32\.tflite to compare with"):
        measured(own, test_digits)
    with pytest.raises(ModelNotFound, match=r"has no int16x8\.tflite to compare with"):
        measured(own, test_digits, reference="int16x8")


def test_a_model_without_a_manifest_gets_none(quick: Path, test_digits: Digits) -> None:
    found = measured(quick, test_digits.take(np.arange(10)))
    assert manifest_with_test_score(loading.load_model(quick), found.schemes[1]) is None


def test_a_test_score_changes_nothing_else_in_a_manifest(own: Path, test_digits: Digits) -> None:
    stored = loading.load_model(own)
    assert stored.manifest is not None
    int8: SchemeReport = measured(own, test_digits.take(np.arange(10))).schemes[1]
    score = Score(correct=int8.correct, total=10, runtime=describe_runtime())
    expected = dataclasses.replace(stored.manifest, test=score).to_json()
    assert manifest_with_test_score(stored, int8) == expected
