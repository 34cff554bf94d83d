"""Loading the Keras model to convert, and holding it against what a digit model must be."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mnist_edge.errors import InvalidModel, ModelNotFound, UnsuitableModel
from mnist_edge.interpreter import CLASSES, PIXELS
from mnist_edge.training.backend import import_keras
from mnist_edge.training.trainer import MODEL_FILE, RECORD_FILE

if TYPE_CHECKING:
    import keras


@dataclass(frozen=True, kw_only=True)
class Source:
    """A Keras model with what is known of its making."""

    path: Path
    """The Keras file."""
    model: keras.Model
    """Loaded, not compiled."""
    recipe: str
    """The recipe in ``training.json`` beside it, else the file's own name."""
    seed: int | None
    """The training seed, if known."""


def find_keras_file(model: Path) -> Path:
    """The Keras file itself, or the one in a model folder.

    Raises:
        ModelNotFound: there is none.
    """
    path = model / MODEL_FILE if model.is_dir() else model
    if not path.is_file():
        raise ModelNotFound(
            f"no Keras model at {path}; make one with: mnist-edge train --recipe nano, "
            "then: mnist-edge convert runs/nano"
        )
    return path


def load_source(path: Path) -> Source:
    """Loads and checks a Keras model.

    Raises:
        InvalidModel: the file is not one that Keras can load.
        UnsuitableModel: it takes no digit, or gives no ten outputs.
        MissingDependency: the workstation extra is not installed.
    """
    keras = import_keras()
    try:
        model = keras.models.load_model(path, compile=False)
    # Keras raises what the format's reader happened to raise.
    except Exception as error:
        raise InvalidModel(
            f"{path} is not a Keras model that Keras {keras.__version__} can load "
            f"({' '.join(str(error).split())[:200]}); save it again with model.save"
        ) from error
    _require_digit_model(model, path)
    recipe, seed = _origin(path)
    return Source(path=path, model=model, recipe=recipe, seed=seed)


def _require_digit_model(model: keras.Model, path: Path) -> None:
    """Collects every way in which the model is not one of digits, and raises once."""
    problems = []
    taken, given = model.input_shape, model.output_shape
    if isinstance(taken, list) or isinstance(given, list):
        problems.append("it has several inputs or outputs, expected one of each")
    else:
        if None in taken[1:] or math.prod(taken[1:]) != math.prod(PIXELS):
            problems.append(f"it takes {taken[1:]}, expected (28, 28), (28, 28, 1) or (784,)")
        if tuple(given[1:]) != (CLASSES,):
            problems.append(f"it gives {given[1:]}, expected ten logits, one a digit")
    if problems:
        raise UnsuitableModel(f"{path} is not a digit model: {'; '.join(problems)}")


def _origin(path: Path) -> tuple[str, int | None]:
    try:
        settings = json.loads((path.parent / RECORD_FILE).read_text(encoding="utf-8"))["settings"]
        return str(settings["name"]), int(settings["seed"])
    except (OSError, ValueError, KeyError, TypeError):
        return path.name, None
