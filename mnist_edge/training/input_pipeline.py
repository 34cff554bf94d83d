"""The way of pictures to Keras: prepared on a thread, handed over in batches."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from mnist_edge.training.frameworks import import_keras, import_tensorflow

T = TypeVar("T")


class Prefetch(Generic[T]):
    """A result that is computed on a thread of its own while other work goes on.

    The thread is a daemon, unlike those of ``concurrent.futures``, so that Ctrl-C does not wait for
    a result that nobody will fetch.

    Args:
        compute: called immediately, on the thread.
    """

    def __init__(self, compute: Callable[[], T]) -> None:
        self._compute = compute
        self._result: T
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self._result = self._compute()
        except BaseException as error:  # noqa: BLE001  # raised by result()
            self._error = error

    def result(self) -> T:
        """Wait for the result and return it, or raise the error of its computation."""
        self._thread.join()
        if self._error is not None:
            raise self._error
        return self._result


def in_batches(images: NDArray[np.uint8], targets: NDArray[Any], *, size: int) -> dict[str, Any]:
    """Build the arguments of ``fit`` and ``evaluate`` for pictures and targets, in their order.

    With TensorFlow they hold a dataset of slices without autotuning. The dataset that Keras makes
    of arrays has an autotuning thread, which sleeps ever longer and may miss that it should end:
    with both of two cores busy, calls of TensorFlow 2.21.0 took up to twice their time.

    Args:
        images: ``(n, *input)``.
        targets: ``(n, ...)``.
        size: pictures per batch; the last batch may be smaller.
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
