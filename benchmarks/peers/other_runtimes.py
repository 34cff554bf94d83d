"""Time digits on other runtimes: ai-edge-litert, onnxruntime, full TensorFlow and Keras.

    python -m benchmarks.peers.other_runtimes

Each is started anew in every round, in turn with tflite-runtime, and reads the same 2,000
validation digits: some one by one, on one thread, and all of them in its quickest simple way, a
loop on one thread or a batch on all cores; only the reading counts. Where ai-edge-litert is
installed this project chooses it, so the rows that count are of the peers' environment. Start-up
is measured by ``other_starts.py``. ai-edge-litert and onnxruntime live in the peers' environment
(``.venv-peers``, which ``make tests`` makes); onnxruntime reads the same int8 model, written by
``onnx_model.py``. A peer that is not installed, or reads other digits than we do, is left out.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks import shipped
from benchmarks.rows import Row, count, in_turn, main, row_of_times
from mnist_edge import Classifier
from mnist_edge.data.mnist import load_mnist
from mnist_edge.inference.worker_pool import available_cores
from mnist_edge.runtimes.interpreter import Interpreter

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
PEERS = ROOT / ".venv-peers" / "bin" / "python"
MODEL = shipped.MODELS / "edge"
FLOOR = "tflite-runtime"
OURS, LITERT = "mnist-edge", "ai-edge-litert"
"""This project's classifier in the peers' environment, where it takes ai-edge-litert."""
PYTHONS = {
    FLOOR: Path(sys.executable),
    "ai-edge-litert": PEERS,
    OURS: PEERS,
    "onnxruntime": PEERS,
    "tensorflow": Path(sys.executable),
    "keras": Path(sys.executable),
}
"""The Python interpreter that has each runtime."""
WORDS = {
    "ai-edge-litert": "ai-edge-litert's interpreter",
    "onnxruntime": "onnxruntime's session",
    "tensorflow": "full TensorFlow's interpreter",
    "keras": "Keras' model.predict, float32",
}
"""The peers' names in the tables."""
ON_LITERT = 0.9
"""How many times as fast as ai-edge-litert's own quickest way the classifier must be on it."""
_DIGITS = 2_000
_AGREEING = 0.995
"""Share of digits that a peer must read as we do, for its times to be of the same model."""


def measure(share: float) -> Iterator[Row]:
    """Yield two rows for each peer; three rounds at full size."""
    digits = load_mnist().validation.images[: count(_DIGITS, share, least=200)]
    stored = (MODEL / "int8.tflite").read_bytes()
    read = Interpreter(stored).logits(digits).argmax(axis=1)
    classifier = Classifier(MODEL / "int8.tflite", threads=available_cores())
    times: dict[str, list[tuple[float, float]]] = {}
    ours: list[float] = []
    with tempfile.TemporaryDirectory(prefix="mnist-edge-") as folder:
        path = Path(folder) / "digits.npy"
        np.save(path, digits)
        files = models(Path(folder))
        for _ in range(count(3, share, least=1)):
            ours += in_turn([lambda: classifier.predict_pixels(digits)], rounds=1)[0]
            for name in list(files):
                found = _found(name, files[name], path, read)
                if found is None:
                    del files[name]
                    times.pop(name, None)
                else:
                    times.setdefault(name, []).append(found)
    for name, words in WORDS.items():
        if name in times:
            one, floor = ([one for one, _ in times[which]] for which in (name, FLOOR))
            yield row_of_times(f"one digit, {words}", one, FLOOR, floor)
    for name, words in WORDS.items():
        if name in times:
            together = [together for _, together in times[name]]
            against = f"its quickest way, {len(digits):,} digits"
            what = f"Classifier.predict_pixels on {available_cores()} threads"
            if OURS in times:
                chosen = [together for _, together in times[OURS]]
                yield row_of_times(
                    f"{what}, by the runtime chosen, beside {words}",
                    chosen,
                    against,
                    together,
                    goal="at least",
                    target=ON_LITERT if name == LITERT else 1.0,
                )
            yield row_of_times(
                f"{what}, by tflite-runtime, beside {words}",
                ours,
                against,
                together,
                goal="at least",
            )
    yield from _on_litert(times)


def _on_litert(times: Mapping[str, list[tuple[float, float]]]) -> Iterator[Row]:
    """Yield what the classifier takes on ai-edge-litert, beside that itself."""
    if not {OURS, LITERT} <= times.keys():
        return
    one, bare_one = ([one for one, _ in times[name]] for name in (OURS, LITERT))
    yield row_of_times(
        "one digit, predict_pixels on ai-edge-litert", one, "its interpreter", bare_one
    )


def models(folder: Path) -> dict[str, Path]:
    """Return the file that each runtime reads; new ones are written to the folder."""
    files = dict.fromkeys(PYTHONS, MODEL / "int8.tflite")
    files |= {"keras": MODEL / "model.keras", "onnxruntime": folder / "int8.onnx"}
    words = [HERE / "onnx_model.py", MODEL / "int8.tflite", files["onnxruntime"]]
    # The peers' environment has no installation of this project.
    written = ran("onnxruntime", words, {"PYTHONPATH": str(ROOT)})
    if written is None:
        del files["onnxruntime"]
    return files


def ran(name: str, words: list[Any], more: Mapping[str, str] | None = None) -> str | None:
    """Run a runtime's Python; return what it prints, or None with the reason on stderr.

    Args:
        name: the runtime's.
        words: given to its Python.
        more: variables of the environment.
    """
    # A peer's environment holds nothing of this one's.
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"} | {**(more or {})}
    command = [str(word) for word in (PYTHONS[name], *words)]
    try:
        child = subprocess.run(
            command, capture_output=True, text=True, check=False, env=environment
        )
    except FileNotFoundError:
        _left_out(name, "is not installed")
        return None
    if child.returncode:
        _left_out(name, (child.stderr.splitlines() or ["failed"])[-1])
        return None
    return child.stdout


def _found(
    name: str, model: Path, digits: Path, read: NDArray[np.int64]
) -> tuple[float, float] | None:
    """Return the seconds of one digit and of all, or None if the runtime has to be left out."""
    more = {"PYTHONPATH": str(ROOT)} if name == OURS else None
    said = ran(name, [HERE / "other_runtime.py", name, model, digits, available_cores()], more)
    if said is None:
        return None
    found = json.loads(said.splitlines()[-1])
    agreeing = float(np.mean(read == found["digits"]))
    if agreeing < _AGREEING:
        _left_out(name, f"it reads {100 * agreeing:.1f} % of the digits as we do")
        return None
    return found["one"], found["all"]


def _left_out(name: str, why: str) -> None:
    print(f"{name} is left out: {why}", file=sys.stderr)


if __name__ == "__main__":
    main(measure, __doc__)
