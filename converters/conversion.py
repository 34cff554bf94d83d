"""The conversion of a model from start to end: load, infer its scaling, convert, verify, save."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from converters import loader, metadata, tf_converter, verify, writer
from converters.accuracy_gate import DEFAULT_GATE, AccuracyGate
from converters.calibration_set import CalibrationSet, require_disjoint
from converters.compact import compact
from converters.dynamic_batch import with_any_batch
from converters.input_inference import infer_input
from converters.loader import TrainedModel
from converters.metadata import Metadata
from converters.operators import DEFAULT_TARGET
from converters.recovery import ConversionVariant, fallbacks
from converters.schemes import RGB, Scheme, float32
from converters.verify import Verification
from mnist_edge import DIGIT_SHAPE
from mnist_edge.data.idx import SHA256
from mnist_edge.data.mnist import Digits, Mnist
from mnist_edge.errors import ConversionError, InvalidManifest
from mnist_edge.metrics.classification import calibration_error
from mnist_edge.metrics.confidence import choose_threshold, count_correct, fit_temperature, softmax
from mnist_edge.modelstore.loading import read_manifest
from mnist_edge.modelstore.manifest import ModelManifest, OperatingPoints, Score
from mnist_edge.modelstore.origin import NetworkOrigin
from mnist_edge.runtimes import scaling_ranking
from mnist_edge.runtimes.input_scaling import RAW_PIXELS, InputScaling, find_input_scaling
from mnist_edge.runtimes.selection import reference_runtime, using_runtime
from mnist_edge.system.text import percent, signed
from mnist_edge.training.frameworks import package_versions


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """A loaded model with a known input scaling, ready to be converted by any scheme."""

    model: TrainedModel
    """The network and its origin."""
    scaling: InputScaling
    """How the network expects its pixels to be scaled."""
    mnist: Mnist
    """Calibration digits come from its train split, verification from its validation split."""
    reference: NDArray[np.float32]
    """``(n, 10)``, the model's own logits of the validation digits."""
    score: Score
    """The model's own score on the validation digits."""
    findings: tuple[str, ...]
    """What the user should know about the model, one line each."""

    @property
    def origin(self) -> NetworkOrigin:
        """The network, as the manifests of its files name it."""
        return NetworkOrigin(
            recipe=self.model.recipe,
            seed=self.model.seed,
            reading=self.scaling.name,
            score=self.score,
            weights_sha256=self.model.weights_sha256,
        )

    @cached_property
    def float32_size(self) -> int:
        """Size of the model's float32 file in bytes, for comparison with the others."""
        scheme, no_digits = float32(), np.zeros((0, *DIGIT_SHAPE), np.uint8)
        unstripped = tf_converter.to_tflite(self.model.network, self.scaling, scheme, no_digits)
        return len(finish(unstripped, recipe=self.model.recipe, scheme=scheme))


@dataclass(frozen=True, kw_only=True)
class Converted:
    """A converted model, verified and written."""

    path: Path
    """The ``.tflite`` file; its manifest is beside it."""
    content: bytes
    """The bytes of the file."""
    manifest: ModelManifest
    """The manifest beside the file."""
    ratio: float
    """Its size relative to the same model in float32."""
    drop: float
    """Loss of validation accuracy against the Keras model, in percentage points."""
    gate: str | None
    """Why it misses the accuracy gate, if it was kept although it does."""
    tried: tuple[str, ...]
    """The fallbacks that were tried, with their outcomes."""


def prepare(model_file: Path, mnist: Mnist, *, pixels: str | None = None) -> Prepared:
    """Load a model and infer its input scaling.

    Args:
        model_file: a Keras file or a SavedModel.
        mnist: its validation digits are used to try the scalings.
        pixels: name of the input scaling (default: inferred).

    Raises:
        ModelError: the file is not a digit model, or no single scaling reads digits.
        UnknownName: there is no such scaling.
    """
    requested = find_input_scaling(pixels) if pixels else None
    sample = mnist.validation.take(np.arange(scaling_ranking.SAMPLE_SIZE))
    model = loader.load_trained_model(model_file, sample.images)
    if requested or model.from_recipe:
        scaling, findings = requested or RAW_PIXELS, []
    else:
        inferred = infer_input(model, sample)
        scaling, findings = inferred.scaling, [*inferred.findings]
    reference = keras_logits(model, scaling, mnist.validation)
    score = Score(
        correct=count_correct(reference, mnist.validation.labels),
        total=len(mnist.validation),
        runtime=model.framework,
    )
    findings += [f"warning: {fault}" for fault in model.faults]
    if score.accuracy < scaling_ranking.GOOD_ACCURACY:
        findings.append(
            f"warning: the model reads {percent(score.accuracy, 1)} of the validation digits right"
            f"{_transposed_advice(model, scaling, sample)}"
        )
    return Prepared(
        model=model,
        scaling=scaling,
        mnist=mnist,
        reference=reference,
        score=score,
        findings=tuple(findings),
    )


def _transposed_advice(model: TrainedModel, scaling: InputScaling, sample: Digits) -> str:
    """Advise the transposed form of a requested scaling if the model reads more digits by it."""
    if scaling.transposed:
        return ""
    best = scaling_ranking.rank_orientations(
        model.network.run, sample, among=[scaling]
    ).best.scaling
    return f"; it reads more with --pixels {best.name}" if best.transposed else ""


def keras_logits(model: TrainedModel, scaling: InputScaling, digits: Digits) -> NDArray[np.float32]:
    """Compute a model's own logits of some digits, ``(n, 10)``."""
    return model.network.run(scaling.apply(digits.images))


@dataclass(frozen=True, kw_only=True)
class _Attempt:
    """A conversion that passed every check except, perhaps, the accuracy gate."""

    variant: ConversionVariant
    content: bytes
    verification: Verification


def requested_variant(
    prepared: Prepared, scheme: Scheme, calibration: CalibrationSet
) -> ConversionVariant:
    """Build the variant that the user requested, before any fallback."""
    return ConversionVariant(
        description="as requested",
        network=prepared.model.network,
        scheme=scheme,
        calibration=calibration,
    )


def convert_each(
    prepared: Prepared,
    folder: Path,
    schemes: Sequence[Scheme],
    *,
    calibration: CalibrationSet,
    target: str = DEFAULT_TARGET,
    gate: AccuracyGate = DEFAULT_GATE,
    recover: bool = False,
    keep: bool = False,
) -> Iterator[Converted | ConversionError]:
    """Convert a model by each scheme, continuing after one that fails.

    Args:
        prepared: the model.
        folder: where the files go.
        schemes: the schemes to convert by.
        calibration: the digits on which activation ranges are measured.
        target: the oldest runtime that must load the files.
        gate: maximum loss of validation accuracy.
        recover: whether to try fallbacks for a scheme that loses more.
        keep: whether to write a file that loses more.

    Yields:
        Each file as it is written, or the error that prevented it.

    Raises:
        NotWritable: the folder cannot be written.
    """
    for scheme in schemes:
        requested = requested_variant(prepared, scheme, calibration)
        try:
            yield convert(
                prepared,
                folder,
                requested,
                target=target,
                gate=gate,
                others=fallbacks(requested, prepared.mnist) if recover else (),
                keep=keep,
            )
        except ConversionError as error:
            yield error


def convert(
    prepared: Prepared,
    folder: Path,
    requested: ConversionVariant,
    *,
    target: str = DEFAULT_TARGET,
    gate: AccuracyGate = DEFAULT_GATE,
    others: Iterable[ConversionVariant] = (),
    keep: bool = False,
) -> Converted:
    """Convert a model by one scheme and write it once it has passed verification.

    Args:
        prepared: the model.
        folder: where the files go.
        requested: the variant to try first.
        target: the oldest runtime that must load the file.
        gate: maximum loss of validation accuracy.
        others: variants to try one after another while the loss is larger.
        keep: whether to write the best variant even if it loses more.

    Raises:
        NotWritable: the folder cannot be written.
        ConversionError: it does not convert or fails verification; nothing is written.
        AccuracyLost: it loses too much accuracy; nothing is written.
    """
    require_disjoint(requested.calibration, prepared.mnist)
    best, failure, tried = None, None, []
    for variant in itertools.chain([requested], others):
        try:
            attempt = _attempt(prepared, variant, target=target, gate=gate)
        except ConversionError as error:
            failure = failure or error
            outcome = "failed verification"
        else:
            outcome = f"{signed(attempt.verification.drop)} points"
            if best is None or attempt.verification.drop < best.verification.drop:
                best = attempt
        if variant is not requested:
            tried.append(f"{variant.description}: {outcome}")
        if best and not best.verification.gate:
            break
    if best is None:
        advice = f"; tried {'; '.join(tried)}" if tried else ""
        raise ConversionError(f"{failure}{advice}") from failure
    if best.verification.gate and not keep:
        raise verify.missed_gate(best.verification, requested.scheme, tried)
    return _save(prepared, best, folder, tuple(tried))


def _attempt(
    prepared: Prepared, variant: ConversionVariant, *, target: str, gate: AccuracyGate
) -> _Attempt:
    unstripped = tf_converter.to_tflite(
        variant.network, prepared.scaling, variant.scheme, variant.calibration.images
    )
    content = finish(unstripped, recipe=prepared.model.recipe, scheme=variant.scheme)
    with using_runtime(reference_runtime()):
        verification = verify.verify_conversion(
            content,
            variant.scheme,
            unstripped=unstripped,
            reference=prepared.reference,
            validation=prepared.mnist.validation,
            target=target,
            gate=gate,
        )
    return _Attempt(variant=variant, content=content, verification=verification)


def finish(unstripped: bytes, *, recipe: str, scheme: Scheme) -> bytes:
    """Finish a file for saving: free its batch size, strip it, and add its metadata.

    Args:
        unstripped: the bytes of a ``.tflite`` file as TensorFlow writes it.
        recipe: name of the recipe or the model.
        scheme: the scheme it was converted by.

    Returns:
        The bytes of the ``.tflite`` file.
    """
    description = Metadata(
        name=f"{recipe} {scheme.name}",
        description="Reads one handwritten digit, 0 to 9",
        input_description="White ink on black, as in MNIST; pixels 0..255",
        output_description="One logit a digit, before softmax",
        color_space="rgb" if scheme.color == RGB else "grayscale",
        input_range=_INPUT_RANGES[scheme.io_dtype],
    )
    return metadata.add_metadata(compact(with_any_batch(unstripped)), description)


_INPUT_RANGES: dict[str, tuple[float, float]] = {
    "float32": (0, 255),
    "uint8": (0, 255),
    "int8": (-128, 127),
    "int16": (0, 32767),
}
"""Minimum and maximum pixel value for each type of input."""


def _save(prepared: Prepared, attempt: _Attempt, folder: Path, tried: tuple[str, ...]) -> Converted:
    content, scheme, verification = attempt.content, attempt.variant.scheme, attempt.verification
    logits, labels = verification.run.logits, prepared.mnist.validation.labels
    temperature = fit_temperature(logits, labels)
    probabilities = softmax(logits, temperature=temperature)
    path = folder / f"{scheme.name}.tflite"
    sha256 = hashlib.sha256(content).hexdigest()
    # What was measured elsewhere holds for the same bytes.
    replaced = _replaced_manifest(path, sha256)
    min_confidence = choose_threshold(
        probabilities.max(axis=1), probabilities.argmax(axis=1) == labels
    )
    manifest = ModelManifest(
        file=path.name,
        sha256=sha256,
        size=len(content),
        scheme=scheme.name,
        input=verification.run.input,
        output=verification.run.output,
        recipe=prepared.model.recipe,
        seed=prepared.model.seed,
        weights_sha256=prepared.model.weights_sha256,
        lineage=prepared.model.lineage,
        reading=prepared.scaling.name,
        data_sha256=SHA256,
        calibration=attempt.variant.calibration.record if scheme.calibrated else None,
        toolchain=package_versions(),
        validation_float=prepared.score,
        validation=verification.score,
        test=replaced.test if replaced else None,
        oldest_runtime=verification.run.runtime,
        temperature=temperature,
        min_confidence=min_confidence,
        operating_points=(replaced and replaced.operating_points)
        or _taught_points(prepared.model.parent_points, min_confidence),
        calibration_error=calibration_error(probabilities, labels),
        golden=verification.golden,
    )
    return Converted(
        path=writer.write_model(folder, content, manifest),
        content=content,
        manifest=manifest,
        ratio=len(content) / prepared.float32_size,
        drop=verification.drop,
        gate=verification.gate,
        tried=tried,
    )


def _taught_points(parent: OperatingPoints | None, balanced: float) -> OperatingPoints | None:
    """Derive the operating points of a fine-tuned model, if the model that it was has some.

    ``balanced`` is chosen on the validation digits, as for that model. ``careful`` is inherited: it
    was chosen on hard pictures, and both models' probabilities are calibrated on the same digits,
    so that they mean the same.
    """
    if parent is None:
        return None
    return OperatingPoints(balanced=balanced, careful=max(balanced, parent.careful))


def _replaced_manifest(path: Path, sha256: str) -> ModelManifest | None:
    """Return the manifest of the file that is replaced, if it has the same bytes."""
    try:
        manifest = read_manifest(path)
    except InvalidManifest:
        return None
    return manifest if manifest and manifest.sha256 == sha256 else None
