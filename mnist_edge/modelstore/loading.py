"""Find a model by name, folder or file, and read it with its manifest.

A model folder holds ``<scheme>.tflite`` and ``<scheme>.json`` side by side. The bytes are read
once, hashed and compared with the manifest, and the same bytes are run: nobody can replace the file
between the check and its use.
"""

from __future__ import annotations

import hashlib
import os
import stat
from dataclasses import fields
from functools import cached_property
from pathlib import Path

from mnist_edge.errors import (
    InvalidManifest,
    InvalidModel,
    InvalidValue,
    ModelError,
    ModelHashMismatch,
    ModelNotFound,
    UnknownName,
    did_you_mean,
    reinstall_command,
)
from mnist_edge.modelstore import DEFAULT_MODEL, SCHEMES, registry
from mnist_edge.modelstore.manifest import ModelManifest, OperatingPoints
from mnist_edge.system.files import exists, file_mode, read_regular_file
from mnist_edge.system.paths import shipped_models_folder
from mnist_edge.system.records import record

_MAX_MODEL_BYTES = 1 << 30
"""Bytes of a model, which others may have made for more than digits."""
_KERAS_SUFFIXES = {".keras", ".h5", ".hdf5"}
TFLITE_IDENTIFIER = b"TFL3"
"""Bytes 4 to 8 of every TFLite flatbuffer (tensorflow/compiler/mlir/lite/schema/schema.fbs)."""


@record(frozen=True, kw_only=True)
class StoredModel:
    """A model read from disk."""

    path: Path
    """The ``.tflite`` file."""
    content: bytes
    """All of its bytes."""
    manifest: ModelManifest | None
    """The manifest that the bytes were verified by; None for a ``.tflite`` without one."""

    @property
    def name(self) -> str:
        """Name of the folder and the scheme, for example ``nano/int8``."""
        return f"{self.path.parent.name}/{self.path.stem}"

    @property
    def temperature(self) -> float:
        """Divisor of the logits before the softmax; 1.0 without a manifest."""
        return self.manifest.temperature if self.manifest else 1.0

    @property
    def min_confidence(self) -> float:
        """Confidence below which it abstains, 0..1; 0.0, never, without a manifest."""
        return self.manifest.min_confidence if self.manifest else 0.0

    def operating_point(self, name: str) -> float:
        """Return the minimum confidence, 0..1, that the manifest calls ``balanced`` or ``careful``.

        Raises:
            UnknownName: no operating point has this name.
            InvalidValue: the manifest has no operating points.
        """
        names = [field.name for field in fields(OperatingPoints)]
        if name not in names:
            raise UnknownName("operating point", name, names)
        if self.manifest is None or self.manifest.operating_points is None:
            raise InvalidValue(
                f"{self.name} has no operating point {name!r}, as none was measured for it: give a "
                "minimum confidence in 0..1"
            )
        return float(getattr(self.manifest.operating_points, name))

    @cached_property
    def sha256(self) -> str:
        """The sha256 of the bytes, hexadecimal."""
        return hashlib.sha256(self.content).hexdigest()


def shipped_models() -> list[str]:
    """Return the names of the models that come with this package, in alphabetical order."""
    return sorted({path.parent.name for path in shipped_models_folder().glob("*/*.tflite")})


def shipped_file(name: str) -> Path:
    """Return the int8 file of a shipped model."""
    return shipped_models_folder() / name / "int8.tflite"


def find_model_folder(model: str | Path | None) -> Path:
    """Return the folder of a model.

    Args:
        model: a shipped or installed model's name, or a model folder; None for the model in use.

    Raises:
        ModelNotFound: there is none.
        InvalidRecord: it is unknown which model is in use.
    """
    if model is None:
        return _file_in_use().parent
    if exists(model) and Path(model).is_dir():
        return Path(model)
    # A name has no separator: "../x" must not leave the package.
    if Path(model).name == str(model) and str(model) in shipped_models():
        return shipped_models_folder() / model
    if (file := registry.find_installed_file(str(model))) is not None:
        return file.parent
    raise _not_found(str(model))


def _not_found(model: str) -> ModelNotFound:
    shipped = ", ".join(shipped_models())
    if exists(model):
        return ModelNotFound(
            f"{model} is not a model folder; expected its folder, or one of: {shipped}"
        )
    # Names of models have neither a folder nor a suffix.
    if Path(model).name != model or Path(model).suffix:
        return ModelNotFound(
            f"no model {model}: no such file or folder; check the path, or name a shipped model "
            f"({shipped})"
        )
    hint = did_you_mean(model, [*shipped_models(), *registry.installed_models()])
    return ModelNotFound(
        f"no model {model!r}{hint}: give a shipped model ({shipped}), a model folder, "
        "or, to predict and info, a .tflite file"
    )


def load_model(model: str | Path | None = None, *, scheme: str | None = None) -> StoredModel:
    """Read and verify one model.

    Args:
        model: a shipped or installed model's name, a model folder, or a ``.tflite`` file; None for
            the model in use.
        scheme: which file of a folder, by default int8; not used for a file. An installed model has
            one file and one scheme.

    Raises:
        ModelNotFound: there is none.
        InvalidRecord: it is unknown which model is in use.
        InvalidModel: the file is not a TFLite model.
        InvalidManifest: its manifest cannot be read.
        ModelHashMismatch: the bytes are not those listed in the manifest.
    """
    path = _find_file(model, scheme)
    if model is not None:
        return _read(path)
    try:
        return _read(path)
    except ModelError as error:
        message = f"{error}; or use another model with: mnist-edge model rollback"
        raise type(error)(message) from error


def _read(path: Path) -> StoredModel:
    # Before the manifest is compared, which lies beside them as well.
    suffix = path.suffix.lower()
    if suffix == ".json":
        raise InvalidModel(f"{path} is no model; name the .tflite beside it, or their folder")
    if suffix in _KERAS_SUFFIXES:
        raise InvalidModel(
            f"{path} is a Keras model; make a .tflite of it with: mnist-edge convert {path}"
        )
    try:
        content = read_regular_file(path, max_bytes=_MAX_MODEL_BYTES)
    except OSError as error:
        raise ModelNotFound(f"cannot read {path}: {error.strerror}") from error
    manifest = read_manifest(path)
    stored = StoredModel(path=path, content=content, manifest=manifest)
    require_verified(stored)
    return stored


def require_verified(stored: StoredModel) -> None:
    """Check that the bytes are a model's, and those listed in its manifest.

    Raises:
        InvalidManifest: the manifest lists another size for the same bytes.
        ModelHashMismatch: the manifest lists others.
        InvalidModel: they are not a TFLite model.
    """
    path, content, manifest = stored.path, stored.content, stored.manifest
    if manifest and stored.sha256 != manifest.sha256:
        raise ModelHashMismatch(
            f"{path} has sha256 {stored.sha256[:12]} ({len(content)} bytes), its manifest lists "
            f"{manifest.sha256[:12]} ({manifest.size} bytes); copy both files again, or convert "
            "the model again"
        )
    if manifest and len(content) != manifest.size:
        raise InvalidManifest(
            f"{path} has {len(content)} bytes, its manifest lists a size of {manifest.size}; "
            "convert the model again"
        )
    if not is_tflite(content):
        raise InvalidModel(
            f"{path} is not a TFLite model ({len(content)} bytes); "
            "expected a file made by: mnist-edge convert"
        )


def read_manifest(model_path: Path) -> ModelManifest | None:
    """Read the manifest beside a ``.tflite``; None if there is none.

    Raises:
        InvalidManifest: it cannot be read.
    """
    path = model_path.with_suffix(".json")
    # A link whose target is away, or a pipe, is a manifest that cannot be read, and not none.
    if not os.path.lexists(path):
        return None
    try:
        text = read_regular_file(path).decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidManifest(f"cannot read {path}: {error}; copy it again") from error
    return ModelManifest.from_json(text, source=path)


def is_tflite(content: bytes) -> bool:
    """Return whether bytes begin as a TFLite model does."""
    return content[4:8] == TFLITE_IDENTIFIER


def load_all_schemes(model: str | Path | None) -> list[StoredModel]:
    """Read every scheme that a model folder holds, in the order of ``SCHEMES``.

    Raises:
        ModelNotFound: no such folder, or no ``.tflite`` in it.
        ModelError: as ``load_model``.
    """
    folder = find_model_folder(model)
    present = [scheme for scheme in SCHEMES if (folder / f"{scheme}.tflite").is_file()]
    if not present:
        raise ModelNotFound(f"{folder} has no .tflite{convert_advice(folder, 'all')}")
    return [load_model(folder, scheme=scheme) for scheme in present]


def _find_file(model: str | Path | None, scheme: str | None) -> Path:
    if scheme is not None and scheme not in SCHEMES:
        raise UnknownName("scheme", scheme, SCHEMES)
    mode = 0 if model is None else file_mode(model)
    if model is not None and stat.S_ISREG(mode):
        return Path(model)
    file = _file_in_use() if model is None else registry.find_installed_file(str(model))
    # A folder of that name has priority over an installed model, as over a shipped one.
    if file is not None and not mode:
        path = file.with_stem(scheme or file.stem)
        if not path.is_file():
            raise ModelNotFound(f"{file.parent.name} has {file.stem} only; leave --scheme out")
        return path
    folder = Path(model) if model is not None and stat.S_ISDIR(mode) else find_model_folder(model)
    path = folder / f"{scheme or 'int8'}.tflite"
    if not path.is_file():
        others = [name for name in SCHEMES if (folder / f"{name}.tflite").is_file()]
        raise ModelNotFound(
            f"{folder} has no {path.name}{', but ' if others else ''}{', '.join(others)}"
            f"{convert_advice(folder, path.stem)}"
        )
    return path


def convert_advice(folder: Path, scheme: str) -> str:
    """Say how to make a scheme's file, as far as there is something to convert."""
    if (folder / "model.keras").is_file() or any(folder.glob("saved_model.pb*")):
        return f"; make it with: mnist-edge convert {folder} --quantize {scheme}"
    if folder.parent == shipped_models_folder():
        return ""
    return f"; make it with: mnist-edge convert KERAS_FILE --quantize {scheme} --out {folder}"


def _file_in_use() -> Path:
    """Return the file of the model in use, whatever the current folder holds."""
    name = registry.read_usage().in_use or DEFAULT_MODEL
    file = registry.find_installed_file(name)
    if file is None and name in shipped_models():
        file = shipped_file(name)
    if file is None and not shipped_models():
        raise ModelNotFound(
            f"no shipped models in {shipped_models_folder()}: the installation is damaged; "
            f"{reinstall_command()}"
        )
    if file is None:
        raise ModelNotFound(
            f"the model in use, {name}, is gone; go back to the previous one with: "
            "mnist-edge model rollback"
        )
    return file
