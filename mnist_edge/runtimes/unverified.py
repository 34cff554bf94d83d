"""A ``.tflite`` that this project did not make: what its input means, and a word of warning."""

from __future__ import annotations

from mnist_edge.modelstore.loading import StoredModel
from mnist_edge.runtimes import input_scaling
from mnist_edge.runtimes.input_scaling import INPUT_SCALINGS, RAW_PIXELS, ScalingRanking
from mnist_edge.runtimes.interpreter import Interpreter
from mnist_edge.runtimes.sandbox import open_model


def rank_supported_scalings(interpreter: Interpreter) -> ScalingRanking | None:
    """Tries a model under every reading that its input has room for.

    A quantized input was ranged by what the model was trained on: a reading that is clipped by it
    is not the model's own, and what is left of its contrast might win all the same.

    Returns:
        None where no labelled digits are at hand to try it on.

    Raises:
        DataError: the digits at hand are damaged.
    """
    from mnist_edge.data.mnist import load_local_digits

    digits = load_local_digits(input_scaling.SAMPLE_SIZE)
    if digits is None:
        return None
    held = [reading for reading in INPUT_SCALINGS.values() if interpreter.supports(reading)]
    return input_scaling.rank_scalings(interpreter.run, digits, among=held)


def open_unverified(
    model: StoredModel, *, pixels: str | None, threads: int = 1
) -> tuple[Interpreter, str]:
    """An interpreter for a model without a manifest, and what to tell the user of it.

    Args:
        model: without a manifest.
        pixels: the name of what its input means, where the user says it; found by trying else.
        threads: as ``Interpreter`` has it.

    Raises:
        UnknownName: there is no such reading.
        UnsuitableModel: no digit model, or one that reads digits under no reading, or under two
            about as well.
        InvalidModel: the runtime cannot load it, or crashes on it.
        DataError: the digits at hand are damaged.
    """
    told = None if pixels is None else input_scaling.find_input_scaling(pixels)
    raw = open_model(model, threads=threads)
    judgement = rank_supported_scalings(raw) if told is None else None
    if told is not None:
        reading, found = told, f"taking {told.name} as told"
    elif judgement is None:
        reading = RAW_PIXELS
        found = (
            f"no MNIST is at hand to try it on: taking {RAW_PIXELS.name}; say otherwise with "
            "--pixels, or name MNIST by MNIST_EDGE_DATA"
        )
    else:
        reading = input_scaling.choose_scaling(judgement, name=str(model.path))
        found = f"{judgement.summary()}: taking {reading.name}; override with --pixels"
    opened = Interpreter(model.content, reading=reading, threads=threads)
    return opened, f"nothing vouches for {model.path}: {found}"
