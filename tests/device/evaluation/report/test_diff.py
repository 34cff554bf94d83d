"""Two reports compared."""

from __future__ import annotations

import dataclasses
import re

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


def test_a_report_compared_with_itself_did_not_change(two: tuple[Report, Report]) -> None:
    found = diff_reports(two[0], two[0])
    accuracy = f"{100 * two[0].schemes[3].accuracy:.2f} %"
    assert found.summary == (
        f"int8: {accuracy} in A, {accuracy} in B (+0.00 points); 15,993 bytes in A, 15,993 in B. "
        "No accuracy changed by more than chance explains."
    )
    assert {change.change for change in found.changes} <= {0, None}
    assert found.same_pictures
    assert "No accuracy changed" in diff_to_html(found)


def test_swapped_reports_negate_every_change(two: tuple[Report, Report]) -> None:
    there, back = diff_reports(*two), diff_reports(*reversed(two))
    assert "0 for the better, 1 for the worse" in there.summary
    assert "1 for the better, 0 for the worse" in back.summary
    ways = {(one.scheme, one.figure): one for one in back.changes}
    for one in there.changes:
        other = ways[one.scheme, one.figure]
        assert (one.first, one.second) == (other.second, other.first)
        if one.interval and other.interval:
            assert one.interval == pytest.approx((-other.interval.high, -other.interval.low))


def test_the_summary_is_about_a_scheme_that_both_reports_have(two: tuple[Report, Report]) -> None:
    first, second = two
    fewer = dataclasses.replace(second, schemes=second.schemes[:2])
    assert diff_reports(first, fewer).summary.startswith("float32: ")
    nothing = dataclasses.replace(
        first,
        schemes=(dataclasses.replace(first.schemes[0], scheme="other"),),
        reference="other",
    )
    assert diff_reports(nothing, fewer).summary == "A and B have no scheme in common."


def test_long_names_are_shortened_in_the_middle(two: tuple[Report, Report]) -> None:
    first, second = two
    name = f"the-beginning-{'x' * 60}-the-end"
    text = format_comparison(diff_reports(dataclasses.replace(first, model=name), second))
    facts = "".join(line[12:44].strip() for line in text.splitlines())
    assert name in facts
    assert max(map(len, text.splitlines())) <= 80


def test_a_change_that_rounds_to_zero_has_no_minus_sign(two: tuple[Report, Report]) -> None:
    first, second = two[0], rounded(two[0])
    worse = dataclasses.replace(second.schemes[3], drop_points=-0.001, accuracy=0.98999)
    second = dataclasses.replace(second, schemes=(*second.schemes[:3], worse))
    found = diff_reports(first, second)
    for text in (format_comparison(found), diff_to_html(found), diff_to_markdown(found)):
        assert not re.search(r"[-\u2212]0\.00(?!\d)", text)


def test_reports_of_different_pictures_are_marked(two: tuple[Report, Report]) -> None:
    first, second = two
    other = dataclasses.replace(second, data=dataclasses.replace(second.data, sha256={}))
    found = diff_reports(first, other)
    for text in (format_comparison(found), diff_to_html(found), diff_to_markdown(found)):
        assert "not of the same pictures" in text
