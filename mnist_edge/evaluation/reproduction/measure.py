"""Train each system and measure it, in float and int8.

Accuracies are measured on the device runtime, except for those during training, which Keras
computes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from converters import loader, schemes, tf_converter
from converters.calibration_set import draw_calibration_set
from converters.frozen_graph import Network
from mnist_edge.data.mnist import Digits, Mnist, load_mnist
from mnist_edge.evaluation.reproduction.systems import System
from mnist_edge.metrics.confidence import count_correct
from mnist_edge.runtimes.input_scaling import RAW_PIXELS
from mnist_edge.runtimes.sandbox import run_sandboxed
from mnist_edge.training import trainer, training_record
from mnist_edge.training.recipes import find_recipe


@dataclass(frozen=True, kw_only=True)
class ReproductionRow:
    """The results of one system."""

    system: System
    """The system of the article."""
    training: float
    """Float accuracy of the final weights on the 55,000 training digits, in percent."""
    validation: float
    """Float accuracy of the final weights on the validation digits, in percent."""
    test_float: float
    """Float accuracy on the test digits, in percent."""
    test_int8: float
    """int8 accuracy on the test digits, in percent."""
    validations: tuple[tuple[int, float], ...]
    """Step and accuracy in percent of each validation during training."""
    seconds: float
    """Training time in seconds."""


def reproduce(
    systems: Sequence[System], data: Path, folder: Path, *, listener: trainer.TrainingListener
) -> Iterator[ReproductionRow]:
    """Train each system, unless its run is finished, and measure it.

    Args:
        systems: the systems to reproduce.
        data: an ``.npz`` or a folder of IDX files, as from ``locate_mnist``.
        folder: contains a folder for each system's run.
        listener: receives the progress of training.

    Raises:
        MnistEdgeError: training or conversion failed.
    """
    for system in systems:
        recipe = find_recipe(system.recipe)
        mnist = load_mnist(data, choose_validation=system.choose_validation)
        run = folder / recipe.name
        if not training_record.is_finished(run, recipe):
            trainer.train(recipe, mnist, run, resume=True, listener=listener)
        yield _measure_system(system, run, mnist)


def is_trained(system: System, folder: Path) -> bool:
    """Return whether the training of a system in this folder is finished."""
    recipe = find_recipe(system.recipe)
    return training_record.is_finished(folder / recipe.name, recipe)


def _measure_system(system: System, run: Path, mnist: Mnist) -> ReproductionRow:
    origin = loader.load_trained_model(
        run / training_record.MODEL_FILE, mnist.validation.images[:1]
    )
    record = training_record.read_training_record(run)
    images = draw_calibration_set(mnist).images
    splits = (mnist.train, mnist.validation, mnist.test)
    reference = _device_logits(origin.network, schemes.float32(), images, splits)
    quantized = _device_logits(origin.network, schemes.int8(), images, (mnist.test,))
    training, validation, test = (
        _accuracy_percent(logits, split) for logits, split in zip(reference, splits, strict=True)
    )
    return ReproductionRow(
        system=system,
        training=training,
        validation=validation,
        test_float=test,
        test_int8=_accuracy_percent(quantized[0], mnist.test),
        validations=tuple(
            (int(entry["step"]), 100 * entry["val_accuracy"]) for entry in record.rounds
        ),
        seconds=record.seconds,
    )


def _device_logits(
    network: Network, scheme: schemes.Scheme, images: NDArray[np.uint8], splits: Sequence[Digits]
) -> list[NDArray[np.float32]]:
    """Convert a network and return its logits for each split on the device runtime."""
    content = tf_converter.to_tflite(network, RAW_PIXELS, scheme, images)
    pixels = np.concatenate([split.images for split in splits])
    logits = run_sandboxed(content, pixels, name=scheme.name).logits
    return np.split(logits, np.cumsum([len(split) for split in splits])[:-1])


def _accuracy_percent(logits: NDArray[np.float32], digits: Digits) -> float:
    return 100 * count_correct(logits, digits.labels) / len(digits)
