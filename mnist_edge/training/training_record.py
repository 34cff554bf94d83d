"""The record of a training run, ``training.json``, and the names of its other files."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from mnist_edge.modelstore import origin
from mnist_edge.system.files import read_regular_file
from mnist_edge.training.recipes import Recipe

MODEL_FILE = origin.MODEL_FILE
RECORD_FILE = "training.json"
CURVES_FILE = "curves.png"

_FIELDS = {"outlier_ratio": "nondigits", "distillation": "teaching"}
"""Fields of a recipe that files know by an older name."""
_LATER_FIELDS = {"lookalike_ratio", "habit_ratio", "frame_ratio", "compute_dtype", "refinement"}
"""Fields that are left out at their default."""
_FUNCTIONS = {
    "distorted": "rewritten",
    "edge_cnn": "edge",
    "edge_teacher_cnn": "edge_teacher",
    "nano_cnn": "nano",
    "quick_cnn": "quick",
}
"""Functions of a recipe that files know by an older name."""


@dataclass(frozen=True, kw_only=True)
class TrainingRecord:
    """The content of ``training.json``."""

    settings: dict[str, Any]
    """The recipe, field for field, with functions by name."""
    data_sha256: dict[str, str]
    """sha256 of each MNIST file."""
    parameters: int
    """Parameters of the network, trainable or not."""
    versions: dict[str, str]
    """Version of each package that affects the result, and Keras' backend."""
    rounds: list[dict[str, float]]
    """One entry per validation: step, learning rate, loss, cross-entropy and accuracy over the
    round's training digits (``val_``: over the validation split), seconds since the start."""
    losses: list[tuple[int, float]]
    """Step and loss of single batches."""
    seconds: float
    """Wall time of all rounds, without interruptions."""
    lineage: dict[str, Any] | None = None
    """The fields of ``modelstore.manifest.Lineage`` of a network that was fine-tuned."""
    parent_points: dict[str, float] | None = None
    """The fields of ``modelstore.manifest.OperatingPoints`` of the model that was fine-tuned."""
    learned_sha256: tuple[str, ...] = ()
    """sha256 of each of the user's files that it has learned, or that its training has watched."""

    def to_dict(self) -> dict[str, Any]:
        """Return the record as JSON has it, without the fields of a fine-tuning if it was none."""
        document = asdict(self)
        if self.lineage is None:
            for name in ("lineage", "parent_points", "learned_sha256"):
                del document[name]
        return document

    @property
    def validation_accuracy(self) -> float:
        """Validation accuracy of the final weights, 0..1, as computed by Keras."""
        return self.rounds[-1]["val_accuracy"]


def read_training_record(folder: Path) -> TrainingRecord:
    """Read the ``training.json`` in a folder.

    Raises:
        OSError: there is none.
        ValueError, TypeError: it is damaged.
    """
    try:
        document = json.loads(read_regular_file(folder / RECORD_FILE))
    except RecursionError as error:
        raise ValueError("its JSON is nested too deeply") from error
    return TrainingRecord(**document)


def is_finished(folder: Path, recipe: Recipe) -> bool:
    """Return whether the folder holds a finished run of exactly this recipe."""
    try:
        record = read_training_record(folder)
    except (OSError, ValueError, TypeError):
        return False
    return (folder / MODEL_FILE).is_file() and record.settings == recipe_settings(recipe)


def recipe_settings(recipe: Recipe) -> dict[str, Any]:
    """Convert a recipe to JSON: functions by name, teachers as settings of their own."""
    settings = {
        _FIELDS.get(field.name, field.name): _serialized(getattr(recipe, field.name))
        for field in fields(recipe)
        # Records from before there was this field have the same settings.
        if field.name not in _LATER_FIELDS or getattr(recipe, field.name) != field.default
    }
    if recipe.distillation:
        settings[_FIELDS["distillation"]] = {
            "teachers": [recipe_settings(teacher) for teacher in recipe.distillation.teachers],
            "share": recipe.distillation.alpha,
            "temperature": recipe.distillation.temperature,
        }
    if recipe.refinement:
        settings["refinement"] = {
            "parent": recipe_settings(recipe.refinement.parent),
            "alpha": recipe.refinement.alpha,
            "temperature": recipe.refinement.temperature,
            "share": recipe.refinement.share,
        }
    return settings


def _serialized(value: Any) -> Any:
    return _FUNCTIONS.get(value.__name__, value.__name__) if callable(value) else value
