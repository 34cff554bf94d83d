"""How pictures come to Keras, batch after batch."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from mnist_edge.training.frameworks import import_keras, import_tensorflow


def in_batches(images: NDArray[np.uint8], targets: NDArray[Any], *, size: int) -> dict[str, Any]:
    """What ``fit`` and ``evaluate`` are called with for pictures and targets, in their order.

    With TensorFlow that is a dataset of slices which tunes nothing. The one that Keras makes of
    arrays has a thread that tunes it, sleeps ever longer, and may miss that it is to end: where
    other work kept both of two cores busy, calls of TensorFlow 2.21.0 took up to twice their time.

    Args:
        images: ``(n, *input)``.
        targets: ``(n, ...)``.
        size: pictures a batch; the last may have fewer.
    """
    if import_keras().backend.backend() != "tensorflow":
        return {"x": images, "y": targets, "batch_size": size}
    tensorflow = import_tensorflow()
    arrays = tensorflow.constant(images), tensorflow.constant(targets)
    options = tensorflow.data.Options()
    options.autotune.enabled = False
    starts = tensorflow.data.Dataset.range(0, len(images), size)
    slices = starts.map(lambda start: tuple(array[start : start + size] for array in arrays))
    return {"x": slices.with_options(options)}
