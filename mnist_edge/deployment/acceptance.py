"""What a model must show before it is put in use: all that can be shown without MNIST at hand."""

from __future__ import annotations

import math
from dataclasses import dataclass

from mnist_edge.data.builtin_digits import load_builtin_digits
from mnist_edge.deployment.artifact import Artifact
from mnist_edge.deployment.signatures import require_signed
from mnist_edge.errors import InvalidManifest, ModelRejected
from mnist_edge.metrics.confidence import count_correct
from mnist_edge.modelstore.loading import StoredModel
from mnist_edge.runtimes.golden import run_self_test
from mnist_edge.runtimes.sandbox import run_sandboxed

_LEAST = 0.8
"""Share of the built-in digits that every model must read, whatever its manifest promises; logistic
regression reads 92 %."""
_CHANCE = 1e-4
"""Chance that a model which is as good as its manifest says is refused for bad luck with the
hundred."""


@dataclass(frozen=True, kw_only=True)
class PassedCheck:
    """One thing that was checked, and found good."""

    check: str
    """What was checked."""
    found: str
    """What was found, for a person."""


def accept_model(
    artifact: Artifact, *, keys: tuple[bytes, ...]
) -> tuple[StoredModel, list[PassedCheck]]:
    """Checks a model in every way there is.

    Args:
        artifact: the model with its manifest.
        keys: the public keys one of which must have signed it; none for a model that need not be.

    Returns:
        The model, and what was found.

    Raises:
        ModelHashMismatch: the manifest vouches for other bytes.
        InvalidManifest: it cannot be read, or promises other inputs or outputs.
        UntrustedModel: it is signed by nobody who must.
        InvalidModel: the runtime cannot load the model, or crashes on it.
        UnsuitableModel: it is no digit model.
        ModelRejected: it answers otherwise than its manifest promises.
        MissingDependency: the runtime that was chosen is not installed.
    """
    # The signature goes first: nothing of an untrusted artifact is even parsed.
    signed = require_signed(artifact, keys)
    stored = artifact.to_stored_model()
    manifest = stored.manifest
    if manifest is None:
        raise InvalidManifest(f"{artifact.source} has no manifest; convert the model again")
    digits = load_builtin_digits()
    # A damaged model can crash the runtime: this one runs in a process of its own.
    trial = run_sandboxed(stored.content, digits.images, name=artifact.source)
    manifest.require_tensors(input=trial.input, output=trial.output, name=artifact.source)
    golden = _golden_vectors(stored, artifact.source)
    right = count_correct(trial.logits, digits.labels)
    fewest = min_correct(manifest.validation.accuracy, len(digits))
    if right < fewest:
        raise ModelRejected(
            f"{artifact.source} reads {right} of the {len(digits)} built-in digits; one that reads "
            f"{100 * manifest.validation.accuracy:.2f} % as its manifest says reads at least "
            f"{fewest}: it stays out of use, convert it again"
        )
    ends = " to ".join(f"{end.dtype} {end.shape}" for end in (trial.input, trial.output))
    found = {
        "sha256": stored.sha256,
        "signature": signed,
        "shape and type": f"{ends}, on {trial.runtime}",
        "golden vectors": golden,
        "accuracy": f"{right} of {len(digits)} built-in digits, at least {fewest} expected",
    }
    return stored, [PassedCheck(check=check, found=text) for check, text in found.items()]


def _golden_vectors(stored: StoredModel, source: str) -> str:
    """What came of the golden vectors that a manifest carries, for a person."""
    differences = run_self_test(stored)
    if differences is None:
        return "none carried"
    largest = float(differences.steps.max())
    if not differences.passed:
        raise ModelRejected(
            f"{source} answers its golden vectors with up to {largest:g} steps of difference, "
            f"{differences.allowed:g} allowed: it stays out of use, convert it again"
        )
    return f"{len(differences.steps)} inputs, at most {largest:g} steps off"


def min_correct(accuracy: float, total: int) -> int:
    """How many of some digits a model reads at least, unless one in ten thousand.

    The number that a binomial draw with that accuracy undercuts with a chance of ``_CHANCE`` or
    less, and never fewer than a share of ``_LEAST``.

    Args:
        accuracy: top-1 accuracy that is promised, 0..1.
        total: digits.
    """
    chance, fewest = 0.0, 0
    while fewest < total:
        wrong = total - fewest
        chance += math.comb(total, fewest) * accuracy**fewest * (1 - accuracy) ** wrong
        if chance > _CHANCE:
            break
        fewest += 1
    return max(fewest, math.ceil(_LEAST * total))
