"""Run a model in a child process.

Two cases need one. A damaged ``.tflite`` can crash the runtime instead of raising, so a model
without a manifest is tried in a child first. And TensorFlow and tflite-runtime break each other
when they share a process, so the converters run their results in a child.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mnist_edge import DIGIT_SHAPE
from mnist_edge.errors import InvalidModel, MnistEdgeError, NotWritable
from mnist_edge.modelstore.loading import StoredModel
from mnist_edge.modelstore.manifest import TensorSpec
from mnist_edge.runtimes.interpreter import Interpreter
from mnist_edge.runtimes.selection import describe_runtime
from mnist_edge.system.paths import shipped_models_folder, store_folder
from mnist_edge.system.records import record

_MEMORY = 1 << 30
"""Bytes of address space for the child: a damaged model can ask for all there is. A sound digit
model and 70,000 digits stay under 400 MB."""
_SECONDS = 60
"""Time for the child to start and load the model: a damaged one can loop forever."""
_SECONDS_PER_DIGIT = 1.0
"""Additional time for each digit: numpy takes 0.6 s on an emulated Pi Zero."""

_MODEL, _PIXELS, _LOGITS = "model.tflite", "pixels.npy", "logits.npy"
"""Files in the folder that the two processes share."""

NO_DIGITS = np.empty((0, *DIGIT_SHAPE), np.uint8)
"""Pixels of no digit, for a run that shows only whether a model works."""


@record(frozen=True, kw_only=True)
class SandboxRun:
    """The result of running a model in a child process."""

    input: TensorSpec
    """The input tensor, which takes pixels."""
    output: TensorSpec
    """The output tensor, which holds the logits."""
    logits: NDArray[np.float32]
    """``(n, 10)``, in real units."""
    runtime: str
    """The runtime that ran it, with its version."""


def open_model(model: StoredModel, *, threads: int = 1) -> Interpreter:
    """Open an interpreter for a stored model.

    A model without a manifest is tried in a child process first, so that a damaged one raises an
    error here instead of ending this process. One whose manifest came with it, and was neither
    released nor installed, may have been damaged before it was hashed: nothing in it may lead out
    of its file.

    Raises:
        InvalidModel: the runtime cannot load it, or crashes on it.
        InvalidManifest: the manifest describes other inputs or outputs than the model has.
        UnsuitableModel: not a digit model.
        MissingDependency: the requested runtime is not installed.
    """
    if model.manifest is None:
        run_sandboxed(model.content, NO_DIGITS, name=str(model.path))
    elif not _was_tried(model.path):
        # It takes a millisecond, and the usual models do without.
        from mnist_edge.runtimes.numpy_backend.bounds import require_file_within_bounds

        require_file_within_bounds(model.content, name=str(model.path))
    interpreter = Interpreter(model.content, threads=threads)
    if model.manifest is not None:
        model.manifest.require_tensors(
            input=interpreter.input, output=interpreter.output, name=str(model.path)
        )
    return interpreter


def _was_tried(path: Path) -> bool:
    """Return whether a file is a released model, or was tried when it was installed."""
    folders = [shipped_models_folder()]
    with suppress(NotWritable):  # whoever has no home folder has installed nothing
        folders.append(store_folder())
    return not {*folders}.isdisjoint(path.parents)


def run_sandboxed(content: bytes, pixels: NDArray[np.uint8], *, name: str) -> SandboxRun:
    """Run a model on digits in a child process, after it has run there in every other way too.

    Args:
        content: the bytes of a ``.tflite`` file.
        pixels: ``(n, 28, 28) uint8``.
        name: the model's name in messages.

    Raises:
        InvalidModel: the runtime cannot load it or crashes on it, or its logits are not finite.
        UnsuitableModel: not a digit model.
        MissingDependency: the requested runtime is not installed.
    """
    # Models with a manifest, the usual ones, do not get here.
    import tempfile

    from mnist_edge.system.subprocesses import (
        ChildFailed,
        ChildLimits,
        call_in_child,
        rebuild_error,
    )

    with tempfile.TemporaryDirectory(prefix="mnist-edge-") as temporary:
        folder = Path(temporary)
        (folder / _MODEL).write_bytes(content)
        np.save(folder / _PIXELS, pixels)
        limits = ChildLimits(seconds=_SECONDS + _SECONDS_PER_DIGIT * len(pixels), memory=_MEMORY)
        try:
            document = call_in_child(limits, run_in_folder, temporary)
        except ChildFailed as failure:
            raise InvalidModel(
                f"{name} is damaged or truncated: the TFLite runtime {failure} on it; copy the "
                "file again, or convert it again with: mnist-edge convert"
            ) from failure
        except MnistEdgeError as error:
            raise rebuild_error(type(error).__name__, f"{name}: {error}") from error
        return SandboxRun(
            input=_tensor_spec(document["input"]),
            output=_tensor_spec(document["output"]),
            logits=np.load(folder / _LOGITS),
            runtime=document["runtime"],
        )


def run_in_folder(folder: str) -> dict[str, Any]:
    """Run the model in a folder on the pixels there, and save the logits there.

    Args:
        folder: holds ``model.tflite`` and ``pixels.npy``; ``logits.npy`` is written.

    Returns:
        The fields of ``SandboxRun`` but ``logits``, as JSON has them.
    """
    # Only children need it.
    from mnist_edge.runtimes.numpy_backend.bounds import require_within_bounds

    shared = Path(folder)
    content = (shared / _MODEL).read_bytes()
    require_within_bounds(content)
    interpreter = Interpreter(content)
    interpreter.exercise()
    np.save(shared / _LOGITS, interpreter.logits(np.load(shared / _PIXELS)))
    return {
        "input": asdict(interpreter.input),
        "output": asdict(interpreter.output),
        "runtime": describe_runtime(),
    }


def _tensor_spec(document: dict[str, Any]) -> TensorSpec:
    return TensorSpec(**{**document, "shape": tuple(document["shape"])})
