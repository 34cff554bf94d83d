"""The verdict of a report: for given figures, and for models that are broken on purpose."""

from __future__ import annotations

import dataclasses
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from mnist_edge.data.mnist import Digits
from mnist_edge.evaluation.report.labeled_images import mnist_test_images
from mnist_edge.evaluation.report.measure import measure_schemes
from mnist_edge.evaluation.report.results import CorruptionResult, PredictedAnswers, SchemeReport
from mnist_edge.evaluation.report.robustness import CorruptionPlan
from mnist_edge.evaluation.report.verdict import verdict
from mnist_edge.metrics.intervals import Interval, mcnemar_p
from mnist_edge.metrics.paired import Comparison
from mnist_edge.modelstore import loading
from mnist_edge.runtimes.numpy_backend.model_graph import Graph, parse_graph


@pytest.fixture(scope="module")
def any_scheme(nano: Path, test_digits: Digits) -> SchemeReport:
    """A scheme's figures, to be changed by tests."""
    found = measure_schemes(
        [loading.load_model(nano, scheme="float32")],
        mnist_test_images(test_digits.take(np.arange(10))),
        plan=CorruptionPlan(pictures=0),
        on_progress=lambda count: None,
    )
    return found.schemes[0]


@pytest.fixture
def scheme(any_scheme: SchemeReport) -> Callable[..., SchemeReport]:
    """Make a scheme of 10,000 pictures that loses and gains some against the reference."""

    def made(
        name: str, *, correct: int, lost: int = 0, won: int = 0, total: int = 10_000
    ) -> SchemeReport:
        both = correct - won
        pair = Comparison(
            both_right=both,
            only_reference=lost,
            only_candidate=won,
            both_wrong=total - both - lost - won,
            agreement=1 - (lost + won) / total,
        )
        return dataclasses.replace(
            any_scheme,
            scheme=name,
            correct=correct,
            total=total,
            accuracy=correct / total,
            drop_points=pair.drop,
            drop_interval=pair.drop_interval,
            largest_drop=pair.largest_drop,
        )

    return made


Scheme = Callable[..., SchemeReport]


def test_a_drop_within_chance_is_reported_as_no_loss(scheme: Scheme) -> None:
    said = verdict(
        "nano", [scheme("float32", correct=9_935), scheme("int8", correct=9_934, lost=2, won=1)]
    )
    assert said == (
        "int8 of nano has no loss that these 10,000 digits show; at most 0.06 points, at 95 % "
        "confidence: 99.34 % of 10,000 pictures against 99.35 % in float32."
    )


def test_a_nearly_significant_drop_is_reported_with_its_bound(scheme: Scheme) -> None:
    int8 = scheme("int8", correct=9_470, lost=19, won=9)
    assert mcnemar_p(19, 9) == pytest.approx(0.087, abs=0.001)
    said = verdict("tutorial", [scheme("float32", correct=9_480), int8])
    assert said.startswith(
        "int8 of tutorial has no loss that these 10,000 digits show; at most 0.22 points, "
    )
    assert "nothing" not in said
    assert f"{int8.largest_drop:.2f}" == "0.22"


def test_a_significant_small_drop_is_reported_with_its_interval(scheme: Scheme) -> None:
    said = verdict(
        "nano", [scheme("float32", correct=9_935), scheme("int8", correct=9_920, lost=16, won=1)]
    )
    assert said.startswith("int8 costs nano 0.15 points (95 %: 0.08 to 0.25): 99.20 % of 10,000")
    assert "do not ship" not in said


def test_a_gain_is_reported_as_a_gain(scheme: Scheme) -> None:
    said = verdict(
        "nano", [scheme("float32", correct=9_935), scheme("int8", correct=9_947, won=12)]
    )
    assert said.startswith("int8 gains nano 0.12 points (95 %: 0.07 to 0.21): 99.47 %")


def test_too_few_pictures_are_reported_as_such(scheme: Scheme) -> None:
    said = verdict(
        "nano",
        [scheme("float32", correct=59, total=60), scheme("int8", correct=58, lost=1, total=60)],
    )
    assert said.startswith("int8 shows no sure drop, but 60 pictures are too few")
    assert "points are not excluded at 95 % confidence" in said


def test_a_large_drop_advises_against_shipping_and_names_the_worst_scheme(scheme: Scheme) -> None:
    said = verdict(
        "nano",
        [
            scheme("float32", correct=9_935),
            scheme("dynamic", correct=9_885, lost=50),
            scheme("int8", correct=9_705, lost=240, won=10),
            scheme("int16x8", correct=9_935),
        ],
    )
    assert said == (
        "int8 loses 2.30 points (95 %: 2.01 to 2.62), 97.05 % of 10,000 pictures against 99.35 % "
        "in float32: do not ship it, nor dynamic."
    )


def under(
    kind: str, *, drop: float, p: float, right: int, wrong: int, bare: float = 0
) -> CorruptionResult:
    """Make a result on 200 corrupted pictures, and its drop on bare arrays."""
    return CorruptionResult(
        kind=kind,
        severity=3,
        correct=1_500,
        total=2_000,
        accuracy=0.75,
        drop_points=bare,
        drop_interval=Interval(bare - 1, bare + 1),
        abstained=480,
        wrong_answers=9,
        predicted=PredictedAnswers(
            total=200,
            right=right,
            wrong=wrong,
            abstained=200 - right - wrong,
            drop_points=drop,
            drop_interval=Interval(drop - 3, drop + 3),
            p_value=p,
        ),
    )


def test_a_loss_under_corruption_is_in_the_verdict(scheme: Scheme) -> None:
    def found(*corruptions: CorruptionResult) -> str:
        before = under("brightness", drop=0, p=1, right=180, wrong=1)
        float32 = dataclasses.replace(
            scheme("float32", correct=9_935), corruptions=(before,) * len(corruptions)
        )
        int8 = dataclasses.replace(scheme("int8", correct=9_935), corruptions=corruptions)
        return verdict("nano", [float32, int8])

    chance = under("fog", drop=6.0, p=0.04, right=168, wrong=2)
    dark = under("brightness", drop=10.0, p=1e-4, right=160, wrong=4)
    said = found(chance, dark)
    assert said.startswith("int8 of nano has no loss")
    assert said.endswith(
        "; under brightness predict answers 80.00 % of 200 pictures right (float32: 90.00 %) and "
        "2.00 % wrong (0.50 %)."
    )
    # One of fifteen at p = 0.04 is chance, and so is nothing of a single one.
    assert "under" not in found(*[chance] * 15)
    assert "under fog" in found(chance)


def test_a_loss_on_bare_arrays_alone_is_not_in_the_verdict(scheme: Scheme) -> None:
    bare = under("brightness", drop=0.0, p=1.0, right=200, wrong=0, bare=8.7)
    before = dataclasses.replace(bare, drop_points=0, drop_interval=Interval(0, 0))
    older = dataclasses.replace(bare, predicted=None)
    for result in (bare, older):
        int8 = dataclasses.replace(scheme("int8", correct=9_935), corruptions=(result,))
        float32 = dataclasses.replace(scheme("float32", correct=9_935), corruptions=(before,))
        assert "brightness" not in verdict("nano", [float32, int8])


def test_a_reference_alone_has_nothing_to_be_compared_with(scheme: Scheme) -> None:
    said = verdict("nano", [scheme("float32", correct=9_935)])
    assert said.startswith("nano: float32 alone was measured, 99.35 %")


def test_a_broken_reference_is_reported_first(scheme: Scheme) -> None:
    said = verdict("nano", [scheme("float32", correct=1_100), scheme("int8", correct=1_100)])
    assert said.startswith("float32, the reference, is broken itself: it reads 11.00 %")


Plant = Callable[[Graph], None]


def _between(graph: Graph) -> int:
    """Return the index of the first convolution's output."""
    return next(one.outputs[0] for one in graph.operators if one.name == "CONV_2D")


def wrong_zero_point(graph: Graph) -> None:
    """Set a zero point with which a rectified tensor cannot represent positive values."""
    graph.tensors[_between(graph)].zero_points[:] = 127


def saturated_layer(graph: Graph) -> None:
    """Set a scale that saturates nearly every value."""
    graph.tensors[_between(graph)].scales[:] /= 100


def swapped_labels(graph: Graph) -> None:
    """Swap the rows of two digits in the last layer."""
    (last,) = (one for one in graph.operators if one.name == "FULLY_CONNECTED")
    weights, bias = (graph.tensors[place] for place in last.inputs[1:])
    arrays: list[NDArray[np.generic] | None] = [
        weights.data,
        bias.data,
        weights.scales,
        bias.scales,
    ]
    for array in arrays:
        assert array is not None
        if len(array) == 10:
            array[[3, 5]] = array[[5, 3]]


@pytest.mark.parametrize(
    ("plant", "symptom"),
    [
        (wrong_zero_point, r"it answers \d to nearly everything"),
        (saturated_layer, ""),
        (swapped_labels, "it reads 3 as 5 and 5 as 3"),
    ],
    ids=["zero point", "saturated", "swapped"],
)
def test_a_broken_quantization_is_reported_first(
    plant: Plant, symptom: str, own: Path, test_digits: Digits
) -> None:
    # The graph of a bytearray has views that can be written to.
    content = bytearray((own / "int8.tflite").read_bytes())
    plant(parse_graph(content))  # type: ignore[arg-type]
    assert content != (own / "int8.tflite").read_bytes()
    (own / "int8.tflite").write_bytes(content)
    (own / "int8.json").unlink()
    shutil.copy(own / "float32.tflite", own / "float16.tflite")
    found = measure_schemes(
        loading.load_all_schemes(own),
        mnist_test_images(test_digits.take(np.arange(1_000))),
        plan=CorruptionPlan(pictures=0),
        on_progress=lambda count: None,
    )
    assert found.verdict.startswith("int8 is broken: ")
    assert found.verdict.endswith(": do not ship it.")
    assert re.search(symptom, found.verdict)
    assert "\n" not in found.verdict
