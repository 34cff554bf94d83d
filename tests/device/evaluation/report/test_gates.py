"""Limits that a report is checked against."""

from __future__ import annotations

import dataclasses

import pytest

from mnist_edge.evaluation.report.gates import Limits, failure_messages
from mnist_edge.evaluation.report.results import Report


def with_drop(found: Report, points: float, largest: float) -> Report:
    """Return the report with an int8 that loses so much."""
    schemes = [
        dataclasses.replace(scheme, drop_points=points, largest_drop=largest)
        if scheme.scheme == "int8"
        else scheme
        for scheme in found.schemes
    ]
    return dataclasses.replace(found, schemes=tuple(schemes))


@pytest.mark.parametrize(
    ("limits", "missed"),
    [
        ({"max_drop": 0.5}, []),
        ({"max_drop": 0.4999}, ["--max-drop"]),
        ({"max_drop_point": 0.2}, []),
        ({"max_drop_point": 0.1999, "max_drop": 0.6}, ["--max-drop-point"]),
        ({"min_accuracy": 101}, ["--min-accuracy"]),
        ({"max_size": 26_201}, []),
        ({"max_size": 26_200, "min_accuracy": 0}, ["--max-size"]),
        ({"max_latency_ratio": 1e6}, []),
        ({"max_latency_ratio": 1e-6}, ["--max-latency-ratio"]),
        ({"max_drop_corrupted": 100}, []),
        ({"max_drop_corrupted": -100}, ["--max-drop-corrupted"]),
        ({}, []),
    ],
)
def test_a_gate_passes_at_its_limit_and_fails_beyond_it(
    limits: dict[str, float], missed: list[str], nano_report: Report
) -> None:
    found = with_drop(nano_report, 0.2, 0.5)
    # The others lose less than that, for int8 to be what the gates are about.
    schemes = [one for one in found.schemes if one.scheme in ("float32", "float16", "int8")]
    schemes = [
        one if one.scheme == "int8" else dataclasses.replace(one, drop_points=0, largest_drop=0)
        for one in schemes
    ]
    found = dataclasses.replace(found, schemes=tuple(schemes))
    results = Limits(**limits).check(found)
    assert len(results) == len(limits)
    assert [one.name for one in results if not one.passed] == missed
    said = failure_messages(results)
    assert len(said) == len(missed)
    for name, reason in zip(missed, said, strict=True):
        assert reason.startswith("gate missed: ")
        assert f"allowed by {name} (" in reason
    if "max_drop" in limits:
        assert results[0].scheme == "int8"


def test_the_drop_under_corruption_is_that_of_predicts_answers_under_the_worst_kind(
    nano_report: Report,
) -> None:
    (result,) = Limits(max_drop_corrupted=0).check(nano_report)
    drops = [
        one.predicted.drop_points
        for scheme in nano_report.candidates
        for one in scheme.corruptions
        if one.predicted
    ]
    assert result.value == max(drops)
    bare = dataclasses.replace(
        nano_report,
        schemes=tuple(
            dataclasses.replace(
                scheme,
                corruptions=tuple(
                    dataclasses.replace(one, predicted=None) for one in scheme.corruptions
                ),
            )
            for scheme in nano_report.schemes
        ),
    )
    (result,) = Limits(max_drop_corrupted=0).check(bare)
    assert result.value == max(
        one.drop_points for scheme in bare.candidates for one in scheme.corruptions
    )
