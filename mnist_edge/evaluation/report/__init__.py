"""The accuracy-drop report: what each quantization scheme costs, measured and told."""

from mnist_edge.device.machine import describe_machine
from mnist_edge.evaluation.report.diff import SideBySide, side_by_side
from mnist_edge.evaluation.report.document import load, save, schema, to_document
from mnist_edge.evaluation.report.labelled_images import (
    MNIST_TEST,
    Pictures,
    find_labelled,
    mnist_test,
    read,
)
from mnist_edge.evaluation.report.measure import REFERENCE, measure, steps, with_test_score
from mnist_edge.evaluation.report.results import Report, SchemeReport
from mnist_edge.evaluation.report.robustness import Plan

__all__ = [
    "MNIST_TEST",
    "REFERENCE",
    "Pictures",
    "Plan",
    "Report",
    "SchemeReport",
    "SideBySide",
    "describe_machine",
    "find_labelled",
    "load",
    "measure",
    "mnist_test",
    "read",
    "save",
    "schema",
    "side_by_side",
    "steps",
    "to_document",
    "with_test_score",
]
