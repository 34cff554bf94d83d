"""Proof, before anything is written, that a converted model does what it should.

The very bytes to be written run on the device runtime, in a process of its own. Every violation
is collected and raised at once.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from converters.schemes import Scheme
from mnist_edge.dataset import Digits
from mnist_edge.errors import ConversionError, MnistEdgeError
from mnist_edge.evaluation import compare, count_correct
from mnist_edge.manifest import Score
from mnist_edge.trial import Trial, try_model

MAX_DROP = 0.5
"""Percentage points of validation accuracy that a scheme may cost: ten times what int8 costs a
sound model, and far less than a wrong zero point or a lost scale does."""


@dataclass(frozen=True, kw_only=True)
class Verified:
    """What the device runtime made of a converted model."""

    trial: Trial
    """Its two ends, its logits, and the runtime that gave them."""
    score: Score
    """Of the converted model, on the validation digits."""
    drop: float
    """Percentage points of validation accuracy lost against the Keras model."""


def verify(
    content: bytes,
    scheme: Scheme,
    *,
    reference: NDArray[np.float32],
    validation: Digits,
    max_drop: float = MAX_DROP,
) -> Verified:
    """Runs a converted model over the validation digits and holds it against the Keras model.

    Args:
        content: the bytes of the ``.tflite`` file.
        scheme: what it was converted by.
        reference: ``(n, 10)``, the Keras model's logits of the same digits.
        validation: the digits.
        max_drop: percentage points of accuracy it may lose.

    Raises:
        ConversionError: with every violation found.
    """
    try:
        trial = try_model(content, validation.images, name=f"the {scheme.name} model")
    except MnistEdgeError as error:
        raise ConversionError(f"{scheme.name} does not run on the device: {error}") from error
    drop = compare(reference, trial.logits, validation.labels).drop
    problems = []
    for end, spec in (("input", trial.input), ("output", trial.output)):
        if spec.dtype != scheme.io_dtype:
            problems.append(f"its {end} is {spec.dtype}, expected {scheme.io_dtype}")
    if not np.isfinite(trial.logits).all():
        problems.append("it gives logits that are not numbers")
    if np.ptp(trial.logits, axis=0).max() == 0:
        problems.append("it gives every digit the same logits")
    if drop > max_drop:
        problems.append(
            f"it loses {drop:.2f} points of validation accuracy, at most {max_drop:.2f} allowed"
        )
    if problems:
        raise ConversionError(
            f"{scheme.name} failed verification on {trial.runtime}: {'; '.join(problems)}; "
            "nothing was written"
        )
    score = Score(
        correct=count_correct(trial.logits, validation.labels),
        total=len(validation),
        runtime=trial.runtime,
    )
    return Verified(trial=trial, score=score, drop=drop)
