"""Time a report of every scheme, with corrupted digits, beside bare loops over the same digits.

    python -m benchmarks.speed.report_loops

The loops corrupt the same digits once, run every scheme on them by the runtime alone, and put the
same few through the front end, whose answers a report counts too. What the report adds is its
statistics, and its measurement of times, which the loops make as well.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from benchmarks import shipped
from benchmarks.rows import Row, count, in_turn, main, row_of_times
from mnist_edge.data.corruptions import CORRUPTIONS, DEFAULT_SEVERITY, corrupt
from mnist_edge.data.mnist import load_test_digits
from mnist_edge.evaluation.benchmark.baseline import as_input, bare_call
from mnist_edge.evaluation.report.labeled_images import mnist_test_images, open_classifier
from mnist_edge.evaluation.report.measure import measure_schemes
from mnist_edge.evaluation.report.robustness import CorruptionPlan
from mnist_edge.evaluation.report.timing import time_scheme
from mnist_edge.inference.hypotheses import decide_by_each
from mnist_edge.inference.worker_pool import available_cores
from mnist_edge.modelstore import loading
from mnist_edge.preprocessing.pipeline import trace_preprocessing
from mnist_edge.runtimes.interpreter import Interpreter

REPORT = 1.05
"""Most that a report may take of the loops' time."""
_DIGITS, _CORRUPTED = 1_000, 40


def measure(share: float) -> Iterator[Row]:
    """Yield one row; two rounds of a thousand digits at full size."""
    digits = load_test_digits().take(np.arange(count(_DIGITS, share, least=40)))
    images = mnist_test_images(digits)
    plan = CorruptionPlan(pictures=count(_CORRUPTED, share, least=10))
    models = loading.load_all_schemes(shipped.MODELS / "nano")
    specs = [Interpreter(model.content).input for model in models]
    bare = [bare_call(model.content) for model in models]
    classifiers = [open_classifier(model) for model in models]
    threads = sorted({1, available_cores()})
    chosen = np.linspace(0, len(digits), plan.pictures, endpoint=False).astype(np.int64)
    few = np.linspace(0, plan.pictures, plan.predicted(len(digits)), endpoint=False)

    def read(pixels: NDArray[np.uint8]) -> None:
        for call, spec in zip(bare, specs, strict=True):
            np.concatenate([call(one) for one in as_input(pixels, spec)])

    def loops() -> None:
        for kind in CORRUPTIONS:
            corrupted = corrupt(digits.images[chosen], kind, severity=DEFAULT_SEVERITY, first=0)
            read(corrupted)
            for picture in corrupted[few.astype(np.int64)]:
                decide_by_each(classifiers, trace_preprocessing(picture))
        read(digits.images)
        for model in models:
            time_scheme(model, digits.images, one_thread=1.0, threads=threads)

    ours, floor = in_turn(
        [lambda: measure_schemes(models, images, plan=plan, on_progress=_ignore), loops],
        rounds=count(2, share),
    )
    yield row_of_times(
        f"report of {len(models)} schemes on {len(digits):,} digits, with corrupted ones",
        ours,
        "bare loops over the same",
        floor,
        goal="at most",
        target=REPORT,
    )


def _ignore(pictures: int) -> None:
    pass


if __name__ == "__main__":
    main(measure, __doc__)
