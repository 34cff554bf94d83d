"""Gates as JUnit XML."""

from __future__ import annotations

import dataclasses
from xml.etree import ElementTree as ET

from mnist_edge.evaluation.report.gates import Limits
from mnist_edge.evaluation.report.junit import report_to_junit
from mnist_edge.evaluation.report.results import Report


def test_junit_has_a_case_for_the_measurement_and_one_for_each_gate(nano_report: Report) -> None:
    limits = Limits(max_size=1, max_drop=100)
    gated = dataclasses.replace(nano_report, gates=limits.check(nano_report))
    (suite,) = ET.fromstring(report_to_junit(gated))  # noqa: S314  # our own
    assert (suite.get("tests"), suite.get("failures")) == ("3", "1")
    assert [case.get("name") for case in suite] == ["measured", "--max-drop 100", "--max-size 1"]
    assert [len(case.findall("failure")) for case in suite] == [0, 0, 1]
    assert suite[0].findtext("system-out") == nano_report.verdict
