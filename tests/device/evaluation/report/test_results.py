from __future__ import annotations

from dataclasses import replace

from mnist_edge.evaluation.report.document import report_from_dict
from mnist_edge.evaluation.report.results import CorruptionResult, PredictedAnswers
from mnist_edge.metrics.intervals import Interval
from tests.support.reports import a_report

NONE = Interval(0.0, 0.0)
PREDICTED = PredictedAnswers(
    total=8, right=5, wrong=1, abstained=2, drop_points=0.0, drop_interval=NONE, p_value=1.0
)
CORRUPTED = CorruptionResult(
    kind="fog", severity=3, correct=6, total=8, accuracy=0.75, drop_points=0.0, drop_interval=NONE
)


def test_the_first_scheme_is_the_reference_and_the_others_are_compared_with_it() -> None:
    report = report_from_dict(a_report())
    assert report.reference_scheme.scheme == report.reference
    assert [scheme.scheme for scheme in report.candidates] == ["float16", "int8"]


def test_the_shares_of_predicted_answers_add_up_to_one() -> None:
    shares = (PREDICTED.right_share, PREDICTED.wrong_share, PREDICTED.abstained_share)
    assert shares == (0.625, 0.125, 0.25)


def test_a_share_of_corrupted_pictures_is_unknown_where_nothing_was_counted() -> None:
    assert (CORRUPTED.abstained_share, CORRUPTED.wrong_share) == (None, None)
    counted = replace(CORRUPTED, abstained=2, wrong_answers=0)
    assert (counted.abstained_share, counted.wrong_share) == (0.25, 0)


def test_a_scheme_is_predicted_as_soon_as_one_corruption_is() -> None:
    scheme = report_from_dict(a_report()).schemes[0]
    none = replace(scheme, corruptions=(CORRUPTED, CORRUPTED))
    assert not none.is_predicted
    some = replace(scheme, corruptions=(CORRUPTED, replace(CORRUPTED, predicted=PREDICTED)))
    assert some.is_predicted
