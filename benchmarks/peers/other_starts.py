"""Measure time and memory of reading one picture in a fresh process, by other runtimes.

    python -m benchmarks.peers.other_starts

Each has a script as tutorials write it: make the picture gray, invert and resize it, run the model
once, print the digit; it does not look for the digit, check the model, or have a command line. All
take turns with ``mnist-edge predict``, after one round that does not count.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

from benchmarks.peers.other_runtimes import FLOOR, OURS, PYTHONS, WORDS, models, ran
from benchmarks.rows import Row, count, main, row_of_peaks, row_of_times
from benchmarks.speed.cold_start import PICTURE
from mnist_edge.evaluation.benchmark.baseline import SCRIPT
from mnist_edge.evaluation.benchmark.cold_start import predict_argv, time_starts

_IMPORT = "from {module} import Interpreter"
_PICTURE = """\
import sys, numpy as np
from PIL import Image
ink = 255 - np.asarray(Image.open(sys.argv[2]).convert("L").resize((28, 28)))
"""
SCRIPTS = {
    "ai-edge-litert": SCRIPT.format(module="ai_edge_litert.interpreter"),
    # tensorflow.lite cannot be imported from by its name.
    "tensorflow": SCRIPT.replace(
        _IMPORT, "import tensorflow; Interpreter = tensorflow.lite.Interpreter"
    ),
    "onnxruntime": f"""{_PICTURE}
import onnxruntime
session = onnxruntime.InferenceSession(sys.argv[1], providers=["CPUExecutionProvider"])
name = session.get_inputs()[0].name
print(session.run(None, {{name: ink[np.newaxis, np.newaxis]}})[0].argmax())
""",
    "keras": f"""{_PICTURE}
import keras
model = keras.models.load_model(sys.argv[1], compile=False)
print(model.predict(ink[np.newaxis], verbose=0).argmax())
""",
}
"""Each peer's script, which takes a model and a picture and prints the digit."""


def measure(share: float) -> Iterator[Row]:
    """Yield two rows for each peer; four rounds at full size."""
    with tempfile.TemporaryDirectory(prefix="mnist-edge-") as folder:
        files = models(Path(folder))
        words = {
            name: ["-c", script, str(files[name]), str(PICTURE)]
            for name, script in SCRIPTS.items()
            if name in files
        }
        peers = [name for name in words if ran(name, words[name]) is not None]
        _, *predict = predict_argv(files[FLOOR], PICTURE)
        # In the peers' environment this project chooses ai-edge-litert, as it does on devices.
        python = PYTHONS[FLOOR if ran(OURS, predict) is None else OURS]
        commands = [[str(PYTHONS[name]), *words[name]] for name in peers]
        ours, *others = time_starts(
            [[str(python), *predict], *commands], rounds=count(4, share, least=1)
        )
    for name, starts in zip(peers, others, strict=True):
        yield row_of_times(
            f"predict digit.png, cold, beside {WORDS[name]}",
            ours.seconds,
            "a script of it",
            starts.seconds,
            goal="at least",
            target=1.0,
        )
        yield from row_of_peaks(
            f"predict digit.png, peak memory, beside {WORDS[name]}",
            ours.peak_mib,
            "a script of it",
            starts.peak_mib,
            target=1.0,
        )


if __name__ == "__main__":
    main(measure, __doc__)
