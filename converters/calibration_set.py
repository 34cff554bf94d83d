"""Representative digits, on which the activation ranges of a quantized model are measured.

They come from the training split alone: ranges fitted to test digits would flatter the test.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mnist_edge.data.mnist import Mnist
from mnist_edge.errors import ConversionError, InvalidValue
from mnist_edge.modelstore.manifest import LABELS, CalibrationSample

DEFAULT_COUNT = 500
DEFAULT_SEED = 1


@dataclass(frozen=True, kw_only=True)
class CalibrationSet:
    """Digits drawn for calibration, with the record of the draw."""

    images: NDArray[np.uint8]
    """``(count, 28, 28)``, 0 background, 255 ink."""
    record: CalibrationSample
    """Their entry in the manifest."""


def draw_calibration_set(
    mnist: Mnist, *, count: int = DEFAULT_COUNT, seed: int = DEFAULT_SEED
) -> CalibrationSet:
    """Draw ``count`` training digits, the same number of each label up to one.

    Raises:
        InvalidValue: ``count`` is below 10 or more than the rarest digit allows, or the seed is
            outside 0..2^32-1.
    """
    labels = mnist.train.labels
    classes = len(LABELS)
    maximum = classes * int(np.bincount(labels, minlength=classes).min())
    if not classes <= count <= maximum:
        raise InvalidValue(f"calibration count {count} is outside {classes}..{maximum}")
    if not 0 <= seed < 2**32:
        raise InvalidValue(f"calibration seed {seed} is outside 0..{2**32 - 1}")
    order = np.random.RandomState(seed).permutation(len(labels))
    quotas = [count // classes + (digit < count % classes) for digit in range(classes)]
    chosen = np.sort(
        np.concatenate([order[labels[order] == digit][:n] for digit, n in enumerate(quotas)])
    )
    originals = mnist.train_indices[chosen].astype("<i8")
    return CalibrationSet(
        images=mnist.train.images[chosen],
        record=CalibrationSample(
            count=count, seed=seed, indices_sha256=hashlib.sha256(originals.tobytes()).hexdigest()
        ),
    )


def require_disjoint(calibration: CalibrationSet, mnist: Mnist) -> None:
    """Check that no calibration digit is in the validation or test split.

    Raises:
        ConversionError: some are.
    """
    drawn = {image.tobytes() for image in calibration.images}
    for split, digits in (("validation", mnist.validation), ("test", mnist.test)):
        leaked = drawn & {image.tobytes() for image in digits.images}
        if leaked:
            raise ConversionError(
                f"{len(leaked)} of {len(drawn)} calibration digits are also {split} digits, which "
                "flatters the accuracy; draw them from the train split"
            )
