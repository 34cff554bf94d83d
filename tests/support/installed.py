"""Models to be installed on a device, and the one in use there."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from mnist_edge.modelstore import loading


def renamed(nano: Path, folder: Path, **changes: Any) -> Path:
    """Copy the shipped int8 model into a new folder and change fields of its manifest."""
    folder.mkdir()
    shutil.copy(nano / "int8.tflite", folder)
    document = json.loads((nano / "int8.json").read_text(encoding="utf-8"))
    (folder / "int8.json").write_text(json.dumps({**document, **changes}), encoding="utf-8")
    return folder / "int8.tflite"


def promised_accuracy(model: Path) -> float:
    """Return the validation accuracy in the manifest beside a model, 0..1."""
    manifest = loading.load_model(model).manifest
    assert manifest is not None
    return manifest.validation.accuracy


def in_use() -> str:
    """Return the name of the model in use."""
    return loading.load_model().path.parent.name
