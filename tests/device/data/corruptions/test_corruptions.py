from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from mnist_edge.data.corruptions import CORRUPTIONS, DEFAULT_SEVERITY, SEVERITIES, corrupt
from mnist_edge.data.mnist import Digits
from mnist_edge.errors import InvalidValue, UnknownName
from mnist_edge.inference.classifier import Classifier
from mnist_edge.runtimes.interpreter import Interpreter
from tests.support.images import bar, full

KINDS = list(CORRUPTIONS)
LEAVING_BLANK = {
    "shot-noise",
    "glass-blur",
    "motion-blur",
    "shear",
    "scale",
    "rotate",
    "translate",
    "canny-edges",
}
"""The kinds that leave a blank image blank."""
RANDOM = set(KINDS) - {"scale", "brightness", "stripe", "canny-edges"}


def test_there_are_fifteen_kinds() -> None:
    assert " ".join(KINDS) == (
        "shot-noise impulse-noise glass-blur motion-blur shear scale rotate brightness translate "
        "stripe fog spatter dotted-line zigzag canny-edges"
    )


@pytest.mark.parametrize("kind", KINDS)
def test_a_corruption_keeps_shape_and_dtype_and_does_not_change_its_input(
    kind: str, digits: Digits
) -> None:
    before = digits.images.copy()
    found = corrupt(digits.images, kind)
    assert (found.shape, found.dtype) == (before.shape, before.dtype)
    np.testing.assert_array_equal(digits.images, before)
    assert (found != before).any(axis=(1, 2)).mean() > 0.99
    assert corrupt(before[:0], kind).shape == (0, 28, 28)


@pytest.mark.parametrize("kind", KINDS)
def test_a_corruption_depends_on_the_seed_alone(kind: str, digits: Digits) -> None:
    images = digits.images[:20]
    found = corrupt(images, kind, seed=7)
    np.testing.assert_array_equal(corrupt(images, kind, seed=7), found)
    assert (corrupt(images, kind, seed=8) != found).any() == (kind in RANDOM)


@pytest.mark.parametrize("kind", KINDS)
def test_a_digit_is_corrupted_the_same_in_any_batch(kind: str, digits: Digits) -> None:
    images = np.concatenate((digits.images, digits.images[:100]))
    whole = corrupt(images, kind)
    for start, end in ((0, 1), (13, 130), (499, 501), (599, 600)):
        part = corrupt(images[start:end], kind, first=start)
        np.testing.assert_array_equal(part, whole[start:end])


@pytest.mark.parametrize("kind", sorted(RANDOM))
def test_different_digits_are_corrupted_differently(kind: str) -> None:
    images = np.repeat(bar(1), 40, axis=0)
    assert len(np.unique(corrupt(images, kind), axis=0)) > 1


@pytest.mark.parametrize("kind", KINDS)
def test_a_higher_severity_changes_more(kind: str, digits: Digits) -> None:
    before = digits.images.astype(int)
    changes = [
        np.abs(corrupt(digits.images, kind, severity=severity) - before).mean()
        for severity in SEVERITIES
    ]
    assert changes == sorted(changes)
    assert changes[0] > 0
    assert changes[-1] > 1.2 * changes[0]


@pytest.mark.parametrize("kind", KINDS)
def test_a_higher_severity_costs_more_accuracy(kind: str, digits: Digits) -> None:
    classifier = Classifier()

    def accuracy(images: NDArray[np.uint8]) -> float:
        found = [one.without_abstention().digit for one in classifier.predict_pixels(images)]
        return float((np.array(found) == digits.labels).mean())

    clean, slight, severe = (
        accuracy(images)
        for images in (
            digits.images,
            corrupt(digits.images, kind, severity=1),
            corrupt(digits.images, kind, severity=5),
        )
    )
    # Shot noise corrects some digits that were misread without it.
    assert slight <= clean + 0.01
    # The models were trained to tolerate some of it.
    assert severe < slight - 0.02


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.slow
def test_each_severity_costs_a_plain_network_more_and_the_default_is_far_from_chance(
    kind: str, digits: Digits, nano: Path
) -> None:
    interpreter = Interpreter((nano.parent / "cnn" / "int8.tflite").read_bytes())
    chosen = digits.take(np.arange(300))
    accuracies = [
        (interpreter.logits(images).argmax(axis=1) == chosen.labels).mean()
        for images in (
            chosen.images,
            *(corrupt(chosen.images, kind, severity=severity) for severity in SEVERITIES),
        )
    ]
    # A mild step can correct a few by chance.
    assert all(after <= before + 0.01 for before, after in pairwise(accuracies))
    assert accuracies[-1] < accuracies[0]
    assert accuracies[DEFAULT_SEVERITY] > 0.3


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("severity", SEVERITIES)
def test_a_blank_stays_blank_for_kinds_that_add_no_ink(kind: str, severity: int) -> None:
    found = corrupt(full(20, gray=0), kind, severity=severity)
    assert found.any() == (kind not in LEAVING_BLANK)


def test_invalid_corruption_arguments_are_refused() -> None:
    images = bar(2)
    with pytest.raises(UnknownName, match="unknown corruption 'snow'"):
        corrupt(images, "snow")
    for severity in (0, 6):
        with pytest.raises(InvalidValue, match=f"severity {severity}"):
            corrupt(images, "fog", severity=severity)
    with pytest.raises(InvalidValue, match="seed -1"):
        corrupt(images, "fog", seed=-1)
    with pytest.raises(InvalidValue, match="first -1"):
        corrupt(images, "fog", first=-1)
    with pytest.raises(InvalidValue, match=r"shape \(28, 28\)"):
        corrupt(images[0], "fog")
    with pytest.raises(InvalidValue, match="float64"):
        corrupt(images / 255, "fog")  # type: ignore[arg-type]
