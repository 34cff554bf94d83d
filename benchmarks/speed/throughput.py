"""Time 10,000 digits that are already arrays: the test split, by the default model.

    python -m benchmarks.speed.throughput

The floor is a loop of set_tensor, invoke, get_tensor over digits that were quantized beforehand, on
one thread. The same loop with the whole batch in one tensor is there for comparison: the runtime's
kernels gain little by it. All answers must equal the floor's, bit for bit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.rows import Row, count, in_turn, main, row_of_times
from mnist_edge import Classifier
from mnist_edge.data.mnist import load_test_digits
from mnist_edge.evaluation.benchmark.baseline import as_input, bare_call
from mnist_edge.inference.worker_pool import available_cores
from mnist_edge.modelstore import loading
from mnist_edge.runtimes.backends import import_runtime
from mnist_edge.runtimes.interpreter import Interpreter, dequantize
from mnist_edge.runtimes.selection import selected_runtime

EVALUATING, TOGETHER = 1.1, 2.2
"""Most that evaluating on one thread may take of the floor's time, and how many times as fast two
cores must be together."""
_ROUNDS = 5
_SHARING = (2, 4)
"""Numbers of threads that share one classifier."""


def measure(share: float) -> Iterator[Row]:
    """Yield rows for the test digits, 10,000 at full size."""
    digits = load_test_digits().images[: count(10_000, share, least=100)]
    stored = loading.load_model()
    interpreter = Interpreter(stored.content)
    classifier = Classifier(stored.path, threads=available_cores())
    inputs = as_input(digits, interpreter.input)
    bare, batched = bare_call(stored.content), _batched_call(stored.content, len(digits))

    def loop() -> NDArray[Any]:
        return np.concatenate([bare(one) for one in inputs])

    expected = dequantize(loop(), interpreter.output)
    single = Classifier(stored.path).predict_pixels(digits)
    if (
        not np.array_equal(interpreter.logits(digits), expected)
        or classifier.predict_pixels(digits) != single
    ):
        raise SystemExit("the answers differ from the bare loop's: nothing to compare")
    floor, evaluating, threads, batch = in_turn(
        [
            loop,
            lambda: interpreter.logits(digits),
            lambda: classifier.predict_pixels(digits),
            lambda: batched(inputs),
        ],
        rounds=_ROUNDS,
    )
    against = f"bare loop, {len(digits):,} digits"
    yield row_of_times(
        "evaluating (Interpreter.logits), one thread",
        evaluating,
        against,
        floor,
        goal="at most",
        target=EVALUATING,
    )
    yield row_of_times(
        f"Classifier.predict_pixels on {available_cores()} threads",
        threads,
        against,
        floor,
        goal="at least" if available_cores() > 1 else None,
        target=TOGETHER if available_cores() > 1 else None,
    )
    yield row_of_times("bare, the batch in one tensor", batch, against, floor)
    yield from _shared(digits[: count(2_000, share, least=100)])


def _shared(digits: NDArray[np.uint8]) -> Iterator[Row]:
    """Yield rows of one classifier that threads share, each calling ``predict`` on its own."""
    classifier = Classifier()

    def read_all(threads: int) -> None:
        shares = [digits[first::threads] for first in range(threads)]
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(lambda share: [classifier.predict(one) for one in share], shares))

    one, *more = in_turn([partial(read_all, n) for n in (1, *_SHARING)], rounds=_ROUNDS)
    for threads, seconds in zip(_SHARING, more, strict=True):
        what = f"{len(digits):,} calls of predict from {threads} threads"
        yield row_of_times(what, seconds, "from one", one, goal="at least")


def _batched_call(content: bytes, batch: int) -> Callable[[NDArray[Any]], NDArray[Any]]:
    """Return the bare call with the input resized to hold a batch."""
    native = import_runtime(selected_runtime()).Interpreter(model_content=content)
    taken = native.get_input_details()[0]
    native.resize_tensor_input(taken["index"], (batch, *taken["shape"][1:]))
    native.allocate_tensors()
    given = native.get_output_details()[0]["index"]

    def call(values: NDArray[Any]) -> NDArray[Any]:
        native.set_tensor(taken["index"], values.reshape(batch, *taken["shape"][1:]))
        native.invoke()
        outputs: NDArray[Any] = native.get_tensor(given)
        return outputs

    return call


if __name__ == "__main__":
    main(measure, __doc__)
