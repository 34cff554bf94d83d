"""Two reports compared."""

from __future__ import annotations

import dataclasses

import pytest

from mnist_edge.commands.report_text import format_comparison
from mnist_edge.evaluation.report.diff import diff_reports
from mnist_edge.evaluation.report.document import rounded
from mnist_edge.evaluation.report.render.diff_page import diff_to_html, diff_to_markdown
from mnist_edge.evaluation.report.results import Report
from tests.support.reports import worsened


@pytest.fixture
def two(nano_report: Report) -> tuple[Report, Report]:
    """A report, and a worse one."""
    return rounded(nano_report), worsened(nano_report)


def test_a_report_beside_itself_did_not_change(two: tuple[Report, Report]) -> None:
    found = diff_reports(two[0], two[0])
    assert found.summary == "No accuracy changed by more than chance explains."
    assert {change.change for change in found.changes} <= {0, None}
    assert found.same_pictures
    assert "No accuracy changed" in diff_to_html(found)


def test_reports_the_other_way_round_negate(two: tuple[Report, Report]) -> None:
    there, back = diff_reports(*two), diff_reports(*reversed(two))
    assert "0 for the better, 1 for the worse" in there.summary
    assert "1 for the better, 0 for the worse" in back.summary
    ways = {(one.scheme, one.figure): one for one in back.changes}
    for one in there.changes:
        other = ways[one.scheme, one.figure]
        assert (one.first, one.second) == (other.second, other.first)
        if one.interval and other.interval:
            assert one.interval == pytest.approx((-other.interval.high, -other.interval.low))


def test_reports_of_other_pictures_say_so(two: tuple[Report, Report]) -> None:
    first, second = two
    other = dataclasses.replace(second, data=dataclasses.replace(second.data, sha256={}))
    found = diff_reports(first, other)
    for text in (format_comparison(found), diff_to_html(found), diff_to_markdown(found)):
        assert "not of the same pictures" in text
