"""Proof, before anything is written, that a converted model does what it should.

The very bytes to be written run on the device runtime, in a process of its own, and what is
inside them is read. Every violation is collected and raised at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from converters.golden_inputs import golden_inputs
from converters.operators import OperatorInfo, read_operators, unknown_to
from converters.schemes import Scheme
from mnist_edge.data.mnist import Digits
from mnist_edge.errors import AccuracyLost, ConversionError, MnistEdgeError
from mnist_edge.metrics.confidence import count_correct, softmax
from mnist_edge.metrics.paired import compare
from mnist_edge.modelstore.manifest import Golden, Score, TensorSpec
from mnist_edge.runtimes.golden import TOLERANCE, encode_golden
from mnist_edge.runtimes.interpreter import quantize
from mnist_edge.runtimes.sandbox import SandboxRun, run_sandboxed
from mnist_edge.runtimes.selection import describe_runtime

MAX_DROP = 0.3
"""Percentage points of validation accuracy that a scheme may cost: six times what int8 costs a
sound model, and far less than a wrong zero point or a lost scale does."""
MIN_AGREEMENT = 0.95
"""Share of the digits that the Keras model is sure of, on which the converted one must give its
answer. Planted faults leave less; a network of two epochs still keeps 0.99."""
CONFIDENT = 0.9
"""Probability from which on the Keras model is sure of a digit."""
MAX_SATURATED = 0.05
"""Share of digits whose largest logit may be at the end of the integer range. The range was
measured on few calibration digits, and some validation digits lie beyond: up to 0.014 of them for
this project's recipes after two epochs."""
MIN_RANGE_USED = 0.25
"""Share of the integer range that the logits must use: a quarter of it costs two bits of eight. A
network that learnt nothing still uses 0.30."""


@dataclass(frozen=True, kw_only=True)
class Verification:
    """What the device runtime made of a converted model."""

    trial: SandboxRun
    """Its two ends, its logits of the validation digits, and the runtime that gave them."""
    score: Score
    """Of the converted model, on the validation digits."""
    drop: float
    """Percentage points of validation accuracy lost against the Keras model."""
    gate: str | None
    """Why it misses the accuracy gate, if it does."""
    golden: Golden
    """What it answers to a few inputs, for devices to compare."""


def verify_model(
    content: bytes,
    scheme: Scheme,
    *,
    unstripped: bytes,
    reference: NDArray[np.float32],
    validation: Digits,
    target: str,
    max_drop: float = MAX_DROP,
) -> Verification:
    """Runs a converted model over the validation digits and holds it against the Keras model.

    Args:
        content: the bytes of the ``.tflite`` file.
        scheme: what it was converted by.
        unstripped: the same model before its tensors lost their names, by which faults are told.
        reference: ``(n, 10)``, the Keras model's logits of the same digits.
        validation: the digits.
        target: the oldest runtime that must load it, one of ``operators.known_targets``.
        max_drop: percentage points of accuracy it may lose; what it loses beyond is the
            ``gate`` of the result, for the caller to act on.

    Raises:
        ConversionError: with every violation found, the accuracy lost among them.
    """
    operators = _with_names(read_operators(content), read_operators(unstripped))
    problems = [*unknown_to(target, operators), *_foreign_operators(operators, scheme)]
    inputs = golden_inputs(validation)
    try:
        # In one run, so that the golden vectors are of the very process that the proof is of.
        trial = run_sandboxed(
            content, np.concatenate([validation.images, inputs]), name=f"the {scheme.name} model"
        )
    except MnistEdgeError as error:
        problems.append(f"it does not run: {error}")
        raise _failed(scheme, target, problems) from error
    golden_logits = trial.logits[len(validation) :]
    trial = replace(trial, logits=trial.logits[: len(validation)])
    for end, spec in (("input", trial.input), ("output", trial.output)):
        if spec.dtype != scheme.io_dtype:
            problems.append(f"its {end} is {spec.dtype}, expected {scheme.io_dtype}")
    problems += _degenerate(trial.logits, trial.output)
    compared = compare(reference, trial.logits, validation.labels)
    sure = softmax(reference).max(axis=1) >= CONFIDENT
    agreement = _agreement(reference[sure], trial.logits[sure])
    if agreement < MIN_AGREEMENT:
        problems.append(
            f"it gives the Keras model's answer to {100 * agreement:.1f} % of the digits that "
            f"that is sure of, at least {100 * MIN_AGREEMENT:.0f} % expected"
        )
    gate = None
    if compared.drop > max_drop:
        gate = (
            f"it loses {compared.drop:.2f} points of validation accuracy, "
            f"at most {max_drop:.2f} allowed"
        )
    if problems:
        raise _failed(scheme, trial.runtime, [*problems, *([gate] if gate else [])])
    score = Score(
        correct=count_correct(trial.logits, validation.labels),
        total=len(validation),
        runtime=trial.runtime,
    )
    # The trial's logits are whole steps of the output, give or take a float32's rounding.
    golden = encode_golden(
        inputs,
        quantize(golden_logits, trial.output),
        runtime=trial.runtime,
        tolerance=TOLERANCE,
    )
    return Verification(trial=trial, score=score, drop=compared.drop, gate=gate, golden=golden)


def runtime_mismatch(target: str) -> str | None:
    """A warning where the runtime that verifies is not the one that is to ship.

    Args:
        target: one of ``operators.known_targets``.
    """
    installed = describe_runtime()
    if installed.replace(" ", "==") == target:
        return None
    return (
        f"files are run on {installed}, which may round otherwise than {target}; operators are "
        "held against the target's own"
    )


def missed_gate(verified: Verification, scheme: Scheme, tried: Sequence[str]) -> AccuracyLost:
    """The error for a sound model that misses the accuracy gate.

    Args:
        verified: what the check found.
        scheme: what was asked for.
        tried: what was tried to rescue it, with the outcome of each.
    """
    advice = f"tried {'; '.join(tried)}" if tried else "try --recover, or see why with --explain"
    return AccuracyLost(
        f"{scheme.name} missed the gate on {verified.trial.runtime}: {verified.gate}; {advice}; "
        "nothing was written (--keep writes it all the same)"
    )


def _failed(scheme: Scheme, where: str, problems: list[str]) -> ConversionError:
    return ConversionError(
        f"{scheme.name} failed verification on {where}: {'; '.join(problems)}; nothing was written"
    )


def _foreign_operators(operators: list[OperatorInfo], scheme: Scheme) -> list[str]:
    """Operators that no runtime brings, and float ones inside a file of integers."""
    problems = [
        f"{one.name} at {_layer(one)} is no builtin operator; build the layer of others"
        for one in operators
        if not one.builtin
    ]
    if scheme.integer:
        problems += [
            f"{one.name} at {_layer(one)} works in floats: TensorFlow has no {scheme.base} for it"
            for one in operators
            # Ends of another type are turned into integers and back.
            if one.name not in {"QUANTIZE", "DEQUANTIZE"}
            and "float32" in {*one.inputs, *one.outputs}
        ]
        inner = operators[1:-1]
        problems += [
            f"{one.name} at {_layer(one)} leaves the integers on the way"
            for one in inner
            if one.name == "DEQUANTIZE" and scheme.io_dtype != "float32"
        ]
    return problems


def _with_names(
    operators: list[OperatorInfo], unstripped: list[OperatorInfo]
) -> list[OperatorInfo]:
    """Operators of a file with the names that their tensors had."""
    pairs = zip(operators, unstripped, strict=True)
    return [replace(operator, tensor=other.tensor) for operator, other in pairs]


def _layer(operator: OperatorInfo) -> str:
    """The layer that an operator was made of: tensors are named for all they were fused from."""
    return repr(operator.tensor.split(";")[0])


def _degenerate(logits: NDArray[np.float32], output: TensorSpec) -> list[str]:
    """Outputs that no sound model gives."""
    if not np.isfinite(logits).all():
        return ["it gives logits that are not numbers"]
    if np.ptp(logits, axis=0).max() == 0:
        return ["it gives every digit the same logits"]
    if not output.scale:
        return []
    limits = np.iinfo(output.dtype)
    raw = np.rint(logits / output.scale).astype(np.int64) + output.zero_point
    problems = []
    saturated = float((raw.max(axis=1) >= limits.max).mean())
    if saturated > MAX_SATURATED:
        problems.append(
            f"its output is saturated: {100 * saturated:.1f} % of digits have their largest logit "
            f"at {limits.max}; calibrate on more digits (--calibration-images)"
        )
    # int16 is symmetric about zero: of logits that are all below it half the range is left out.
    steps = int(limits.max) - int(limits.min) if output.dtype != "int16" else int(limits.max)
    used = float(np.ptp(raw) / steps)
    if used < MIN_RANGE_USED:
        problems.append(
            f"its output uses {100 * used:.0f} % of the {output.dtype} range: calibration digits "
            "gave logits that others do not; try another --calibration-seed"
        )
    return problems


def _agreement(reference: NDArray[np.float32], logits: NDArray[np.float32]) -> float:
    """Share of equal answers; 1 where there is none to compare."""
    if not len(reference):
        return 1.0
    return float((reference.argmax(axis=1) == logits.argmax(axis=1)).mean())
