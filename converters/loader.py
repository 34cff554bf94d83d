"""Load the model to convert, up to its logits, from any file that Keras has ever written."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from converters import formats, frozen_graph
from converters.frozen_graph import Network
from converters.keras_functions import load_function
from mnist_edge.errors import ModelNotFound
from mnist_edge.modelstore.manifest import Lineage, OperatingPoints
from mnist_edge.modelstore.origin import weights_sha256
from mnist_edge.system.files import read_regular_file
from mnist_edge.training.recipes import RECIPES
from mnist_edge.training.training_record import MODEL_FILE, RECORD_FILE


@dataclass(frozen=True, kw_only=True)
class TrainedModel:
    """A trained network ready to be converted, with its origin."""

    path: Path
    """The model file, or the folder of a SavedModel."""
    network: Network
    """The network up to its logits, for any batch size."""
    framework: str
    """The framework that loaded it, with its version."""
    recipe: str
    """The recipe in ``training.json`` beside it; otherwise the name of the file."""
    seed: int | None
    """The training seed, if known."""
    weights_sha256: str
    """Hash of the weights in the file."""
    from_recipe: bool
    """Whether it was trained by a recipe of this project, and so takes raw pixels."""
    lineage: Lineage | None
    """Where it comes from, if it was fine-tuned with a user's pictures."""
    parent_points: OperatingPoints | None
    """The operating points of the model that it was fine-tuned from."""
    outputs: Literal["logits", "values", "unknown"]
    """What its outputs were trained as: ``values`` by a squared error or the like."""
    faults: tuple[str, ...]
    """Faults of its architecture or training that do not prevent conversion."""


def find_model_file(model: Path) -> Path:
    """Return the Keras file itself, the SavedModel, or the Keras file in a model folder.

    Raises:
        ModelNotFound: there is none.
    """
    if model.is_dir() and not (model / MODEL_FILE).is_file() and _is_saved_model(model):
        return model
    path = model / MODEL_FILE if model.is_dir() else model
    if not path.is_file():
        raise ModelNotFound(
            f"no Keras model at {path}; make one with: mnist-edge train --recipe nano, "
            "then: mnist-edge convert runs/nano"
        )
    return path


def default_output_folder(model_file: Path) -> Path:
    """Return where the files of a model go: its own folder, or one named after the file.

    Args:
        model_file: from ``find_model_file``. A SavedModel and the Keras file of a model folder have
            a folder of their own; beside any other file, files of other models may lie.
    """
    if model_file.is_dir():
        return model_file
    if model_file.name == MODEL_FILE:
        return model_file.parent
    return model_file.with_name(
        model_file.stem if model_file.suffix else f"{model_file.name}-tflite"
    )


def _is_saved_model(folder: Path) -> bool:
    return any(folder.glob("saved_model.pb*"))


def load_trained_model(path: Path, digits: NDArray[np.uint8]) -> TrainedModel:
    """Load and check a model.

    Args:
        path: a ``.keras`` or ``.h5`` file of any Keras, whatever its name, or the folder of a
            SavedModel.
        digits: ``(n, 28, 28)``, a few digits to run it on.

    Raises:
        InvalidModel: Keras cannot load the file.
        UnsuitableModel: its input is not a digit, its output is not ten answers, or it contains
            its author's code.
        MissingDependency: the workstation extra is not installed.
    """
    file = formats.identify(path)
    concrete, framework = load_function(file)
    whole = frozen_graph.freeze(concrete, name=str(path))
    network, cut = frozen_graph.cut_softmax(whole)
    network = frozen_graph.free_batch(network, digits.astype(np.float32), name=str(path))
    recipe, seed, lineage, parent_points = _origin(path)
    return TrainedModel(
        path=path,
        network=network,
        framework=framework,
        recipe=recipe,
        seed=seed,
        weights_sha256=weights_sha256(path),
        from_recipe=recipe in RECIPES or lineage is not None,
        lineage=lineage,
        parent_points=parent_points,
        outputs=_outputs(cut, file.loss),
        faults=_faults(cut, formats.loss_takes_logits(file.loss)),
    )


def _outputs(cut: tuple[str, ...], loss: Any) -> Literal["logits", "values", "unknown"]:
    if cut or formats.loss_takes_logits(loss) is not None:
        return "logits"
    return "values" if formats.is_squared_error(loss) else "unknown"


def _faults(cut: tuple[str, ...], loss_takes_logits: bool | None) -> tuple[str, ...]:
    faults = []
    if len(cut) > 1:
        faults.append(
            f"softmax twice: the network ends in {' after '.join(cut)}; all are removed, train it "
            "again with at most one"
        )
    if cut and cut[0] != "log_softmax" and loss_takes_logits:
        faults.append(
            f"softmax twice: the network ends in a {cut[0]}, and was compiled with a loss with "
            "from_logits=True, which applies another; train it again with only one of the two"
        )
    if not cut and loss_takes_logits is False:
        faults.append(
            "no softmax: the network ends in logits, but was compiled with a loss that takes "
            "probabilities; train it again with from_logits=True"
        )
    return tuple(faults)


def _origin(path: Path) -> tuple[str, int | None, Lineage | None, OperatingPoints | None]:
    """Return the recipe, the seed, and of a fine-tuned model the lineage and the parent's points.

    They are in the record beside a model, if there is one.
    """
    if path.name != MODEL_FILE:
        return path.name, None, None, None
    try:
        record = json.loads(read_regular_file(path.parent / RECORD_FILE))
        settings, lineage = record["settings"], record.get("lineage")
        points = record.get("parent_points")
        return (
            str(settings["name"]),
            int(settings["seed"]),
            None if lineage is None else Lineage(**lineage),
            None if points is None else OperatingPoints(**points),
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return path.name, None, None, None
