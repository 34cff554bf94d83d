"""Verify a converted model before it is written.

The bytes to be written run on the device runtime, in a process of its own, and their operators are
read. Every violation is collected and raised at once.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from converters.accuracy_gate import DEFAULT_GATE, AccuracyGate
from converters.golden_inputs import golden_inputs
from converters.operators import OperatorInfo, known_targets, read_operators, unknown_to
from converters.schemes import Scheme
from mnist_edge.data.mnist import Digits
from mnist_edge.errors import AccuracyLost, ConversionError, MnistEdgeError
from mnist_edge.metrics.confidence import count_correct, softmax
from mnist_edge.metrics.paired import compare
from mnist_edge.modelstore.manifest import Golden, Score, TensorSpec
from mnist_edge.runtimes.golden import TOLERANCE, encode_golden
from mnist_edge.runtimes.interpreter import quantize
from mnist_edge.runtimes.sandbox import SandboxRun, run_sandboxed
from mnist_edge.runtimes.selection import describe_runtime, reference_runtime
from mnist_edge.system.subprocesses import ChildFailed
from mnist_edge.system.text import percent

MIN_AGREEMENT = 0.95
"""Minimum agreement with the Keras model on the digits it is confident of. Planted faults leave
less; a network of two epochs still has 0.99."""
CONFIDENT = 0.9
"""Minimum probability at which the Keras model is confident of a digit."""
MAX_SATURATED = 0.05
"""Maximum fraction of digits whose largest logit is at the end of the integer range. The range is
measured on few calibration digits and some validation digits exceed it: a fraction of up to 0.014
for this project's recipes after two epochs."""
MIN_RANGE_USED = 0.25
"""Minimum fraction of the integer range that the logits use: a quarter costs two of eight bits. An
untrained network still uses 0.30."""


@dataclass(frozen=True, kw_only=True)
class Verification:
    """The result of running a converted model on the device runtime."""

    run: SandboxRun
    """Its input and output, its logits of the validation digits, and the runtime."""
    score: Score
    """The converted model's score on the validation digits."""
    drop: float
    """Loss of validation accuracy against the Keras model, in percentage points."""
    gate: str | None
    """Why it misses the accuracy gate, if it does."""
    golden: Golden
    """Its answers to a few inputs, for devices to compare with."""


def verify_conversion(
    content: bytes,
    scheme: Scheme,
    *,
    unstripped: bytes,
    reference: NDArray[np.float32],
    validation: Digits,
    target: str,
    gate: AccuracyGate = DEFAULT_GATE,
) -> Verification:
    """Run a converted model over the validation digits and compare it with the Keras model.

    Args:
        content: the bytes of the ``.tflite`` file.
        scheme: the scheme it was converted by.
        unstripped: the same model with the names of its tensors, for messages.
        reference: ``(n, 10)``, the Keras model's logits of the same digits.
        validation: the digits.
        target: the oldest runtime that must load it, one of ``operators.known_targets``.
        gate: the accuracy it may lose; a failure is the ``gate`` of the result, for the caller to
            act on.

    Raises:
        ConversionError: the model is faulty; the message gives every violation.
    """
    operators = _with_names(read_operators(content), read_operators(unstripped))
    problems = [*unknown_to(target, operators), *_foreign_operators(operators, scheme)]
    if problems and scheme.integer:
        problems.append(_FLOAT_ADVICE)
    installed = describe_runtime().replace(" ", "==")
    rejected = unknown_to(installed, operators) if installed in known_targets() else []
    if rejected or not all(operator.builtin for operator in operators):
        raise _failed(scheme, installed, list(dict.fromkeys([*rejected, *problems])))
    inputs = golden_inputs(validation)
    try:
        # In one run, so that the golden vectors come from the verified process.
        run = run_sandboxed(
            content, np.concatenate([validation.images, inputs]), name=f"the {scheme.name} model"
        )
    except MnistEdgeError as error:
        problems = [_runtime_failure(error, operators), *problems]
        if scheme.integer and _FLOAT_ADVICE not in problems:
            problems.append(_FLOAT_ADVICE)
        raise _failed(scheme, installed, problems) from error
    golden_logits = run.logits[len(validation) :]
    run = replace(run, logits=run.logits[: len(validation)])
    for end, spec in (("input", run.input), ("output", run.output)):
        if spec.dtype != scheme.io_dtype:
            problems.append(f"its {end} is {spec.dtype}, expected {scheme.io_dtype}")
    problems += _degenerate(run.logits, run.output)
    compared = compare(reference, run.logits, validation.labels)
    confident = softmax(reference).max(axis=1) >= CONFIDENT
    agreement = _agreement(reference[confident], run.logits[confident])
    if agreement < MIN_AGREEMENT:
        problems.append(
            f"it agrees with the Keras model on {percent(agreement, 1)} of the digits of which the "
            f"Keras model is confident, expected at least {percent(MIN_AGREEMENT, 0)}"
        )
    failure = gate.failure(compared)
    if problems:
        raise _failed(scheme, run.runtime, [*problems, *([failure] if failure else [])])
    score = Score(
        correct=count_correct(run.logits, validation.labels),
        total=len(validation),
        runtime=run.runtime,
    )
    # The logits are multiples of the output's scale, up to float32 rounding.
    golden = encode_golden(
        inputs,
        quantize(golden_logits, run.output),
        runtime=run.runtime,
        tolerance=TOLERANCE,
    )
    return Verification(run=run, score=score, drop=compared.drop, gate=failure, golden=golden)


def runtime_mismatch(target: str) -> str | None:
    """Return a warning if the installed runtime, which verifies, is not the target.

    Args:
        target: one of ``operators.known_targets``.
    """
    installed = describe_runtime(reference_runtime())
    if installed.replace(" ", "==") == target:
        return None
    return (
        f"files are run on {installed}, which may round differently from {target}; operators are "
        "checked against the target's own"
    )


def missed_gate(verification: Verification, scheme: Scheme, tried: Sequence[str]) -> AccuracyLost:
    """Build the error for a sound model that misses the accuracy gate.

    Args:
        verification: its verification.
        scheme: the requested scheme.
        tried: the fallbacks that were tried, with their outcomes.
    """
    advice = f"tried {'; '.join(tried)}" if tried else "try --recover, or see why with --explain"
    return AccuracyLost(
        f"{scheme.name} missed the gate on {verification.run.runtime}: {verification.gate}; "
        f"{advice}; "
        "nothing was written (--keep writes it anyway)"
    )


def _failed(scheme: Scheme, where: str, problems: list[str]) -> ConversionError:
    return ConversionError(
        f"{scheme.name} failed verification on {where}: {'; '.join(problems)}; nothing was written"
    )


def _runtime_failure(error: MnistEdgeError, operators: list[OperatorInfo]) -> str:
    """Say which operator the runtime failed on, and at which layer, if it says so."""
    failed = _FAILED_NODE.search(str(error))
    if failed and operators[int(failed[1]) :]:
        operator = operators[int(failed[1])]
        return (
            f"{operator.name} at {_layer(operator)} does not run in {'/'.join(operator.outputs)}: "
            "the runtime has no such kernel"
        )
    # The file has just been made: it is not damaged, whatever the runtime's failure looks like.
    crash = error.__cause__
    return f"the runtime {crash}" if isinstance(crash, ChildFailed) else f"it does not run: {error}"


_FAILED_NODE = re.compile(r"Node number (\d+) \(\w+\) failed to ")
"""The runtime's message on an operator it has no kernel for."""
_FLOAT_ADVICE = "--quantize dynamic or float16 keeps such layers in floats"


def _foreign_operators(operators: list[OperatorInfo], scheme: Scheme) -> list[str]:
    """List custom operators, and float operators inside an integer file."""
    problems = [
        f"{operator.name} at {_layer(operator)} is not a builtin operator; build the layer from "
        "others"
        for operator in operators
        if not operator.builtin
    ]
    if not scheme.integer:
        return problems
    # Inputs and outputs of another type are converted to integers and back.
    floats = [
        operator
        for operator in operators
        if operator.name not in {"QUANTIZE", "DEQUANTIZE"}
        and "float32" in {*operator.inputs, *operator.outputs}
    ]
    for name in dict.fromkeys(operator.name for operator in floats):
        layers = [_layer(operator) for operator in floats if operator.name == name]
        others = f" (and {len(layers) - 1} more)" if layers[1:] else ""
        problems.append(
            f"{name} at {layers[0]}{others} computes in floats: TensorFlow has no {scheme.base} "
            "version of it"
        )
    # Around a float operator, conversions are a matter of course.
    if not floats and scheme.io_dtype != "float32":
        problems += [
            f"{operator.name} at {_layer(operator)} converts integers to floats inside the model"
            for operator in operators[1:-1]
            if operator.name == "DEQUANTIZE"
        ]
    return problems


def _with_names(
    operators: list[OperatorInfo], unstripped: list[OperatorInfo]
) -> list[OperatorInfo]:
    """Return operators with the original names of their tensors."""
    pairs = zip(operators, unstripped, strict=True)
    return [replace(operator, tensor=other.tensor) for operator, other in pairs]


def _layer(operator: OperatorInfo) -> str:
    """Return the layer of an operator: a tensor's name lists the layers fused into it."""
    return repr(operator.layer)


def _degenerate(logits: NDArray[np.float32], output: TensorSpec) -> list[str]:
    """List the ways in which the outputs cannot be those of a sound model."""
    if not np.isfinite(logits).all():
        return ["its logits are not all finite"]
    if np.ptp(logits, axis=0).max() == 0:
        return ["its logits are the same for every digit"]
    if not output.scale:
        return []
    limits = np.iinfo(output.dtype)
    raw = np.rint(logits / output.scale).astype(np.int64) + output.zero_point
    problems = []
    saturated = float((raw.max(axis=1) >= limits.max).mean())
    if saturated > MAX_SATURATED:
        problems.append(
            f"its output is saturated: {percent(saturated, 1)} of digits have their largest logit "
            f"at {limits.max}; calibrate on more digits (--calibration-images)"
        )
    # int16 is symmetric about zero: logits that are all below zero use half the range at most.
    steps = int(limits.max) - int(limits.min) if output.dtype != "int16" else int(limits.max)
    used = float(np.ptp(raw) / steps)
    if used < MIN_RANGE_USED:
        problems.append(
            f"its output uses {percent(used, 0)} of the {output.dtype} range: calibration digits "
            "had larger logits than others have; try another --calibration-seed"
        )
    return problems


def _agreement(reference: NDArray[np.float32], logits: NDArray[np.float32]) -> float:
    """Return the fraction of equal answers; 1 if there are none to compare."""
    if not len(reference):
        return 1.0
    return float((reference.argmax(axis=1) == logits.argmax(axis=1)).mean())
