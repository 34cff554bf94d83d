"""Find pictures whose label is doubtful, by cross-validation.

Each picture is judged by a classifier that was fitted to the others: a linear one over the features
that a trained network computes before its last layer, so that all of it takes a second. Confident
disagreement marks a label error (C. Northcutt, L. Jiang, I. Chuang, Confident Learning: Estimating
Uncertainty in Dataset Labels, 2021). A rare but right way to write a digit may be among them, so a
person decides.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mnist_edge.data.mnist import Digits
from mnist_edge.training.frameworks import import_keras
from mnist_edge.training.losses import NO_DIGIT
from mnist_edge.training.training_run import predict_logits

if TYPE_CHECKING:
    import keras

MIN_PICTURES = 20
"""Number of pictures below which none is judged: the others say too little of it."""
_FOLDS = 5
_RIDGE = 1.0
"""Weight of the penalty on the squared coefficients; features have variance 1."""
_MIN_OTHER, _MAX_OWN = 0.6, 0.2
"""Response for another label from which on, and for a picture's own up to which, it is suspect.
They are about 1 for the label of a clear digit and 0 for the others."""


@dataclass(frozen=True, kw_only=True)
class SuspectLabel:
    """A picture whose label the others contradict."""

    index: int
    """Of the picture."""
    label: int
    """Its label, 0..9, or ``NO_DIGIT``."""
    suggested: int
    """What it looks like: 0..9, or ``NO_DIGIT``."""


def find_suspect_labels(
    parent: keras.Model, pictures: Digits, references: Digits
) -> list[SuspectLabel]:
    """Find the pictures whose labels the other pictures contradict.

    Args:
        parent: a trained network, whose features tell digits apart.
        pictures: the pictures, with labels 0..9 and ``NO_DIGIT``.
        references: digits and outliers whose labels are known to be right.

    Returns:
        The suspects, the surest first; none of fewer than ``MIN_PICTURES``.
    """
    count = len(pictures)
    if count < MIN_PICTURES:
        return []
    features = _features(parent, np.concatenate([pictures.images, references.images]))
    own, known = features[:count], features[count:]
    responses = np.empty((count, NO_DIGIT + 1))
    # Both sets count alike, however many pictures they have.
    weight = len(known) / count
    for fold in range(_FOLDS):
        held = np.arange(count) % _FOLDS == fold
        coefficients = _fit(
            np.concatenate([own[~held], known]),
            np.concatenate([pictures.labels[~held], references.labels]),
            np.concatenate([np.full((~held).sum(), weight), np.ones(len(known))]),
        )
        responses[held] = own[held] @ coefficients
    mine = responses[np.arange(count), pictures.labels]
    best = responses.argmax(axis=1)
    highest = responses.max(axis=1)
    suspect = (best != pictures.labels) & (highest >= _MIN_OTHER) & (mine <= _MAX_OWN)
    indices = sorted(np.flatnonzero(suspect), key=lambda index: mine[index] - highest[index])
    return [
        SuspectLabel(index=int(i), label=int(pictures.labels[i]), suggested=int(best[i]))
        for i in indices
    ]


def _features(parent: keras.Model, images: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Compute what the last layer sees, standardized, and a constant: ``(n, d + 1)``."""
    cut: Any = import_keras().Model(parent.inputs, parent.layers[-1].input)
    labels = np.zeros(len(images), np.uint8)
    values = predict_logits(cut, Digits(images=images, labels=labels)).astype(np.float64)
    values -= values.mean(axis=0)
    values /= np.maximum(values.std(axis=0), 1e-6)
    return np.column_stack([values, np.ones(len(values))])


def _fit(
    features: NDArray[np.float64], labels: NDArray[np.uint8], weights: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Fit a ridge regression to indicators of the labels: ``(d, 11)``."""
    indicators = np.eye(NO_DIGIT + 1)[labels]
    weighted = features * weights[:, np.newaxis]
    gram = weighted.T @ features + _RIDGE * np.eye(features.shape[1])
    return np.linalg.solve(gram, weighted.T @ indicators)
