"""Open a ``.tflite`` that has no manifest: infer its input scaling, and warn the user."""

from __future__ import annotations

from mnist_edge.modelstore.loading import StoredModel
from mnist_edge.runtimes import scaling_ranking
from mnist_edge.runtimes.input_scaling import INPUT_SCALINGS, find_input_scaling
from mnist_edge.runtimes.interpreter import Interpreter
from mnist_edge.runtimes.sandbox import open_model
from mnist_edge.runtimes.scaling_ranking import ScalingRanking


def rank_supported_scalings(interpreter: Interpreter) -> ScalingRanking:
    """Try a model with every input scaling that its input tensor can hold, upright or transposed.

    The digits are MNIST's, if they are at hand, and otherwise the hundred that come with the
    package.

    Raises:
        DataError: the digits at hand are damaged.
    """
    from mnist_edge.data.builtin_digits import load_builtin_digits
    from mnist_edge.data.mnist import load_local_digits

    digits = load_local_digits(scaling_ranking.SAMPLE_SIZE) or load_builtin_digits()
    supported = [scaling for scaling in INPUT_SCALINGS.values() if interpreter.supports(scaling)]
    return scaling_ranking.rank_orientations(interpreter.logits_of_scaled, digits, among=supported)


def open_unverified(
    model: StoredModel, *, pixels: str | None, threads: int = 1
) -> tuple[Interpreter, str]:
    """Open an interpreter for a model without a manifest.

    Args:
        model: has no manifest.
        pixels: the name of its input scaling; None to infer it.
        threads: as for ``Interpreter``.

    Returns:
        The interpreter, and a warning for the user.

    Raises:
        UnknownName: there is no such input scaling.
        UnsuitableModel: not a digit model, or one that reads digits with no scaling, or about
            equally well with several.
        InvalidModel: the runtime cannot load it, or crashes on it.
        DataError: the digits at hand are damaged.
    """
    requested = None if pixels is None else find_input_scaling(pixels)
    raw = open_model(model, threads=threads)
    if requested is not None:
        scaling, reason = requested, f"taking {requested.name} as requested"
    else:
        ranking = rank_supported_scalings(raw)
        scaling = scaling_ranking.choose_scaling(ranking, name=str(model.path))
        reason = f"{ranking.summary()}: taking {scaling.name}; override with --pixels"
        if not raw.has_probabilities and (doubt := ranking.rival_warning()):
            reason = f"{reason}; {doubt}"
    interpreter = Interpreter(model.content, scaling=scaling, threads=threads)
    if interpreter.signature is not None:
        reason = f"{reason}; it reads digits by its signature {interpreter.signature!r}"
    return interpreter, f"{model.path} has no manifest to verify it: {reason}"
