"""A model's golden vectors: whether this machine answers as the one that converted it.

The inputs and the outputs lie in the model's manifest (``mnist_edge.modelstore.manifest.Golden``).
"""

from __future__ import annotations

import base64
import zlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mnist_edge import CLASSES, DIGIT_SHAPE
from mnist_edge.errors import InvalidManifest
from mnist_edge.modelstore.loading import StoredModel
from mnist_edge.modelstore.manifest import Golden, TensorSpec
from mnist_edge.runtimes.sandbox import open_model
from mnist_edge.runtimes.selection import describe_runtime

TOLERANCE = 10
"""Steps by which another runtime's outputs may differ. Those of ai-edge-litert 2.3.0 differ from
tflite-runtime 2.14.0's by 1, over 5,000 digits and six models; the two sets of kernels inside
tflite-runtime by up to 7, and TensorFlow 2.21's by up to 9, since they round otherwise."""
_LEVELS = 255
"""Steps in the range of an output that has no steps of its own, or far finer ones."""
_MOST = 1 << 20
"""Bytes that the vectors may inflate to: sixteen inputs are 12,544."""


@dataclass(frozen=True, kw_only=True)
class SelfTest:
    """How far a model's outputs are from its golden ones."""

    runtime: str
    """The runtime that was tried, with its version."""
    golden_runtime: str
    """The runtime that gave the golden outputs, with its version."""
    steps: NDArray[np.float64]
    """``(n,)``, of each vector the largest difference in steps."""
    allowed: float
    """Steps that it may be."""

    @property
    def passed(self) -> bool:
        """Whether no vector differs by more than is allowed."""
        return bool(self.steps.max() <= self.allowed)


def run_self_test(model: StoredModel) -> SelfTest | None:
    """Runs a model on its golden vectors.

    The same runtime computes the same integers on every processor, so nothing is allowed for an
    integer output of it; floats depend on the order of additions, which kernels choose.

    Returns:
        None for a model whose manifest has no golden vectors, or that has no manifest.

    Raises:
        InvalidManifest: the vectors are damaged, or it describes another model.
        InvalidModel: the runtime cannot load the model.
        UnsuitableModel: the runtime has not all that the model needs.
        MissingDependency: the runtime that was chosen is not installed, or does not import.
    """
    if model.manifest is None or model.manifest.golden is None:
        return None
    golden, spec = model.manifest.golden, model.manifest.output
    inputs, expected = decode_golden(golden, spec, name=str(model.path))
    interpreter = open_model(model)
    found = np.stack([interpreter.raw_output(digit) for digit in inputs])
    wide = expected.astype(np.float64)
    difference = np.abs(found - wide).max(axis=1)
    exact = golden.runtime == describe_runtime() and np.issubdtype(expected.dtype, np.integer)
    return SelfTest(
        runtime=describe_runtime(),
        golden_runtime=golden.runtime,
        # An output that is no number is no answer.
        steps=np.nan_to_num(difference, nan=np.inf, posinf=np.inf) / _step(wide, spec),
        allowed=0 if exact else golden.tolerance,
    )


def _step(outputs: NDArray[np.float64], spec: TensorSpec) -> float:
    """What counts as a step, in units of the output."""
    if spec.dtype in {"int8", "uint8"}:
        return 1.0
    return float(np.ptp(outputs)) / _LEVELS or 1.0


def encode_golden(
    inputs: NDArray[np.uint8], logits: NDArray[np.generic], *, runtime: str, tolerance: float
) -> Golden:
    """Golden vectors as a manifest has them.

    Args:
        inputs: ``(n, 28, 28) uint8``.
        logits: ``(n, 10)``, the outputs in the output tensor's own type.
        runtime: the runtime that gave them, with its version.
        tolerance: steps that another runtime may differ by.
    """
    return Golden(
        inputs=_deflated(inputs.tobytes()),
        outputs=_deflated(logits.astype(logits.dtype.newbyteorder("<")).tobytes()),
        runtime=runtime,
        tolerance=tolerance,
    )


def decode_golden(
    golden: Golden, output: TensorSpec, *, name: str
) -> tuple[NDArray[np.uint8], NDArray[np.generic]]:
    """Inputs and expected outputs of golden vectors.

    Args:
        golden: as a manifest has them.
        output: the model's output.
        name: what to call the model in messages.

    Returns:
        ``(n, 28, 28) uint8``, and ``(n, 10)`` in the output's type; n is at least 1.

    Raises:
        InvalidManifest: they are no such arrays.
    """
    dtype = np.dtype(output.dtype).newbyteorder("<")
    try:
        inputs = np.frombuffer(_inflated(golden.inputs), np.uint8).reshape(-1, *DIGIT_SHAPE)
        outputs = np.frombuffer(_inflated(golden.outputs), dtype).reshape(-1, CLASSES)
    except (ValueError, zlib.error) as error:
        raise InvalidManifest(
            f"the golden vectors of {name} are damaged ({error}); copy its manifest again, or "
            "convert the model again"
        ) from error
    if not len(inputs) == len(outputs) > 0:
        raise InvalidManifest(
            f"the golden vectors of {name} are {len(inputs)} inputs and {len(outputs)} outputs; "
            "copy its manifest again, or convert the model again"
        )
    return inputs, outputs


def _deflated(content: bytes) -> str:
    return base64.b64encode(zlib.compress(content, 9)).decode("ascii")


def _inflated(text: str) -> bytes:
    """The bytes of a packed text; as many as are sane, since a few can inflate to gigabytes."""
    stream = zlib.decompressobj()
    content = stream.decompress(base64.b64decode(text, validate=True), _MOST)
    if not stream.eof:
        raise ValueError(f"truncated, or more than {_MOST} bytes")
    return content
