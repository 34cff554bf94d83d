"""One conversion from start to end: load, find the reading, convert, verify, save."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from converters import calibration_set, loader, metadata, tf_converter, verify, writer
from converters.calibration_set import CalibrationSet
from converters.compact import slim
from converters.dynamic_batch import with_any_batch
from converters.loader import Source
from converters.metadata import Metadata
from converters.operators import DEFAULT_TARGET
from converters.recovery import Way, alternatives
from converters.schemes import RGB, Scheme, float32
from converters.verify import Verified
from mnist_edge import DIGIT_SHAPE
from mnist_edge.data.idx import SHA256
from mnist_edge.data.mnist import Digits, Mnist
from mnist_edge.errors import ConversionError, UnsuitableModel
from mnist_edge.metrics.classification import calibration_error
from mnist_edge.metrics.confidence import choose_threshold, count_correct, fit_temperature, softmax
from mnist_edge.modelstore.manifest import ModelManifest, Score
from mnist_edge.runtimes import input_scaling
from mnist_edge.runtimes.input_scaling import GOOD_ACCURACY, RAW_PIXELS, InputScaling
from mnist_edge.training.frameworks import versions


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """A model that was loaded and understood, and is ready to be converted by any scheme."""

    origin: Source
    """The network, and where it came from."""
    reading: InputScaling
    """What it takes its input to mean."""
    mnist: Mnist
    """Calibration comes from its train split, verification from its validation split."""
    reference: NDArray[np.float32]
    """``(n, 10)``, its own logits of the validation digits."""
    score: Score
    """Its own, on the validation digits."""
    findings: tuple[str, ...]
    """What was found that a user should know, a line each."""

    @cached_property
    def float32_size(self) -> int:
        """Bytes of its file in float32, which the others are compared with."""
        scheme, no_digits = float32(), np.zeros((0, *DIGIT_SHAPE), np.uint8)
        named = tf_converter.to_tflite(self.origin.network, self.reading, scheme, no_digits)
        return len(_finished(named, self.origin.recipe, scheme))


@dataclass(frozen=True, kw_only=True)
class Converted:
    """A converted model, verified and written."""

    path: Path
    """The ``.tflite`` file; its manifest is beside it."""
    content: bytes
    """Its bytes."""
    manifest: ModelManifest
    """What it promises."""
    ratio: float
    """Its size over that of the same model in float32."""
    drop: float
    """Percentage points of validation accuracy lost against the Keras model."""
    gate: str | None
    """Why it misses the accuracy gate, if it does and was kept all the same."""
    tried: tuple[str, ...]
    """What was tried to rescue it."""


def prepare(model_file: Path, mnist: Mnist, *, pixels: str | None = None) -> Prepared:
    """Loads a model and finds out what it takes its input to mean.

    Args:
        model_file: a Keras file or a SavedModel.
        mnist: the validation digits are what it is tried on.
        pixels: name of the reading, where the user says it; found out otherwise.

    Raises:
        ModelError: the file is no digit model, or reads digits under no one reading.
        UnknownName: there is no such reading.
    """
    told = input_scaling.find_input_scaling(pixels) if pixels else None
    sample = mnist.validation.take(np.arange(input_scaling.SAMPLE_SIZE))
    origin = loader.load_source(model_file, sample.images)
    if told or origin.ours:
        reading, found = told or RAW_PIXELS, []
    else:
        judgement = input_scaling.rank_scalings(origin.network.run, sample)
        try:
            reading = input_scaling.choose_scaling(judgement, name=str(model_file))
        except UnsuitableModel as error:
            # How it was trained may be why it reads nothing.
            raise UnsuitableModel("; ".join([str(error), *origin.faults])) from error
        found = [f"{judgement.summary()}: taking {reading.name}; override with --pixels"]
    reference = keras_logits(origin, reading, mnist.validation)
    score = Score(
        correct=count_correct(reference, mnist.validation.labels),
        total=len(mnist.validation),
        runtime=origin.framework,
    )
    found += [f"warning: {fault}" for fault in origin.faults]
    if score.accuracy < GOOD_ACCURACY:
        found.append(
            f"warning: the model reads {100 * score.accuracy:.1f} % of the validation digits right"
        )
    return Prepared(
        origin=origin,
        reading=reading,
        mnist=mnist,
        reference=reference,
        score=score,
        findings=tuple(found),
    )


def keras_logits(origin: Source, reading: InputScaling, digits: Digits) -> NDArray[np.float32]:
    """A model's own logits of some digits, ``(n, 10)``."""
    return origin.network.run(reading.apply(digits.images))


@dataclass(frozen=True, kw_only=True)
class _Attempt:
    """A conversion that passed every check but, it may be, the accuracy gate."""

    way: Way
    content: bytes
    verified: Verified


def as_asked(prepared: Prepared, scheme: Scheme, calibrated_on: CalibrationSet) -> Way:
    """The way to convert that a user asks for, before anything else is tried."""
    return Way(
        description="as asked",
        network=prepared.origin.network,
        scheme=scheme,
        calibrated_on=calibrated_on,
    )


def convert_each(
    prepared: Prepared,
    folder: Path,
    schemes: Sequence[Scheme],
    *,
    calibrated_on: CalibrationSet,
    target: str = DEFAULT_TARGET,
    max_drop: float = verify.MAX_DROP,
    rescue: bool = False,
    keep: bool = False,
) -> Iterator[Converted | ConversionError]:
    """Converts a model by each scheme, going on past one that fails.

    Args:
        prepared: the model.
        folder: where the files go.
        schemes: which to make.
        calibrated_on: the digits that activation ranges are measured on.
        target: the oldest runtime that must load the files.
        max_drop: percentage points of validation accuracy a scheme may cost.
        rescue: whether to try other ways where it costs more.
        keep: whether to write it even if it costs more.

    Yields:
        Each file as it is written, or why there is none.

    Raises:
        NotWritable: the folder cannot be written.
    """
    for scheme in schemes:
        asked = as_asked(prepared, scheme, calibrated_on)
        others = alternatives(asked, prepared.mnist) if rescue else ()
        try:
            yield convert(
                prepared,
                folder,
                asked,
                target=target,
                max_drop=max_drop,
                others=others,
                keep=keep,
            )
        except ConversionError as error:
            yield error


def convert(
    prepared: Prepared,
    folder: Path,
    asked: Way,
    *,
    target: str = DEFAULT_TARGET,
    max_drop: float = verify.MAX_DROP,
    others: Iterable[Way] = (),
    keep: bool = False,
) -> Converted:
    """Converts a model by one scheme, and writes it once it has passed verification.

    Args:
        prepared: the model.
        folder: where the files go.
        asked: how.
        target: the oldest runtime that must load the file.
        max_drop: percentage points of validation accuracy it may cost.
        others: what to try, one after another, where it costs more.
        keep: whether to write it even so.

    Raises:
        NotWritable: the folder cannot be written.
        ConversionError: it does not convert or does not pass verification; nothing is written.
        AccuracyLost: it costs too much; nothing is written.
    """
    calibration_set.require_apart(asked.calibrated_on, prepared.mnist)
    best, failure, tried = None, None, []
    for alternative in itertools.chain([asked], others):
        try:
            attempt = _attempt(prepared, alternative, target=target, max_drop=max_drop)
        except ConversionError as error:
            failure = failure or error
            outcome = "failed verification"
        else:
            outcome = f"{attempt.verified.drop:+.2f} points"
            if best is None or attempt.verified.drop < best.verified.drop:
                best = attempt
        if alternative is not asked:
            tried.append(f"{alternative.description}: {outcome}")
        if best and not best.verified.gate:
            break
    if best is None:
        advice = f"; tried {'; '.join(tried)}" if tried else ""
        raise ConversionError(f"{failure}{advice}") from failure
    if best.verified.gate and not keep:
        raise verify.missed_gate(best.verified, asked.scheme, tried)
    return _save(prepared, best, folder, tuple(tried))


def _attempt(prepared: Prepared, way: Way, *, target: str, max_drop: float) -> _Attempt:
    named = _named(prepared, way)
    content = _finished(named, prepared.origin.recipe, way.scheme)
    verified = verify.verify(
        content,
        way.scheme,
        named=named,
        reference=prepared.reference,
        validation=prepared.mnist.validation,
        target=target,
        max_drop=max_drop,
    )
    return _Attempt(way=way, content=content, verified=verified)


def to_file(prepared: Prepared, way: Way) -> bytes:
    """The bytes of a ``.tflite`` file as it is saved, not verified.

    Raises:
        ConversionError: TensorFlow cannot convert the model.
    """
    return _finished(_named(prepared, way), prepared.origin.recipe, way.scheme)


def _named(prepared: Prepared, way: Way) -> bytes:
    """A model as TensorFlow gives it, whose tensors have the names of their layers."""
    return tf_converter.to_tflite(
        way.network, prepared.reading, way.scheme, way.calibrated_on.images
    )


def _finished(named: bytes, recipe: str, scheme: Scheme) -> bytes:
    """The bytes of a file: such a model for any batch, made slim, with its metadata."""
    return metadata.add_metadata(slim(with_any_batch(named)), _describe(recipe, scheme))


def _describe(recipe: str, scheme: Scheme) -> Metadata:
    return Metadata(
        name=f"{recipe} {scheme.name}",
        description="Reads one handwritten digit, 0 to 9",
        input_description="White ink on black, as in MNIST; pixels 0..255",
        output_description="One logit a digit, before softmax",
        colour_space="rgb" if scheme.colour == RGB else "grayscale",
        input_range=_INPUT_RANGES[scheme.io_dtype],
    )


_INPUT_RANGES: dict[str, tuple[float, float]] = {
    "float32": (0, 255),
    "uint8": (0, 255),
    "int8": (-128, 127),
    "int16": (0, 32767),
}
"""Least and greatest pixel in each type that an input may have."""


def _save(prepared: Prepared, attempt: _Attempt, folder: Path, tried: tuple[str, ...]) -> Converted:
    content, scheme, verified = attempt.content, attempt.way.scheme, attempt.verified
    calibrated_on = attempt.way.calibrated_on
    logits, labels = verified.trial.logits, prepared.mnist.validation.labels
    temperature = fit_temperature(logits, labels)
    probabilities = softmax(logits, temperature=temperature)
    manifest = ModelManifest(
        file=f"{scheme.name}.tflite",
        sha256=writer.sha256(content),
        size=len(content),
        scheme=scheme.name,
        input=verified.trial.input,
        output=verified.trial.output,
        recipe=prepared.origin.recipe,
        seed=prepared.origin.seed,
        reading=prepared.reading.name,
        data_sha256=SHA256,
        calibration=calibrated_on.record if scheme.calibrated else None,
        toolchain=versions(),
        validation_float=prepared.score,
        validation=verified.score,
        oldest_runtime=verified.trial.runtime,
        temperature=temperature,
        min_confidence=choose_threshold(
            probabilities.max(axis=1), probabilities.argmax(axis=1) == labels
        ),
        calibration_error=calibration_error(probabilities, labels),
        golden=verified.golden,
    )
    return Converted(
        path=writer.save(folder, content, manifest),
        content=content,
        manifest=manifest,
        ratio=len(content) / prepared.float32_size,
        drop=verified.drop,
        gate=verified.gate,
        tried=tried,
    )
