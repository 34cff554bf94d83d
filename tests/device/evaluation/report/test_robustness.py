"""Accuracy on corrupted pictures."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mnist_edge import Classifier
from mnist_edge.data.corruptions import CORRUPTIONS, corrupt
from mnist_edge.data.mnist import Digits
from mnist_edge.errors import InvalidValue
from mnist_edge.evaluation.report.labeled_images import mnist_test_images
from mnist_edge.evaluation.report.measure import measure_schemes
from mnist_edge.evaluation.report.robustness import CorruptionPlan
from mnist_edge.metrics.confidence import softmax
from mnist_edge.modelstore import loading
from tests.support.reports import logits_of, measured


@pytest.mark.slow
def test_every_scheme_is_measured_on_every_corruption(own: Path, test_digits: Digits) -> None:
    digits = test_digits.take(np.arange(15))
    plan = CorruptionPlan(pictures=5, severities=(5, 1))
    found = measured(own, digits, plan=plan)
    expected = [(kind, severity) for kind in CORRUPTIONS for severity in (1, 5)]
    # Every third of the 15.
    chosen = digits.take(np.arange(0, 15, 3))
    images = corrupt(chosen.images, "fog", severity=5)
    for scheme in found.schemes:
        assert [(one.kind, one.severity) for one in scheme.corruptions] == expected
        assert {one.total for one in scheme.corruptions} == {5}
        (fog,) = [one for one in scheme.corruptions if (one.kind, one.severity) == ("fog", 5)]
        logits = logits_of(own, scheme.scheme, Digits(images=images, labels=chosen.labels))
        assert fog.correct == (logits.argmax(axis=1) == chosen.labels).sum()
        confidences = softmax(logits, temperature=scheme.temperature).max(axis=1)
        wrong = (logits.argmax(axis=1) != chosen.labels) & (confidences >= scheme.min_confidence)
        assert fog.abstained == (confidences < scheme.min_confidence).sum()
        assert fog.wrong_answers == wrong.sum()
    for before, after in zip(*(scheme.corruptions for scheme in found.schemes), strict=True):
        assert before.drop_points == 0
        assert after.drop_points == pytest.approx(100 * (before.accuracy - after.accuracy))
        assert after.drop_interval.low <= after.drop_points <= after.drop_interval.high


@pytest.mark.usefixtures("few_corruptions")
def test_a_part_is_also_measured_through_the_front_end(own: Path, test_digits: Digits) -> None:
    digits = test_digits.take(np.arange(0, 10_000, 1_000))
    found = measured(own, digits, plan=CorruptionPlan(pictures=10, severities=(4,)))
    before, after = (
        {one.kind: one.predicted for one in scheme.corruptions} for scheme in found.schemes
    )
    for kind in ("brightness", "shear"):
        images = corrupt(digits.images, kind, severity=4)
        answers = {
            scheme: [one.digit for one in Classifier(own, scheme=scheme).predict_many(iter(images))]
            for scheme in ("float32", "int8")
        }
        right = {
            scheme: np.array(
                [one == label for one, label in zip(digit, digits.labels, strict=True)]
            )
            for scheme, digit in answers.items()
        }
        for scheme, results in (("float32", before), ("int8", after)):
            result = results[kind]
            assert result is not None
            assert result.total == 10
            assert result.right == right[scheme].sum()
            assert result.abstained == sum(one is None for one in answers[scheme])
            assert result.right + result.wrong + result.abstained == 10
        loss = 10.0 * (right["float32"].sum() - right["int8"].sum())
        assert [one.drop_points for one in (before[kind], after[kind]) if one] == [
            0,
            pytest.approx(loss),
        ]
    # As bare arrays most of these are abstained from; the front end reads them all.
    dark = next(one for one in found.schemes[1].corruptions if one.kind == "brightness")
    assert dark.abstained is not None
    assert dark.predicted is not None
    assert dark.abstained > dark.predicted.abstained


def test_fewer_pictures_go_through_the_front_end_than_as_bare_arrays() -> None:
    for pictures, total, expected in (
        (0, 10_000, 0),
        (10, 10_000, 10),
        (2_000, 10_000, 100),
        (2_000, 50, 50),
        (10_000, 10_000, 500),
    ):
        assert CorruptionPlan(pictures=pictures).predicted(total) == expected
    plan = CorruptionPlan(severities=(1, 2))
    assert plan.count_preprocessed(10_000) == 100 * 2 * len(CORRUPTIONS)


@pytest.mark.slow
@pytest.mark.usefixtures("few_corruptions")
def test_an_abstention_is_not_a_wrong_answer(own: Path, test_digits: Digits) -> None:
    path = own / "int8.json"
    manifest = json.loads(path.read_text(encoding="utf-8"))
    pictures = mnist_test_images(test_digits.take(np.arange(200)))
    nowhere_a_digit = dataclasses.replace(pictures, single_digit=np.zeros(200, np.bool_))
    told = {}
    for name, given, threshold in (
        ("all", pictures, 0.0),
        ("sure", pictures, 0.9),
        ("none", nowhere_a_digit, 0.0),
    ):
        path.write_text(json.dumps({**manifest, "min_confidence": threshold}), encoding="utf-8")
        schemes = loading.load_all_schemes(own)
        found = measure_schemes(
            schemes, given, plan=CorruptionPlan(pictures=20), on_progress=lambda count: None
        )
        told[name] = found.schemes[1].corruptions
    for each, sure, none in zip(told["all"], told["sure"], told["none"], strict=True):
        # predict abstains from pictures that are known not to be a digit, too.
        assert none.predicted is not None
        assert none.predicted.abstained == none.predicted.total == 20
        assert each.correct == sure.correct == none.correct
        assert each.wrong_answers == each.total - each.correct
        assert sure.wrong_answers is not None
        assert sure.wrong_answers <= each.wrong_answers
        assert (each.abstained, none.abstained, none.wrong_answers) == (0, none.total, 0)
    assert told["sure"] != told["all"]


@pytest.mark.parametrize(
    "settings", [{"pictures": -1}, {"severities": ()}, {"severities": (3, 3)}, {"severities": (6,)}]
)
def test_an_invalid_corruption_plan_is_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(InvalidValue, match=r"give|within"):
        CorruptionPlan(**settings)
