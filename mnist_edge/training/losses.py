"""What a network is to learn of pictures that may be of no digit, and how it is measured."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mnist_edge.training.backend import import_keras

if TYPE_CHECKING:
    import keras

NO_DIGIT = 10
"""Label of a picture that is of no digit."""
_CLASSES = 10


def cross_entropy(*, reduction: str) -> keras.losses.Loss:
    """Cross-entropy of logits with labels 0..9, and with evenness where the label is ``NO_DIGIT``.

    Of a picture without a digit no digit is to be likelier than another (D. Hendrycks, M. Mazeika,
    T. Dietterich, Deep Anomaly Detection with Outlier Exposure, 2019): its cross-entropy is that
    with the uniform distribution, less the least that it can be.

    Args:
        reduction: Keras' name for how a batch's losses become one.
    """
    keras = import_keras()
    ops = keras.ops

    class CrossEntropy(keras.losses.Loss):  # type: ignore[misc, name-defined]  # keras is lazy
        def call(self, y_true: Any, y_pred: Any) -> Any:
            labels = ops.reshape(ops.cast(y_true, "int32"), (-1,))
            likelihoods = ops.log_softmax(y_pred, axis=-1)
            of_label = ops.sum(ops.one_hot(labels, _CLASSES) * likelihoods, axis=-1)
            of_evenness = ops.mean(likelihoods, axis=-1) + ops.log(float(_CLASSES))
            return -ops.where(labels == NO_DIGIT, of_evenness, of_label)

    return CrossEntropy(reduction=reduction)


def of_digits(metric: keras.Metric) -> keras.Metric:
    """A metric of labels and logits that passes over the pictures without a digit."""
    ops = import_keras().ops
    kind = type(metric)

    class OfDigits(kind):  # type: ignore[misc, valid-type]  # a class that is known when it runs
        def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
            is_digit = ops.cast(y_true != NO_DIGIT, "float32")
            super().update_state(ops.minimum(y_true, NO_DIGIT - 1), y_pred, is_digit)

    return OfDigits.from_config(metric.get_config())
