"""A model's calibrated confidence in integers, without exponentials in C."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mnist_edge.modelstore.manifest import ModelManifest

_LEVELS = 256
_UNIT = 1 << 27
"""A likelihood of 1; the sum of ten fits into 32 bits."""


@dataclass(frozen=True, kw_only=True)
class ConfidenceTable:
    """From ten integers of the output to the probability of the largest."""

    likelihoods: NDArray[np.int64]
    """In units of 2**-27, by the steps that an output lies below the largest; by the output itself,
    from the lowest, if the model ends in a softmax. What is left out at the end is 0."""
    of_probabilities: bool
    """Whether the model ends in a softmax."""


def confidence_table(manifest: ModelManifest, *, ends_in_softmax: bool) -> ConfidenceTable:
    """Tabulate the softmax at the manifest's temperature.

    Args:
        manifest: for the scale of its output and the temperature.
        ends_in_softmax: whether its outputs are probabilities, whose logarithms are logits.
    """
    scale, temperature = manifest.output.scale, manifest.temperature
    steps = np.arange(_LEVELS)
    if ends_in_softmax:
        # A probability that was rounded to 0 counts as half a step, as in the interpreter.
        likelihoods = np.maximum(steps * scale, scale / 2) ** (1 / temperature)
    else:
        likelihoods = np.exp(-steps * scale / temperature)
    table = np.rint(likelihoods * _UNIT).astype(np.int64)
    if not ends_in_softmax:
        table = np.trim_zeros(table, "b")
    return ConfidenceTable(likelihoods=table, of_probabilities=ends_in_softmax)


def threshold_bits(manifest: ModelManifest) -> int:
    """Return the least confidence that is answered, in units of 2**-16, rounded up."""
    return math.ceil(manifest.min_confidence * (1 << 16))
