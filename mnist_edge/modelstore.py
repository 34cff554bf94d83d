"""From a name, a folder or a file to the bytes of a model and what vouches for them.

A model folder holds ``<scheme>.tflite`` and ``<scheme>.json`` side by side. The bytes are read
once, hashed, compared with the manifest, and those bytes are what runs: nobody can swap the
file between the check and the use.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from importlib import resources
from pathlib import Path

from mnist_edge.errors import (
    InvalidManifest,
    InvalidModel,
    ModelHashMismatch,
    ModelNotFound,
)
from mnist_edge.files import exists
from mnist_edge.manifest import ModelManifest

DEFAULT_MODEL = "edge"
SCHEMES = ("float32", "float16", "dynamic", "int8", "int16x8")
"""Every scheme a model folder may hold, the reference first."""

_FILE_IDENTIFIER = b"TFL3"
"""Bytes 4 to 8 of every TFLite flatbuffer (tensorflow/compiler/mlir/lite/schema/schema.fbs)."""


@dataclass(frozen=True, kw_only=True)
class StoredModel:
    """A model read from disk."""

    path: Path
    """The ``.tflite`` file."""
    content: bytes
    """Its bytes, whole."""
    manifest: ModelManifest | None
    """What vouches for the bytes; None for a ``.tflite`` that has no manifest beside it."""

    @property
    def name(self) -> str:
        """Folder and scheme, for example ``nano/int8``."""
        return f"{self.path.parent.name}/{self.path.stem}"

    @property
    def temperature(self) -> float:
        """What logits are divided by before the softmax; 1.0 where no manifest says it."""
        return self.manifest.temperature if self.manifest else 1.0

    @cached_property
    def sha256(self) -> str:
        """Of the bytes, hexadecimal."""
        return hashlib.sha256(self.content).hexdigest()


def shipped_models() -> list[str]:
    """Names of the models that are installed with this package."""
    return sorted(
        entry.name
        for entry in _shipped_root().iterdir()
        if entry.is_dir() and any(entry.glob("*.tflite"))
    )


def find_folder(model: str | Path) -> Path:
    """The folder of a shipped model's name, or the folder itself.

    Raises:
        ModelNotFound: there is neither.
    """
    if exists(model) and Path(model).is_dir():
        return Path(model)
    # A name has no separator in it: "../x" must not walk out of the package.
    if Path(model).name == str(model) and str(model) in shipped_models():
        return _shipped_root() / model
    shipped = ", ".join(shipped_models())
    if exists(model):
        raise ModelNotFound(f"{model} is no model folder; give its folder, or one of: {shipped}")
    raise ModelNotFound(
        f"no model {str(model)!r}: give a shipped model ({shipped}), a model folder, "
        "or, to predict and info, a .tflite file"
    )


def load(model: str | Path = DEFAULT_MODEL, *, scheme: str = "int8") -> StoredModel:
    """Reads and verifies one model.

    Args:
        model: a shipped model's name, a model folder, or a ``.tflite`` file.
        scheme: which file of a folder; not used for a file.

    Raises:
        ModelNotFound: nothing is there.
        InvalidModel: the file is not a TFLite model.
        InvalidManifest: the manifest beside it cannot be read.
        ModelHashMismatch: the bytes are not those the manifest vouches for.
    """
    path = Path(model)
    if not (exists(path) and path.is_file()):
        folder = find_folder(model)
        path = folder / f"{scheme}.tflite"
        if not path.is_file():
            raise ModelNotFound(
                f"{folder} has no {path.name}; make it with: "
                f"mnist-edge convert {folder} --quantize {scheme}"
            )
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ModelNotFound(f"cannot read {path}: {error.strerror}") from error
    manifest = _read_manifest(path)
    stored = StoredModel(path=path, content=content, manifest=manifest)
    if manifest and stored.sha256 != manifest.sha256:
        raise ModelHashMismatch(
            f"{path} has sha256 {stored.sha256[:12]} ({len(content)} bytes), its manifest vouches "
            f"for {manifest.sha256[:12]} ({manifest.size} bytes); copy both files again, or "
            "convert the model again"
        )
    if content[4:8] != _FILE_IDENTIFIER:
        raise InvalidModel(
            f"{path} is not a TFLite model ({len(content)} bytes); "
            "expected a file made by: mnist-edge convert"
        )
    return stored


def load_all(model: str | Path) -> list[StoredModel]:
    """Reads every scheme that a model folder holds, in the order of ``SCHEMES``.

    Raises:
        ModelNotFound: no such folder, or no ``.tflite`` in it.
        ModelError: as ``load``.
    """
    folder = find_folder(model)
    present = [scheme for scheme in SCHEMES if (folder / f"{scheme}.tflite").is_file()]
    if not present:
        raise ModelNotFound(
            f"{folder} holds no .tflite; make them with: mnist-edge convert {folder} --quantize all"
        )
    return [load(folder, scheme=scheme) for scheme in present]


def _shipped_root() -> Path:
    return Path(str(resources.files("mnist_edge.models")))


def _read_manifest(model_path: Path) -> ModelManifest | None:
    path = model_path.with_suffix(".json")
    if not path.is_file():
        return None
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidManifest(f"cannot read {path}: {error}") from error
    return ModelManifest.from_json(text, source=path)
