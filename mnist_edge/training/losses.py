"""Losses and metrics of digits and outliers, with and without distillation.

The target of a picture is its label, ``NO_DIGIT`` for an outlier; with distillation it is a row of
eleven values, the label and the teachers' ten probabilities.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mnist_edge.metrics.confidence import softmax
from mnist_edge.training.frameworks import import_keras

if TYPE_CHECKING:
    import keras

NO_DIGIT = 10
"""Label of an outlier, a picture that shows no digit."""
CLASSES = 10
_CERTAIN, _UNCERTAIN = 0.9, 0.5
"""Probability of the label from which on a teacher is right about a digit, and of any digit up to
which it is right about an outlier."""
_MIN_PROBABILITY = 1e-30
"""Lower bound of the probabilities whose logarithm is taken."""


def distillation_targets(
    labels: NDArray[np.uint8], probabilities: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Join labels ``(n,)`` and the teachers' probabilities ``(n, 10)`` as targets ``(n, 11)``."""
    return np.column_stack((labels, probabilities)).astype(np.float32)


def label_probabilities(
    logits: NDArray[np.float32], labels: NDArray[np.uint8], *, temperature: float
) -> NDArray[np.float64]:
    """Compute the mean probabilities that a network has for the digits of each label.

    Args:
        logits: ``(n, 10)``, of digits; those that it reads right count.
        labels: ``(n,)``, 0..9.
        temperature: divisor of the logits.

    Returns:
        ``(11, 10)``; the last row, that of outliers, is uniform.
    """
    probabilities = softmax(logits, temperature=temperature)
    is_right = logits.argmax(axis=1) == labels
    rows = [
        probabilities[is_right & (labels == label)].mean(axis=0)
        if (is_right & (labels == label)).any()
        else np.eye(CLASSES)[label]
        for label in range(CLASSES)
    ]
    return np.array([*rows, np.full(CLASSES, 1 / CLASSES)])


def corrected_targets(
    labels: NDArray[np.uint8],
    logits: NDArray[np.float32],
    by_label: NDArray[np.float64],
    *,
    temperature: float,
) -> NDArray[np.float32]:
    """Join labels and a teacher's probabilities, corrected where it is wrong.

    Args:
        labels: ``(n,)``, 0..10.
        logits: ``(n, 10)``, the teacher's.
        by_label: ``(11, 10)``, the probabilities that replace wrong ones.
        temperature: divisor of the logits.

    Returns:
        ``(n, 11)``, as of ``distillation_targets``.
    """
    probabilities = softmax(logits)
    is_digit = labels != NO_DIGIT
    own = probabilities[np.arange(len(labels)), np.minimum(labels, CLASSES - 1).astype(int)]
    is_right = np.where(is_digit, own >= _CERTAIN, probabilities.max(axis=1) <= _UNCERTAIN)
    taught = softmax(logits, temperature=temperature)
    corrected = np.where(is_right[:, np.newaxis], taught, by_label[labels])
    return distillation_targets(labels, corrected.astype(np.float32))


def cross_entropy(
    *, reduction: str, alpha: float = 0.0, temperature: float = 1.0
) -> keras.losses.Loss:
    """Build the cross-entropy of logits with labels, outliers and teachers.

    For an outlier no digit should be likelier than another (D. Hendrycks, M. Mazeika,
    T. Dietterich, Deep Anomaly Detection with Outlier Exposure, 2019): its loss is the
    cross-entropy with the uniform distribution, minus the minimum of that.

    The teachers' part is the Kullback-Leibler divergence from their probabilities at a
    temperature, times the temperature's square, so that its gradients have the same weight at any
    temperature (G. Hinton, O. Vinyals and J. Dean, Distilling the Knowledge in a Neural Network,
    2015, section 2).

    Args:
        reduction: Keras' name of the reduction over a batch.
        alpha: weight of the teachers, 0..1; the labels get the rest. Above 0 the targets are those
            of ``distillation_targets``.
        temperature: divisor of the logits for the comparison with the teachers' probabilities,
            which have the same temperature.
    """
    keras = import_keras()
    ops = keras.ops

    class CrossEntropy(keras.losses.Loss):  # type: ignore[misc, name-defined]  # keras is lazy
        def call(self, y_true: Any, y_pred: Any) -> Any:
            labels = _labels(y_true)
            log_probabilities = ops.log_softmax(y_pred, axis=-1)
            digit = ops.sum(ops.one_hot(labels, CLASSES) * log_probabilities, axis=-1)
            uniform = ops.mean(log_probabilities, axis=-1) + ops.log(float(CLASSES))
            loss = -ops.where(labels == NO_DIGIT, uniform, digit)
            if not alpha:
                return loss
            student = ops.log_softmax(y_pred / temperature, axis=-1)
            teachers = y_true[:, 1:]
            difference = ops.log(ops.maximum(teachers, _MIN_PROBABILITY)) - student
            divergence = temperature**2 * ops.sum(teachers * difference, axis=-1)
            return (1 - alpha) * loss + alpha * divergence

    return CrossEntropy(reduction=reduction)


def digits_only(metric: keras.Metric) -> keras.Metric:
    """Derive a metric of labels and logits that ignores outliers."""
    ops = import_keras().ops
    base = type(metric)

    class DigitsOnly(base):  # type: ignore[misc, valid-type]  # a class that is known at run time only
        def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
            labels = _labels(y_true)
            is_digit = ops.cast(labels != NO_DIGIT, "float32")
            super().update_state(ops.minimum(labels, NO_DIGIT - 1), y_pred, is_digit)

    return DigitsOnly.from_config(metric.get_config())


def _labels(targets: Any) -> Any:
    """Extract the labels, ``(n,) int32``, of targets ``(n,)``, ``(n, 1)`` or ``(n, 11)``."""
    ops = import_keras().ops
    columns = targets[:, 0] if len(targets.shape) == 2 else targets
    return ops.cast(columns, "int32")
