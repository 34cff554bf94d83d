"""Test a model on its golden vectors: whether this machine answers as the one that converted it.

The inputs and outputs are in the model's manifest (``mnist_edge.modelstore.manifest.Golden``).
"""

from __future__ import annotations

import base64
import zlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mnist_edge import CLASSES, DIGIT_SHAPE
from mnist_edge.errors import InvalidManifest, ModelRejected
from mnist_edge.modelstore.loading import StoredModel
from mnist_edge.modelstore.manifest import Golden, TensorSpec
from mnist_edge.runtimes.sandbox import open_model
from mnist_edge.runtimes.selection import describe_runtime

TOLERANCE = 10
"""Steps by which another runtime's outputs may differ. Those of ai-edge-litert 2.3.0 differ from
tflite-runtime 2.14.0's by 1, over 5,000 digits and six models; the two sets of kernels inside
tflite-runtime by up to 7, and TensorFlow 2.21's by up to 9, because they round differently."""
_LEVELS = 255
"""Steps in the range of an output that is not quantized, or far more finely."""
_MAX_BYTES = 1 << 20
"""Size to which the vectors may decompress: sixteen inputs are 12,544 bytes."""


@dataclass(frozen=True, kw_only=True)
class SelfTest:
    """The differences between a model's outputs and its golden ones."""

    runtime: str
    """The runtime that was tested, with its version."""
    golden_runtime: str
    """The runtime that computed the golden outputs, with its version."""
    steps: NDArray[np.float64]
    """``(n,)``, the largest difference of each vector, in steps."""
    allowed: float
    """The largest difference that passes, in steps."""

    @property
    def passed(self) -> bool:
        """Whether no vector differs by more than is allowed."""
        return bool(self.steps.max() <= self.allowed)


def run_self_test(model: StoredModel) -> SelfTest | None:
    """Run a model on its golden vectors.

    The same runtime computes the same integers on every processor, so its integer outputs must be
    equal; floats depend on the order of additions, which kernels choose.

    Returns:
        None for a model without a manifest, or whose manifest has no golden vectors.

    Raises:
        InvalidManifest: the vectors are damaged, or the manifest describes another model.
        InvalidModel: the runtime cannot load the model.
        UnsuitableModel: the runtime does not support the model.
        MissingDependency: the requested runtime is not installed, or does not import.
    """
    if model.manifest is None or model.manifest.golden is None:
        return None
    golden, spec = model.manifest.golden, model.manifest.output
    inputs, expected = decode_golden(golden, spec, name=str(model.path))
    interpreter = open_model(model)
    outputs = np.stack([interpreter.raw_output(digit) for digit in inputs])
    real = expected.astype(np.float64)
    difference = np.abs(outputs - real).max(axis=1)
    exact = golden.runtime == describe_runtime() and np.issubdtype(expected.dtype, np.integer)
    return SelfTest(
        runtime=describe_runtime(),
        golden_runtime=golden.runtime,
        # An output that is not a number fails.
        steps=np.nan_to_num(difference, nan=np.inf, posinf=np.inf) / _step(real, spec),
        allowed=0 if exact else golden.tolerance,
    )


def require_golden_answers(model: StoredModel, *, name: str) -> SelfTest | None:
    """Run a model on its golden vectors, and refuse it if it answers otherwise.

    Args:
        model: the model.
        name: its name in messages.

    Returns:
        As ``run_self_test``.

    Raises:
        ModelRejected: an answer differs by more than is allowed.
        MnistEdgeError: as ``run_self_test``.
    """
    test = run_self_test(model)
    if test is not None and not test.passed:
        raise ModelRejected(
            f"{name} differs from its golden vectors by up to {test.steps.max():g} steps, "
            f"{test.allowed:g} allowed; copy it again, or convert it again"
        )
    return test


def _step(outputs: NDArray[np.float64], spec: TensorSpec) -> float:
    """Return the size of a step, in units of the output."""
    if spec.dtype in {"int8", "uint8"}:
        return 1.0
    return float(np.ptp(outputs)) / _LEVELS or 1.0


def encode_golden(
    inputs: NDArray[np.uint8], logits: NDArray[np.generic], *, runtime: str, tolerance: float
) -> Golden:
    """Encode golden vectors for a manifest.

    Args:
        inputs: ``(n, 28, 28) uint8``.
        logits: ``(n, 10)``, the outputs in the output tensor's own type.
        runtime: the runtime that computed them, with its version.
        tolerance: steps by which another runtime may differ.
    """
    return Golden(
        inputs=_encode(inputs.tobytes()),
        outputs=_encode(logits.astype(logits.dtype.newbyteorder("<")).tobytes()),
        runtime=runtime,
        tolerance=tolerance,
    )


def decode_golden(
    golden: Golden, output: TensorSpec, *, name: str
) -> tuple[NDArray[np.uint8], NDArray[np.generic]]:
    """Decode the inputs and expected outputs of a manifest's golden vectors.

    Args:
        golden: the manifest's field.
        output: the model's output tensor.
        name: the model's name in messages.

    Returns:
        ``(n, 28, 28) uint8``, and ``(n, 10)`` in the output's type; n is at least 1.

    Raises:
        InvalidManifest: they are damaged.
    """
    dtype = np.dtype(output.dtype).newbyteorder("<")
    try:
        inputs = np.frombuffer(_decode(golden.inputs), np.uint8).reshape(-1, *DIGIT_SHAPE)
        outputs = np.frombuffer(_decode(golden.outputs), dtype).reshape(-1, CLASSES)
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


def _encode(content: bytes) -> str:
    return base64.b64encode(zlib.compress(content, 9)).decode("ascii")


def _decode(text: str) -> bytes:
    """Decompress to at most ``_MAX_BYTES``: a few bytes can decompress to gigabytes."""
    stream = zlib.decompressobj()
    content = stream.decompress(base64.b64decode(text, validate=True), _MAX_BYTES)
    if not stream.eof:
        raise ValueError(f"truncated, or more than {_MAX_BYTES} bytes")
    return content
