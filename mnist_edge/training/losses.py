"""What a network is to learn of a picture, and how that is measured.

The target of a picture is its label, ``NO_DIGIT`` where it is of no digit; or, where a network
learns from teachers, a row of eleven: the label and the probabilities that they give.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mnist_edge import CLASSES
from mnist_edge.training.frameworks import import_keras

if TYPE_CHECKING:
    import keras

NO_DIGIT = 10
"""Label of a picture that is of no digit."""
_LEAST = 1e-30
"""Least probability of which a logarithm is taken."""


def with_teaching(
    labels: NDArray[np.uint8], probabilities: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Labels ``(n,)`` and the teachers' probabilities ``(n, 10)`` as targets, ``(n, 11)``."""
    return np.column_stack((labels, probabilities)).astype(np.float32)


def cross_entropy(
    *, reduction: str, teaching: float = 0.0, temperature: float = 1.0
) -> keras.losses.Loss:
    """Cross-entropy of logits with targets, and with evenness where the label is ``NO_DIGIT``.

    Of a picture without a digit no digit is to be likelier than another (D. Hendrycks, M. Mazeika,
    T. Dietterich, Deep Anomaly Detection with Outlier Exposure, 2019): its cross-entropy is that
    with the uniform distribution, less the least that it can be.

    What teachers make of a picture is learnt at a temperature, as the divergence from it times the
    temperature's square, so that its gradients weigh as much at any (G. Hinton, O. Vinyals and
    J. Dean, Distilling the Knowledge in a Neural Network, 2015, section 2).

    Args:
        reduction: Keras' name for how a batch's losses become one.
        teaching: 0..1, how much the teachers count; the label counts the rest. Above 0 the targets
            are ``with_teaching``'s.
        temperature: what logits are divided by for the probabilities that are compared with the
            teachers', which are of the same temperature.
    """
    keras = import_keras()
    ops = keras.ops

    class CrossEntropy(keras.losses.Loss):  # type: ignore[misc, name-defined]  # keras is lazy
        def call(self, y_true: Any, y_pred: Any) -> Any:
            labels = _labels(y_true)
            likelihoods = ops.log_softmax(y_pred, axis=-1)
            of_label = ops.sum(ops.one_hot(labels, CLASSES) * likelihoods, axis=-1)
            of_evenness = ops.mean(likelihoods, axis=-1) + ops.log(float(CLASSES))
            loss = -ops.where(labels == NO_DIGIT, of_evenness, of_label)
            if not teaching:
                return loss
            softened = ops.log_softmax(y_pred / temperature, axis=-1)
            theirs = y_true[:, 1:]
            apart = ops.log(ops.maximum(theirs, _LEAST)) - softened
            of_teachers = temperature**2 * ops.sum(theirs * apart, axis=-1)
            return (1 - teaching) * loss + teaching * of_teachers

    return CrossEntropy(reduction=reduction)


def of_digits(metric: keras.Metric) -> keras.Metric:
    """A metric of labels and logits that passes over the pictures without a digit."""
    ops = import_keras().ops
    kind = type(metric)

    class OfDigits(kind):  # type: ignore[misc, valid-type]  # a class that is known when it runs
        def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
            labels = _labels(y_true)
            is_digit = ops.cast(labels != NO_DIGIT, "float32")
            super().update_state(ops.minimum(labels, NO_DIGIT - 1), y_pred, is_digit)

    return OfDigits.from_config(metric.get_config())


def _labels(targets: Any) -> Any:
    """``(n,) int32`` of targets ``(n,)``, ``(n, 1)`` or ``(n, 11)``."""
    ops = import_keras().ops
    columns = targets[:, 0] if len(targets.shape) == 2 else targets
    return ops.cast(columns, "int32")
