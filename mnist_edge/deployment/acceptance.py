"""The checks that a model must pass before it is put in use; none needs MNIST."""

from __future__ import annotations

import math
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mnist_edge.data.builtin_digits import load_builtin_digits
from mnist_edge.data.mnist import Digits
from mnist_edge.deployment.artifact import Artifact
from mnist_edge.deployment.signatures import require_signed
from mnist_edge.errors import InvalidManifest, ModelRejected, UnknownName
from mnist_edge.inference.classifier import Classifier
from mnist_edge.metrics.confidence import count_correct
from mnist_edge.modelstore.loading import StoredModel
from mnist_edge.runtimes.golden import SelfTest, require_golden_answers
from mnist_edge.runtimes.input_scaling import INPUT_SCALINGS, find_input_scaling
from mnist_edge.runtimes.sandbox import run_sandboxed
from mnist_edge.system.text import percent

_MIN_ACCURACY = 0.8
"""Minimum accuracy on the built-in digits, whatever the manifest says; logistic regression reaches
92 %."""
_FALSE_REJECTION_RATE = 1e-4
"""Probability of rejecting a model that is as accurate as its manifest says."""


@dataclass(frozen=True, kw_only=True)
class PassedCheck:
    """A check that a model passed."""

    check: str
    """Name of the check."""
    found: str
    """The result in words."""


def accept_model(
    artifact: Artifact, *, keys: tuple[bytes, ...] | None
) -> tuple[StoredModel, list[PassedCheck]]:
    """Run every check on a model.

    Args:
        artifact: the model with its manifest.
        keys: as in ``require_signed``.

    Returns:
        The model, and the checks that it passed.

    Raises:
        ModelHashMismatch: the manifest lists another sha256.
        InvalidManifest: it cannot be read, or lists other input or output tensors.
        UntrustedModel: none of the keys signed it.
        InvalidModel: the runtime cannot load the model, or crashes on it.
        UnsuitableModel: it does not read digits.
        ModelRejected: its answers or its accuracy differ from what its manifest lists.
        MissingDependency: the selected runtime is not installed.
    """
    # The signature comes first: an untrusted manifest is not even parsed.
    signed = require_signed(artifact, keys)
    stored = artifact.to_stored_model()
    manifest = stored.manifest
    if manifest is None:
        raise InvalidManifest(f"{artifact.source} has no manifest; convert the model again")
    digits = load_builtin_digits()
    # In a child process, since a damaged model can crash the runtime.
    trial = run_sandboxed(stored.content, digits.images, name=artifact.source)
    manifest.require_tensors(input=trial.input, output=trial.output, name=artifact.source)
    try:
        find_input_scaling(manifest.reading)
    except UnknownName as error:
        raise InvalidManifest(
            f"the manifest of {artifact.source} lists the reading {manifest.reading!r:.80}, "
            f"expected one of {', '.join(INPUT_SCALINGS)}; convert the model again"
        ) from error
    golden = require_golden_answers(stored, name=artifact.source)
    right = min(count_correct(trial.logits, digits.labels), _count_answers(artifact, digits))
    fewest = min_correct(manifest.validation.accuracy, len(digits))
    if right < fewest:
        raise ModelRejected(
            f"{artifact.source} reads {right} of the {len(digits)} built-in digits, expected at "
            f"least {fewest} by the {percent(manifest.validation.accuracy)} in its manifest; "
            "convert it again"
        )
    ends = " to ".join(f"{end.dtype} {end.shape}" for end in (trial.input, trial.output))
    found = {
        "sha256": stored.sha256,
        "signature": signed,
        "shape and type": f"{ends}, on {trial.runtime}",
        "golden vectors": _describe_self_test(golden),
        "accuracy": f"{right} of {len(digits)} built-in digits, at least {fewest} expected",
    }
    return stored, [PassedCheck(check=check, found=text) for check, text in found.items()]


def _count_answers(artifact: Artifact, digits: Digits) -> int:
    """Count the digits that ``Classifier`` reads right with the model, as it will once installed.

    Raises:
        ModelError: it cannot open the model.
        ModelRejected: its probabilities are not probabilities.
    """
    with tempfile.TemporaryDirectory(prefix="mnist-edge-") as folder:
        model = Path(folder) / "model.tflite"
        model.write_bytes(artifact.content)
        model.with_suffix(".json").write_bytes(artifact.manifest)
        predictions = Classifier(model).predict_pixels(digits.images)
    probabilities = np.array([prediction.probabilities for prediction in predictions])
    if not np.allclose(probabilities.sum(axis=1), 1):
        raise ModelRejected(
            f"{artifact.source} answers with probabilities that do not add up to 1; "
            "convert it again"
        )
    return count_correct(probabilities, digits.labels)


def _describe_self_test(test: SelfTest | None) -> str:
    if test is None:
        return "none carried"
    return f"{len(test.steps)} inputs, at most {test.steps.max():g} steps off"


def min_correct(accuracy: float, total: int) -> int:
    """Return how many digits a model must read to be accepted.

    A quantile of the binomial distribution: a model of that accuracy reads fewer with a probability
    of at most ``_FALSE_REJECTION_RATE``. Never below ``_MIN_ACCURACY``.

    Args:
        accuracy: top-1 accuracy by the manifest, 0..1.
        total: number of digits.
    """
    probability, correct = 0.0, 0
    while correct < total:
        wrong = total - correct
        probability += math.comb(total, correct) * accuracy**correct * (1 - accuracy) ** wrong
        if probability > _FALSE_REJECTION_RATE:
            break
        correct += 1
    return max(correct, math.ceil(_MIN_ACCURACY * total))
