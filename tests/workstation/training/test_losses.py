from __future__ import annotations

import math

import numpy as np
import pytest

from mnist_edge.metrics.confidence import softmax
from mnist_edge.training.frameworks import import_keras
from mnist_edge.training.losses import (
    NO_DIGIT,
    corrected_targets,
    cross_entropy,
    digits_only,
    distillation_targets,
    label_probabilities,
)

LOGITS = np.array([[4.0, *[0.0] * 9], [0.0, 2.0, *[0.0] * 8], [1.5] * 10], np.float32)


def test_the_loss_is_cross_entropy_for_digits_and_divergence_from_uniform_for_outliers() -> None:
    keras = import_keras()
    loss = cross_entropy(reduction="sum_over_batch_size")
    labels = np.array([0, 1, 9], np.uint8)
    reference = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    assert float(loss(labels, LOGITS)) == pytest.approx(float(reference(labels, LOGITS)), rel=1e-6)
    for row, logits in enumerate(LOGITS):
        value = float(loss(np.array([NO_DIGIT]), LOGITS[row : row + 1]))
        even = math.log(np.exp(logits.astype(float)).sum()) - logits.mean() - math.log(10)
        assert value == pytest.approx(even, abs=1e-5)
    assert float(loss(np.array([NO_DIGIT]), LOGITS[2:])) == pytest.approx(0, abs=1e-6)


def test_teachers_are_weighted_by_alpha() -> None:
    keras = import_keras()
    labels = np.array([0, 1, NO_DIGIT], np.uint8)
    taught = np.full((3, 10), 0.02, np.float32)
    taught[[0, 1, 2], [0, 2, 3]] = 0.82
    loss = cross_entropy(reduction="none", alpha=0.7, temperature=2.0)
    of_labels = cross_entropy(reduction="none")(labels, LOGITS)
    taught[1, 0] += taught[1, 9]
    taught[1, 9] = 0
    own = keras.ops.softmax(LOGITS / 2)
    of_teachers = keras.losses.KLDivergence(reduction="none")(taught, own)
    mixed = 0.3 * np.asarray(of_labels) + 0.7 * 4 * np.asarray(of_teachers)
    losses = np.asarray(loss(distillation_targets(labels, taught), LOGITS))
    np.testing.assert_allclose(losses, mixed, rtol=1e-5)


def test_a_label_has_the_mean_probabilities_of_its_digits_that_are_read_right() -> None:
    labels = np.array([0, 1, 2], np.uint8)
    by_label = label_probabilities(LOGITS, labels, temperature=2.0)
    np.testing.assert_allclose(by_label[:2], softmax(LOGITS[:2], temperature=2.0))
    # The 2 is read as a 0, and of the others there are none.
    np.testing.assert_array_equal(by_label[2:10], np.eye(10)[2:])
    np.testing.assert_array_equal(by_label[NO_DIGIT], 0.1)


def test_a_teacher_is_corrected_where_it_is_wrong() -> None:
    sure, unsure = np.eye(10, dtype=np.float32)[3] * 9, np.zeros(10, np.float32)
    logits = np.stack([sure, sure, sure, unsure, unsure])
    labels = np.array([3, 5, NO_DIGIT, NO_DIGIT, 3], np.uint8)
    by_label = np.vstack([np.eye(10), np.full(10, 0.1)])
    targets = corrected_targets(labels, logits, by_label, temperature=2.0)
    np.testing.assert_array_equal(targets[:, 0], labels)
    np.testing.assert_allclose(targets[0, 1:], softmax(sure[np.newaxis], temperature=2.0)[0], 1e-5)
    np.testing.assert_allclose(targets[1:, 1:], by_label[labels[1:]], 1e-5)


@pytest.mark.parametrize("taught", [False, True])
def test_metrics_ignore_outliers(*, taught: bool) -> None:
    keras = import_keras()
    metric = digits_only(keras.metrics.SparseCategoricalAccuracy(name="accuracy"))
    labels = np.array([0, 2, NO_DIGIT], np.uint8)
    targets = distillation_targets(labels, np.eye(10, dtype=np.float32)[:3]) if taught else labels
    metric.update_state(targets, LOGITS)
    assert float(metric.result()) == pytest.approx(0.5)
    assert metric.name == "accuracy"
