"""Time the commands after training: convert and report.

    python -m benchmarks.speed.stages

Conversion is compared with importing TensorFlow, which every conversion needs. ``training_step.py``
times the steps of training, and ``run_stages.py`` all stages one after the other.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from benchmarks import shipped
from benchmarks.rows import Row, count, main, row_of_times
from mnist_edge.evaluation.benchmark.cold_start import time_starts

CONVERSION = 15.0
"""Most seconds that a conversion to int8 may take."""


def measure(share: float) -> Iterator[Row]:
    """Yield rows; two rounds at full size."""
    program = [sys.executable, "-m", "mnist_edge"]
    with tempfile.TemporaryDirectory(prefix="mnist-edge-") as out:
        convert = [*program, "convert", str(shipped.MODELS / "nano"), "--out", str(Path(out) / "c")]
        report = [*program, "report", str(shipped.MODELS / "nano"), "--corrupted", "0"]
        report += ["--scheme", "int8", "--out", str(Path(out) / "r")]
        tensorflow = [sys.executable, "-c", "import tensorflow, keras; keras.layers"]
        converting, importing, reporting = time_starts(
            [convert, tensorflow, report], rounds=count(2, share)
        )
    yield Row(
        what="convert nano to int8, verified",
        figure=float(np.median(converting.seconds)),
        unit="s",
        goal="at most",
        target=CONVERSION,
    )
    yield row_of_times(
        "convert nano to int8, verified",
        converting.seconds,
        "importing TensorFlow and Keras",
        importing.seconds,
    )
    yield Row(
        what="report of nano's float32 and int8 on 10,000 digits",
        figure=float(np.median(reporting.seconds)),
        unit="s",
    )


if __name__ == "__main__":
    main(measure, __doc__)
