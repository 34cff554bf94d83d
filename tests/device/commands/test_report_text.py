from __future__ import annotations

import dataclasses

from mnist_edge.commands.report_text import format_report
from mnist_edge.evaluation.report.results import Report
from mnist_edge.metrics.intervals import Interval


def test_the_verdict_comes_first_and_no_line_is_wider_than_80_columns(
    nano_report: Report,
) -> None:
    text = format_report(nano_report)
    first, *_ = text.split("\n\n")
    assert " ".join(first.split()) == nano_report.verdict
    assert max(map(len, text.splitlines())) <= 80
    for kind in ("shot-noise", "canny-edges"):
        assert text.count(f"\n{kind} ") == 2


def test_a_report_has_no_negative_zero(nano_report: Report) -> None:
    schemes = [
        dataclasses.replace(one, drop_points=-0.001, drop_interval=Interval(-0.004, -0.0))
        for one in nano_report.schemes
    ]
    text = format_report(dataclasses.replace(nano_report, schemes=tuple(schemes)))
    assert "+0.00..+0.00" in text
    assert "-0.00" not in text
