"""Reports: measured, invented, made worse, or with hostile names."""

from __future__ import annotations

import base64
import copy
import dataclasses
from pathlib import Path
from typing import Any

import numpy as np

from mnist_edge.data.mnist import Digits
from mnist_edge.evaluation.report.document import report_from_dict, rounded
from mnist_edge.evaluation.report.labeled_images import mnist_test_images
from mnist_edge.evaluation.report.measure import measure_schemes
from mnist_edge.evaluation.report.render.html import report_to_html
from mnist_edge.evaluation.report.render.markdown import report_to_markdown
from mnist_edge.evaluation.report.render.summary_svg import report_to_svg
from mnist_edge.evaluation.report.results import Report
from mnist_edge.evaluation.report.robustness import CorruptionPlan
from mnist_edge.metrics.intervals import Interval
from mnist_edge.modelstore import loading
from mnist_edge.runtimes.interpreter import Interpreter

CLEAN = CorruptionPlan(pictures=0)
"""A plan without corrupted pictures."""


def measured(folder: Path, digits: Digits, *, plan: CorruptionPlan = CLEAN, **more: Any) -> Report:
    return measure_schemes(
        loading.load_all_schemes(folder),
        mnist_test_images(digits),
        plan=plan,
        on_progress=lambda count: None,
        **more,
    )


def logits_of(folder: Path, scheme: str, digits: Digits) -> Any:
    return Interpreter((folder / f"{scheme}.tflite").read_bytes()).logits(digits.images)


def worsened(report: Report) -> Report:
    """Return the report without its last scheme and with a worse int8."""
    first = rounded(report)
    worse = first.schemes[3]
    assert worse.scheme == "int8"
    low, high = worse.accuracy_interval
    worse = dataclasses.replace(
        worse, accuracy=worse.accuracy - 0.25, accuracy_interval=Interval(low - 0.25, high - 0.25)
    )
    schemes = (*first.schemes[:3], worse)
    return dataclasses.replace(first, schemes=schemes, verdict="int8 is broken: B.")


Document = dict[str, Any]
"""The JSON form of a report."""

HOSTILE = "</title><script>alert(1)</script>\"'&|`*_[x](https://evil.example)\n\x00\ud800"
"""A hostile, though valid, file name."""


def to_html(document: Document) -> str:
    return report_to_html(report_from_dict(document))


def to_markdown(document: Document) -> str:
    return report_to_markdown(report_from_dict(document))


def to_svg(document: Document) -> str:
    return report_to_svg(report_from_dict(document))


def pixels(seed: int = 0) -> str:
    digit = np.random.default_rng(seed).integers(0, 256, (28, 28), np.uint8)
    return base64.b64encode(digit.tobytes()).decode("ascii")


def a_picture(index: int, label: int, before: int, after: int) -> Document:
    return {
        "index": index,
        "path": None,
        "label": label,
        "reference": {"digit": before, "confidence": 0.512},
        "candidate": {"digit": after, "confidence": 0.634},
        "pixels": pixels(index),
    }


def a_scheme(name: str, *, lost: int = 0, gained: int = 0, flips: Any = ()) -> Document:
    confusion = (np.eye(10, dtype=int) * 99 + 1).tolist()
    confusion[4][9] += lost
    confusion[4][4] -= lost
    correct = 9_971 - lost + gained
    bins = [
        {
            "lower": number / 10,
            "upper": (number + 1) / 10,
            "count": 0 if number < 3 else 10 * number,
            "confidence": None if number < 3 else (number + 0.5) / 10,
            "accuracy": None if number < 3 else (number + 0.4) / 10,
        }
        for number in range(10)
    ]
    return {
        "scheme": name,
        "sha256": f"{len(name):064x}",
        "size": 88_432,
        "parameters": 81_800,
        "multiply_adds": 5_100_000,
        "arena": None,
        "operators": [{"name": "CONV_2D", "version": 3, "count": 6}],
        "temperature": 1.01,
        "min_confidence": 0.56,
        "correct": correct,
        "total": 10_000,
        "accuracy": correct / 10_000,
        "accuracy_interval": [0.9957, 0.9979],
        "both_right": 9_971 - lost,
        "only_reference": lost,
        "only_candidate": gained,
        "both_wrong": 29 - gained,
        "drop_points": (lost - gained) / 100,
        "drop_interval": [(lost - gained) / 100 - 0.02, (lost - gained) / 100 + 0.04],
        "largest_drop": (lost - gained) / 100 + 0.04,
        "p_value": 0.625,
        "agreement": 0.9997,
        "pictures_to_see": {"drop_points": 0.05, "pictures": 34_567},
        "abstained": 93,
        "flipped": len(flips),
        "classes": [
            {
                "digit": digit,
                "count": 1000,
                "recall": None if digit == 7 else 0.99,
                "precision": 0.98,
                "recall_drop_points": None if digit == 7 else 0.13,
            }
            for digit in range(10)
        ],
        "confusion": confusion,
        "flips": list(flips),
        "mistakes": [a_picture(1234, 5, 3, 3)],
        "doubtful": [a_picture(4321, 1, 7, 7)],
        "calibration": {
            "error": 0.0021,
            "negative_log_likelihood": 0.0123,
            "bins": bins,
            "true_class_change": -0.00012,
            "symmetric_divergence": 0.00034,
        },
        "coverage": [
            {"coverage": 1.0, "accuracy": correct / 10_000, "threshold": 0.2},
            {"coverage": 0.5, "accuracy": 1.0, "threshold": 0.99},
        ],
        "corruptions": [
            {
                "kind": kind,
                "severity": 3,
                "correct": 800,
                "total": 1000,
                "accuracy": 0.8,
                "drop_points": drop,
                "drop_interval": [drop - 1, drop + 1],
                "abstained": 180,
                "wrong_answers": 25 + lost,
                "predicted": {
                    "total": 200,
                    "right": 150 - lost,
                    "wrong": 6 + lost,
                    "abstained": 44,
                    "drop_points": drop / 2,
                    "drop_interval": [drop / 2 - 2, drop / 2 + 2],
                    "p_value": 0.5,
                },
            }
            for kind, drop in (("fog", -0.4), ("zigzag", 2.5), ("shear", 0.0))
        ],
    }


FLIPS = (a_picture(947, 8, 8, 9), a_picture(2462, 2, 0, 2), a_picture(2018, 1, 2, 8))


def a_report() -> Document:
    """A report of invented figures."""
    schemes = [
        a_scheme("float32"),
        a_scheme("float16"),
        a_scheme("int8", lost=2, gained=1, flips=copy.deepcopy(FLIPS)),
    ]
    return {
        "schema_version": 2,
        "mnist_edge": "0.1.0",
        "command": "mnist-edge report models/edge --max-drop 0.3",
        "model": "edge",
        "reference": "float32",
        "verdict": "int8 of edge has no loss that these 10,000 digits show; at most 0.05 points, "
        "at 95 % confidence: 99.70 % of 10,000 pictures against 99.71 % in float32.",
        "runtime": "tflite-runtime 2.14.0",
        "data": {
            "name": "MNIST test",
            "pictures": 10_000,
            "sha256": {"t10k-images": "ab" * 32},
            "unreadable": [],
            "without_digit": [],
        },
        "schemes": schemes,
        "gates": [
            {
                "name": "--max-drop",
                "limit": 0.3,
                "value": 0.0512,
                "unit": "points",
                "scheme": "int8",
                "passed": True,
            }
        ],
        "times": {
            "date": "2026-11-21",
            "machine": "Linux aarch64, 4 cores",
            "cpu": "Cortex-A72",
            "threads": [1, 4],
            "governor": None,
            "temperature_c": 48.5,
            "peak_memory_mb": 61.2,
            "schemes": [
                {
                    "scheme": scheme["scheme"],
                    "load_ms": 1.2,
                    "median_us": 417.4,
                    "p95_us": 480.0,
                    "p99_us": 5_123.0,
                    "throughput": {"1": 2_345.0, "4": 7_891.0},
                }
                for scheme in schemes
            ],
        },
    }


def hostile(document: Document, text: str) -> Document:
    """Return a report with every external text replaced by one text."""
    changed = copy.deepcopy(document)
    for key in ("model", "command", "runtime", "verdict", "mnist_edge"):
        changed[key] = text
    changed["data"] |= {
        "name": text,
        "sha256": {text: text},
        "unreadable": [{"path": text, "reason": text}],
    }
    changed["gates"][0] |= {"name": text, "unit": text, "scheme": text}
    changed["times"] |= {"machine": text, "cpu": text, "governor": text, "date": text}
    scheme = changed["schemes"][1]
    scheme["scheme"] = changed["times"]["schemes"][1]["scheme"] = text
    scheme["flips"] = [{**FLIPS[0], "path": text}]
    scheme["operators"][0]["name"] = text
    for each in changed["schemes"]:
        each["corruptions"][0]["kind"] = text
    return changed
