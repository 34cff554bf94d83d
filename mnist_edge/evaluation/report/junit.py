"""Gate results as JUnit XML, the format that continuous integration systems show."""

from __future__ import annotations

from xml.etree.ElementTree import Element, SubElement, indent, tostring

from mnist_edge.evaluation.report.gates import failure_messages
from mnist_edge.evaluation.report.results import Report


def report_to_junit(report: Report) -> str:
    """Return one test case for the measurement, which holds the verdict, and one per gate."""
    missed = sum(not gate.passed for gate in report.gates)
    suite = Element(
        "testsuite",
        name=f"mnist-edge report {report.model}",
        tests=str(1 + len(report.gates)),
        failures=str(missed),
        errors="0",
        skipped="0",
    )
    measured = SubElement(suite, "testcase", classname=report.model, name="measured")
    SubElement(measured, "system-out").text = report.verdict
    for gate in report.gates:
        case = SubElement(
            suite, "testcase", classname=report.model, name=f"{gate.name} {gate.limit:g}"
        )
        for message in failure_messages([gate]):
            SubElement(case, "failure", type="GateMissed", message=message).text = message
    root = Element("testsuites")
    root.append(suite)
    indent(root)
    return tostring(root, encoding="unicode", xml_declaration=True) + "\n"
