"""Time ``Classifier.predict`` of an array, in a running process.

    python -m benchmarks.speed.warm

The floor sets the input, runs, and reads the output on the same runtime, with the digits quantized
beforehand. ``predict`` also checks that the array is in MNIST's format, quantizes it, and turns
logits into calibrated probabilities.
"""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.rows import Row, count, in_turn, main, row_of_times
from mnist_edge import Classifier
from mnist_edge.data.builtin_digits import load_builtin_digits
from mnist_edge.evaluation.benchmark.baseline import as_input, bare_call
from mnist_edge.evaluation.benchmark.timing import call_each
from mnist_edge.modelstore import loading
from mnist_edge.runtimes.interpreter import Interpreter

TARGETS = {"edge": 1.15, "nano": 1.4}
"""Most that predict may take of the floor's time, by model."""


def measure(share: float) -> Iterator[Row]:
    """Yield a row for each model in the wheel; two hundred rounds at full size."""
    digits = load_builtin_digits().images
    for name, target in TARGETS.items():
        stored = loading.load_model(name)
        inputs = as_input(digits, Interpreter(stored.content).input)
        classifier, bare = Classifier(name), bare_call(stored.content)
        ours, floor = in_turn(
            [call_each(classifier.predict, digits), call_each(bare, inputs)],
            rounds=count(200, share, least=5),
        )
        yield row_of_times(
            f"Classifier.predict(array), {name}",
            ours,
            "set_tensor, invoke, get_tensor",
            floor,
            calls=len(digits),
            goal="at most",
            target=target,
        )


if __name__ == "__main__":
    main(measure, __doc__)
