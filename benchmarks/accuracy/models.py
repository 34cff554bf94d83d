"""Compare the shipped int8 models with Keras' mnist_convnet: size, accuracy and time.

    python -m benchmarks.accuracy.models
    python -m benchmarks.accuracy.models --json models.json

Where there is no TensorFlow, on a Raspberry Pi, take the convnet along as a file:

    python -m benchmarks.peers.mnist_convnet mnist_convnet.tflite    # on the workstation
    python -m benchmarks.accuracy.models --convnet mnist_convnet.tflite

Time is that of `invoke` alone, on one thread of the device runtime, without setting the input or
reading the output. The models take turns in rounds, so that other load slows all of them; the ratio
to the convnet is the median over rounds. On a busy machine only long rounds are slowed alike: keep
200 invocations, and trust the ratio more than the times.

Accuracy on the 10,000 test digits is taken from `mnist-edge report`: nothing is run over them here.
The convnet's weights are untrained, which changes neither its time nor its size; its accuracy is
the one that Keras states, in float32.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks import shipped
from benchmarks.peers import mnist_convnet
from converters import microcontroller
from mnist_edge.errors import ConversionError, MissingDependency
from mnist_edge.evaluation.report.model_stats import read_model_stats
from mnist_edge.modelstore import loading
from mnist_edge.modelstore.loading import StoredModel
from mnist_edge.preprocessing.pipeline import trace_preprocessing
from mnist_edge.runtimes.backends import TFLiteBackend, open_backend
from mnist_edge.runtimes.interpreter import quantize
from mnist_edge.system.files import write_json

CONVNET = "mnist_convnet"
DIGIT = Path(__file__).parents[2] / "mnist_edge" / "samples" / "digit.png"
"""What every model is timed on."""


@dataclass(frozen=True, kw_only=True)
class Contender:
    """An int8 model, and what is known of it without running it."""

    name: str
    content: bytes
    """Of its ``.tflite`` file."""
    parameters: int
    """In the file."""
    accuracy: float | None
    """On the 10,000 test digits, 0..1; None where it was not measured."""
    accuracy_quoted: bool = False
    """Whether others say so, of float32."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """A model and what was measured of it."""

    model: str
    parameters: int
    bytes: int
    """Of the int8 file."""
    arena_bytes: int | None
    """The smallest that it runs in on TensorFlow Lite for Microcontrollers; None without it."""
    accuracy: float | None
    accuracy_quoted: bool
    microseconds: float
    """A digit, the median of the rounds."""
    ratio: float
    """Of its time to the convnet's, the median of each round's."""


def shipped_model(folder: Path) -> Contender:
    """Load the int8 file of a model folder."""
    stored = loading.load_model(folder)
    return Contender(
        name=folder.name,
        content=stored.content,
        parameters=read_model_stats(stored.content).parameters,
        accuracy=test_accuracy(stored),
    )


def test_accuracy(model: StoredModel) -> float | None:
    """Look up the test accuracy, 0..1, in the manifest or in the ``report.json`` of this file."""
    if model.manifest and model.manifest.test:
        return model.manifest.test.accuracy
    report = model.path.with_name("report.json")
    schemes = _read(report)["schemes"] if report.is_file() else []
    accuracies = [one["accuracy"] for one in schemes if one["sha256"] == model.sha256]
    return accuracies[0] if accuracies else None


def convnet(file: Path | None) -> Contender:
    """Load Keras' example from a file, or convert it in a process of its own."""
    return Contender(
        name=CONVNET,
        content=file.read_bytes() if file else _converted(),
        parameters=mnist_convnet.PARAMETERS,
        accuracy=mnist_convnet.QUOTED_ACCURACY,
        accuracy_quoted=True,
    )


def take_turns(
    calls: Sequence[Callable[[], object]], *, rounds: int, invocations: int
) -> NDArray[np.float64]:
    """Time calls in alternation: each call several times in each round.

    Returns:
        ``(rounds, calls)``, microseconds of one call.
    """
    times = np.empty((rounds, len(calls)))
    for round_ in times:
        for number, call in enumerate(calls):
            started = time.perf_counter()
            for _ in range(invocations):
                call()
            round_[number] = 1e6 * (time.perf_counter() - started) / invocations
    return times


def measure(contenders: Sequence[Contender], *, rounds: int, invocations: int) -> list[Row]:
    """Time models in turn; the others are compared with the last."""
    calls = [_invoke(one.content) for one in contenders]
    take_turns(calls, rounds=1, invocations=invocations)  # the first digits pay for cold caches
    times = take_turns(calls, rounds=rounds, invocations=invocations)
    medians = np.median(times, axis=0)
    ratios = np.median(times / times[:, -1:], axis=0)
    return [
        Row(
            model=one.name,
            parameters=one.parameters,
            bytes=len(one.content),
            arena_bytes=arena_bytes(one.content),
            accuracy=one.accuracy,
            accuracy_quoted=one.accuracy_quoted,
            microseconds=round(float(median), 2),
            ratio=round(float(ratio), 4),
        )
        for one, median, ratio in zip(contenders, medians, ratios, strict=True)
    ]


def arena_bytes(content: bytes) -> int | None:
    """Memory for activations that a microcontroller needs; None where that cannot be tried."""
    try:
        return microcontroller.run(content, np.zeros((0, 784), np.int8)).arena_bytes
    except (ConversionError, MissingDependency):
        return None


def table(rows: Sequence[Row]) -> str:
    """Format the rows as text, at most 80 columns wide."""
    heads = ("parameters", "int8 bytes", "arena", "accuracy", "us/digit", "ratio")
    lines = [f"{'model':<14}{''.join(f'{head:>11}' for head in heads)}"]
    for row in rows:
        counts = (row.parameters, row.bytes, row.arena_bytes)
        accuracy = "-" if row.accuracy is None else f"{100 * row.accuracy:.2f} %"
        if row.accuracy is not None and row.accuracy_quoted:
            accuracy = f"~{100 * row.accuracy:.1f} % *"
        cells = [
            *("-" if count is None else f"{count:,}" for count in counts),
            accuracy,
            f"{row.microseconds:.1f}",
            f"{row.ratio:.2f}",
        ]
        lines.append(f"{row.model:<14}{''.join(f'{cell:>11}' for cell in cells)}")
    return "\n".join(lines)


def _invoke(content: bytes) -> Callable[[], object]:
    """Return a model's ``invoke``, ready to run on a digit."""
    engine = open_backend(content)
    (wanted,) = engine.inputs
    digit = quantize(trace_preprocessing(DIGIT).pixels, wanted).reshape(1, *wanted.shape)
    engine.invoke(digit)
    if not isinstance(engine, TFLiteBackend):
        return lambda: engine.invoke(digit)
    # The package has no use for a digit that is run and not read.
    invoke: Callable[[], object] = engine._native.invoke  # noqa: SLF001
    return invoke


def _converted() -> bytes:
    with tempfile.TemporaryDirectory(prefix="mnist-edge-") as temporary:
        path = Path(temporary) / f"{CONVNET}.tflite"
        command = [sys.executable, "-m", mnist_convnet.__name__, str(path)]
        child = subprocess.run(command, capture_output=True, text=True, check=False)
        if child.returncode:
            raise SystemExit(f"{child.stderr}\n{CONVNET} was not converted; give --convnet FILE")
        return path.read_bytes()


def _read(path: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return document


def _main() -> None:
    parser = argparse.ArgumentParser(description="The shipped models beside Keras' mnist_convnet.")
    parser.add_argument(
        "models", nargs="*", type=Path, help="model folders (default: the shipped ones)"
    )
    parser.add_argument("--convnet", type=Path, help="its int8 file (default: convert it)")
    parser.add_argument("--rounds", type=int, default=60)
    parser.add_argument("--invocations", type=int, default=200, help="of each model in a round")
    parser.add_argument("--json", type=Path, help="a file for the rows")
    chosen = parser.parse_args()
    contenders = [shipped_model(folder) for folder in chosen.models or shipped.folders()]
    contenders.append(convnet(chosen.convnet))
    # Taken before, since measuring is a load itself.
    setting = shipped.setting()
    rows = measure(contenders, rounds=chosen.rounds, invocations=chosen.invocations)
    print(table(rows))
    print(
        f"us/digit: invoke alone, 1 thread, median of {chosen.rounds} rounds of "
        f"{chosen.invocations} in turn\n"
        f"ratio: to {CONVNET}, median of each round's\n"
        "arena: bytes on TensorFlow Lite for Microcontrollers\n"
        f"* quoted from Keras, float32; {CONVNET} is untrained here,\n"
        "  which changes neither time nor size\n"
        f"{shipped.told(setting)}"
    )
    if chosen.json is not None:
        write_json(
            chosen.json,
            {
                "setting": setting,
                "rounds": chosen.rounds,
                "invocations": chosen.invocations,
                "models": [asdict(row) for row in rows],
            },
        )


if __name__ == "__main__":
    _main()
