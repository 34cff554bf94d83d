# ruff: noqa: INP001  # scripts, not a package
"""One digit more, by other runtimes: full TensorFlow, Keras and ai-edge-litert.

    python benchmarks/other_runtimes.py

Each is started anew in every round, in turn with tflite-runtime, and reads the same digits one by
one; only the reading counts. ai-edge-litert is the peers' environment's (``.venv-peers``, which
``make tests`` makes), and a peer that is not installed is left out. onnxruntime is not among them:
no converter that pip installs makes the same int8 graph of these files, and the time of another
graph would compare models, not runtimes.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import shipped
from rows import Row, count, main, row_of_times

from mnist_edge.acceptance import built_in_digits

ROOT = Path(__file__).parents[1]
PEERS = ROOT / ".venv-peers" / "bin" / "python"
MODEL = shipped.MODELS / "edge"
FLOOR = "tflite-runtime"
RUNTIMES = {
    FLOOR: (Path(sys.executable), MODEL / "int8.tflite"),
    "ai-edge-litert": (PEERS, MODEL / "int8.tflite"),
    "tensorflow": (Path(sys.executable), MODEL / "int8.tflite"),
    "keras": (Path(sys.executable), MODEL / "model.keras"),
}
"""Of each runtime the Python that has it, and the file that it reads."""
_DIGITS = 120
_WORDS = {
    "ai-edge-litert": "ai-edge-litert's interpreter",
    "tensorflow": "full TensorFlow's interpreter",
    "keras": "Keras' model.predict, float32",
}


def measure(share: float) -> Iterator[Row]:
    """A row for each peer; five rounds at full size."""
    with tempfile.TemporaryDirectory(prefix="mnist-edge-") as folder:
        digits = Path(folder) / "digits.npy"
        np.save(digits, np.resize(built_in_digits().images, (_DIGITS, 28, 28)))
        times: dict[str, list[float]] = {name: [] for name in RUNTIMES}
        for _ in range(count(5, share, least=1)):
            for name in list(times):
                seconds = _seconds(name, digits)
                if seconds is None:
                    del times[name]
                else:
                    times[name].append(seconds)
    for name, words in _WORDS.items():
        if name in times:
            yield row_of_times(f"one digit, {words}", times[name], FLOOR, times[FLOOR])


def _seconds(name: str, digits: Path) -> float | None:
    """What a runtime takes for a digit; None where it does not run here."""
    python, model = RUNTIMES[name]
    script = str(Path(__file__).with_name("other_runtime.py"))
    words = [str(python), script, name, str(model), str(digits)]
    # A peer's environment holds nothing of this one's.
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    try:
        ran = subprocess.run(words, capture_output=True, text=True, check=False, env=environment)
    except FileNotFoundError:
        ran = None
    if ran is None or ran.returncode:
        why = "is not installed" if ran is None else (ran.stderr.splitlines() or ["failed"])[-1]
        print(f"{name} is left out: {why}", file=sys.stderr)
        return None
    return float(ran.stdout.split()[-1]) / 1e6


if __name__ == "__main__":
    main(measure, __doc__)
