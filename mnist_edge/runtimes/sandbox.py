"""Running a model in a process of its own.

Two things need that. A damaged ``.tflite`` can crash the runtime instead of raising, so a model
that nothing vouches for is tried in a child first. And TensorFlow and tflite-runtime break each
other when they share a process, so the converters run their result here.

``python -m mnist_edge.runtimes.sandbox FOLDER`` is the child: it reads ``model.tflite`` and
``pixels.npy`` in the folder and leaves ``logits.npy`` and ``trial.json`` there.
"""

from __future__ import annotations

import json
import os
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mnist_edge import DIGIT_SHAPE, errors
from mnist_edge.errors import InvalidManifest, InvalidModel, MnistEdgeError
from mnist_edge.modelstore.loading import StoredModel
from mnist_edge.modelstore.manifest import TensorSpec
from mnist_edge.runtimes.interpreter import Interpreter
from mnist_edge.runtimes.selection import describe_runtime

_MEMORY = 1 << 30
"""Bytes of address space that the child may take: a damaged model can ask for all there is. A
sound digit model and 70,000 digits stay under 400 MB."""
_TIMEOUT = 60
"""Seconds that the child may take to start and load: a damaged model can loop for ever."""
_TIMEOUT_A_DIGIT = 1.0
"""Seconds more for each digit: numpy takes 0.6 on an emulated Pi Zero."""


@dataclass(frozen=True, kw_only=True)
class SandboxRun:
    """What a model did in a process of its own."""

    input: TensorSpec
    """The end that takes pixels."""
    output: TensorSpec
    """The end that gives logits."""
    logits: NDArray[np.float32]
    """``(n, 10)``, in real units."""
    runtime: str
    """The runtime that ran it, with its version."""


def open_model(model: StoredModel, *, threads: int = 1) -> Interpreter:
    """An interpreter for a stored model.

    A model without a manifest is tried in a child process first, so that a damaged one is an
    error here and not the end of this process.

    Raises:
        InvalidModel: the runtime cannot load it, or crashes on it.
        InvalidManifest: the manifest describes other inputs or outputs than the model has.
        UnsuitableModel: not a digit model.
        MissingDependency: the runtime that was chosen is not installed.
    """
    if model.manifest is None:
        run_sandboxed(model.content, np.zeros((1, *DIGIT_SHAPE), np.uint8), name=str(model.path))
    interpreter = Interpreter(model.content, threads=threads)
    if model.manifest is not None:
        for end in ("input", "output"):
            promised, found = getattr(model.manifest, end), getattr(interpreter, end)
            if promised != found:
                raise InvalidManifest(
                    f"the manifest of {model.path} promises {end} {promised}, the model has "
                    f"{found}; convert the model again"
                )
    return interpreter


def run_sandboxed(content: bytes, pixels: NDArray[np.uint8], *, name: str) -> SandboxRun:
    """Runs a model over digits in a process of its own.

    Args:
        content: the bytes of a ``.tflite`` file.
        pixels: ``(n, 28, 28) uint8``.
        name: what to call the model in messages.

    Raises:
        InvalidModel: the runtime cannot load it, or crashes on it.
        UnsuitableModel: not a digit model.
        MissingDependency: the runtime that was chosen is not installed.
    """
    # A model that a manifest vouches for, the usual one, does without.
    import subprocess
    import tempfile

    with tempfile.TemporaryDirectory(prefix="mnist-edge-") as temporary:
        folder = Path(temporary)
        (folder / "model.tflite").write_bytes(content)
        np.save(folder / "pixels.npy", pixels)
        try:
            child = subprocess.run(
                [sys.executable, "-m", "mnist_edge.runtimes.sandbox", temporary],
                capture_output=True,
                text=True,
                check=False,
                # numpy's BLAS reserves address space for every core, and one is enough.
                env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},
                timeout=_TIMEOUT + _TIMEOUT_A_DIGIT * len(pixels),
            )
        except subprocess.TimeoutExpired as error:
            raise InvalidModel(
                f"{name} keeps the TFLite runtime busy without an answer: it is damaged; "
                "copy the file again, or convert it again with: mnist-edge convert"
            ) from error
        outcome = folder / "trial.json"
        if child.returncode or not outcome.is_file():
            reason = (
                f"signal {-child.returncode}"
                if child.returncode < 0
                else " ".join(child.stderr.split()[-20:]) or f"exit {child.returncode}"
            )
            raise InvalidModel(
                f"{name} crashes the TFLite runtime ({reason}): it is damaged or truncated; "
                "copy the file again, or convert it again with: mnist-edge convert"
            )
        document = json.loads(outcome.read_text(encoding="utf-8"))
        if "error" in document:
            raise getattr(errors, document["error"])(f"{name}: {document['message']}")
        return SandboxRun(
            input=_tensor_spec(document["input"]),
            output=_tensor_spec(document["output"]),
            logits=np.load(folder / "logits.npy"),
            runtime=document["runtime"],
        )


def _run(folder: Path) -> dict[str, Any]:
    interpreter = Interpreter((folder / "model.tflite").read_bytes())
    np.save(folder / "logits.npy", interpreter.logits(np.load(folder / "pixels.npy")))
    return {
        "input": asdict(interpreter.input),
        "output": asdict(interpreter.output),
        "runtime": describe_runtime(),
    }


def _tensor_spec(document: dict[str, Any]) -> TensorSpec:
    return TensorSpec(**{**document, "shape": tuple(document["shape"])})


def _limit_memory() -> None:
    try:
        import resource
    except ImportError:  # Windows has no such limit
        return
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    allowed = _MEMORY if hard == resource.RLIM_INFINITY else min(_MEMORY, hard)
    resource.setrlimit(resource.RLIMIT_AS, (allowed, hard))


def main() -> None:
    """The child's side."""
    folder = Path(sys.argv[1])
    _limit_memory()
    try:
        outcome = _run(folder)
    except MnistEdgeError as error:
        outcome = {"error": type(error).__name__, "message": str(error)}
    (folder / "trial.json").write_text(json.dumps(outcome), encoding="utf-8")


if __name__ == "__main__":
    main()
