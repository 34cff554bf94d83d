"""One conversion from start to end: check the target, load, convert, verify, save."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from converters import artifact, calibration, source, tflite, verify
from converters.schemes import Scheme, float32
from mnist_edge.dataset import Mnist
from mnist_edge.evaluation import count_correct
from mnist_edge.files import require_writable
from mnist_edge.idx import SHA256
from mnist_edge.manifest import ModelManifest, Score
from mnist_edge.training.backend import versions
from mnist_edge.training.trainer import evaluate


@dataclass(frozen=True, kw_only=True)
class Converted:
    """A converted model, verified and written."""

    path: Path
    """The ``.tflite`` file; its manifest is beside it."""
    manifest: ModelManifest
    """What it promises."""
    ratio: float
    """Its size over that of the same model in float32."""
    drop: float
    """Percentage points of validation accuracy lost against the Keras model."""


def convert(
    keras_file: Path,
    folder: Path,
    schemes: Sequence[Scheme],
    mnist: Mnist,
    *,
    calibration_count: int = calibration.DEFAULT_COUNT,
    calibration_seed: int = calibration.DEFAULT_SEED,
    max_drop: float = verify.MAX_DROP,
) -> Iterator[Converted]:
    """Converts a Keras model by each scheme, yielding each as it is written.

    Args:
        keras_file: the model.
        folder: where the files go.
        schemes: which to make.
        mnist: calibration comes from its train split, verification from its validation split.
        calibration_count: digits to calibrate on.
        calibration_seed: seed of their draw.
        max_drop: percentage points of validation accuracy a scheme may cost.

    Raises:
        NotWritable: the folder cannot be written.
        ModelError: the Keras file is no digit model.
        ConversionError: a scheme does not convert or does not pass verification; it and those
            after it are not written.
        InvalidValue: a calibration setting is outside its range.
    """
    require_writable(folder)
    calibrated_on = calibration.draw(mnist, count=calibration_count, seed=calibration_seed)
    origin = source.load_source(keras_file)
    reference = evaluate(origin.model, mnist.validation)
    score = Score(
        correct=count_correct(reference, mnist.validation.labels),
        total=len(mnist.validation),
        runtime=f"keras {versions()['keras']}",
    )
    unquantized = tflite.to_tflite(origin.model, float32(), calibrated_on.images)
    for scheme in schemes:
        content = (
            unquantized
            if scheme.name == "float32"
            else tflite.to_tflite(origin.model, scheme, calibrated_on.images)
        )
        verified = verify.verify(
            content,
            scheme,
            reference=reference,
            validation=mnist.validation,
            max_drop=max_drop,
        )
        manifest = ModelManifest(
            file=f"{scheme.name}.tflite",
            sha256=artifact.sha256(content),
            size=len(content),
            scheme=scheme.name,
            input=verified.trial.input,
            output=verified.trial.output,
            recipe=origin.recipe,
            seed=origin.seed,
            data_sha256=SHA256,
            calibration=calibrated_on.record if scheme.calibrated else None,
            toolchain=versions(),
            validation_float=score,
            validation=verified.score,
            oldest_runtime=verified.trial.runtime,
        )
        yield Converted(
            path=artifact.save(folder, content, manifest),
            manifest=manifest,
            ratio=len(content) / len(unquantized),
            drop=verified.drop,
        )
