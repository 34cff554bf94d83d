"""Identify a model file by its content, whatever its name.

Files from the web may be called ``.h5`` and be web pages, and the configuration in a real one shows
whether loading it would run Python code. Both are found here, before any framework opens the file.
"""

from __future__ import annotations

import json
import lzma
import tempfile
import zipfile
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from converters import hdf5
from converters.layer_check import require_plain_layers
from mnist_edge.errors import (
    InvalidModel,
    MissingDependency,
    extra_install_command,
)
from mnist_edge.modelstore.loading import is_tflite
from mnist_edge.system.text import one_line

_HDF5 = b"\x89HDF\r\n\x1a\n"
_ZIP = b"PK\x03\x04"
_ZIP_DAMAGES = (
    *(zipfile.BadZipFile, zlib.error, lzma.LZMAError),
    *(OSError, EOFError, ValueError, RuntimeError),
)
"""What reading a damaged zip raises. An encrypted one is a RuntimeError, and endless nesting a
RecursionError, which is one too."""
_CONFIG, _WEIGHTS = "config.json", "model.weights.h5"
"""Members of a ``.keras`` archive: the network, and its weights."""
_MAX_CONFIG = 64_000_000
"""Maximum size of a network's configuration in bytes; that of a large one has a megabyte."""
_MAX_UNPACKED = 8_000_000_000
"""Maximum size of a ``.keras`` archive in bytes, unpacked; a TFLite file ends at 2 GB."""
_SAVED_MODEL = ("saved_model.pb", "saved_model.pbtxt")

_NOT_MODELS = (
    # A notebook is JSON, and a web page may start with a blank line or a byte order mark.
    (b"<", "a web page: download the file itself, not the page that shows it"),
    (b"version https://git-lfs", "a Git LFS pointer: fetch the file itself with git lfs pull"),
    (b"{", "JSON text, such as a notebook or a network without its weights: run it, and save "
     "the model with model.save"),
    (b"\x1f\x8b", "a gzip archive: unpack it first"),
    (b"\x80", "a Python pickle, which can run any code: save the model with model.save"),
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class KerasModelFile:
    """A file or folder in which Keras or TensorFlow saved a whole network."""

    path: Path
    """The file, or the folder of a SavedModel."""
    format: str
    """``keras``, ``hdf5`` or ``savedmodel``."""
    loss: Any = None
    """The loss it was compiled with, as in its configuration; None if unknown."""


def identify(path: Path) -> KerasModelFile:
    """Identify the format of a model file and check that it needs no code but Keras' own.

    Raises:
        InvalidModel: it is something else, is damaged, or holds weights without a network.
        UnsuitableModel: a layer in it is its author's code.
        MissingDependency: h5py is needed and not installed.
    """
    if path.is_dir():
        if any((path / name).is_file() for name in _SAVED_MODEL):
            return KerasModelFile(path=path, format="savedmodel", loss=_saved_model_loss(path))
        raise InvalidModel(f"{path} is not a SavedModel: it has no {_SAVED_MODEL[0]}")
    try:
        with path.open("rb") as stream:
            start = stream.read(512)
    except OSError as error:
        raise InvalidModel(f"cannot read {path}: {error.strerror}") from error
    if start.startswith(_HDF5):
        network, training = _read_hdf5(path)
        file = KerasModelFile(path=path, format="hdf5", loss=_loss(training))
    elif start.startswith(_ZIP):
        network, training = _read_zip(path)
        file = KerasModelFile(path=path, format="keras", loss=_loss(training))
    else:
        raise InvalidModel(f"{path} is {_guess(start)}; expected .keras, .h5 or a SavedModel")
    try:
        require_plain_layers(network, path)
    except RecursionError:
        raise InvalidModel(
            f"{path} is damaged: its configuration is nested without an end; save it again with "
            "model.save"
        ) from None
    return file


def _guess(start: bytes) -> str:
    if not start:
        return "empty"
    if is_tflite(start):
        return "already a TFLite model: read pictures with mnist-edge predict --model"
    text = start.removeprefix(b"\xef\xbb\xbf").lstrip()
    return next(
        (kind for magic, kind in _NOT_MODELS if text.startswith(magic)), "not a Keras model"
    )


def _read_hdf5(path: Path) -> tuple[Any, Any]:
    """Return the configurations of the network and of its training."""
    _require_h5py(path)
    contents = hdf5.read_hdf5(path, name=str(path))
    if contents.model_config is None:
        what = "weights without a network" if contents.weights else "no Keras model"
        raise InvalidModel(
            f"{path} holds {what}; build the network, load_weights, and save it all with model.save"
        )
    return _json(contents.model_config), _json(contents.training_config)


def _require_h5py(path: Path) -> None:
    try:
        import h5py  # noqa: F401  # only to check that it imports
    except ImportError as error:
        raise MissingDependency(
            f"{path} is HDF5, and h5py does not import ({error}): "
            f"{extra_install_command('workstation')}"
        ) from error


def _read_zip(path: Path) -> tuple[Any, Any]:
    """Return the configurations of the network and of its training."""
    try:
        with zipfile.ZipFile(path) as archive:
            _require_sizes(archive.infolist(), path)
            names = archive.namelist()
            damaged = archive.testzip()
            config = json.loads(archive.read(_CONFIG)) if _CONFIG in names else None
            if _WEIGHTS in names and not damaged:
                _require_sound_weights(archive, path)
    except _ZIP_DAMAGES as error:
        raise InvalidModel(
            f"{path} is a damaged archive ({one_line(error)}); copy or download the file again"
        ) from error
    if damaged:
        raise InvalidModel(f"{path} is damaged in {damaged}; copy or download the file again")
    if not isinstance(config, dict):
        if any(name.endswith("data.pkl") for name in names):
            raise InvalidModel(
                f"{path} is a PyTorch file; build the same network in Keras, copy its weights, "
                "and save it with model.save"
            )
        raise InvalidModel(
            f"{path} is a zip archive without Keras' config.json; save the model with model.save"
        )
    return config, config.get("compile_config")


def _require_sizes(members: Iterable[zipfile.ZipInfo], path: Path) -> None:
    """Refuse an archive of a few kilobytes that unpacks to all the memory there is."""
    unpacked = 0
    for member in members:
        unpacked += member.file_size
        limit = _MAX_CONFIG if member.filename == _CONFIG else _MAX_UNPACKED
        if member.file_size > limit or unpacked > _MAX_UNPACKED:
            raise InvalidModel(
                f"{path} unpacks to {unpacked:,} bytes by the end of {member.filename!r:.80}, more "
                "than any network of digits; save it again with model.save"
            )


def _require_sound_weights(archive: zipfile.ZipFile, path: Path) -> None:
    """Read the weights in an archive as a whole, in a process of its own."""
    _require_h5py(path)
    with tempfile.TemporaryDirectory(prefix="mnist-edge-") as folder:
        hdf5.read_hdf5(Path(archive.extract(_WEIGHTS, folder)), name=f"{path}: {_WEIGHTS}")


def _json(text: str | None) -> Any:
    try:
        return None if text is None else json.loads(text)
    except (ValueError, RecursionError):
        return None


def _loss(training: Any) -> Any:
    return training.get("loss") if isinstance(training, dict) else None


def _saved_model_loss(folder: Path) -> Any:
    """Read the loss from the metadata that Keras 2 wrote beside its SavedModels."""
    try:
        content = (folder / "keras_metadata.pb").read_bytes()
    except OSError:
        return None
    start = max(content.find(b'{"name"'), 0)
    try:
        document, _ = json.JSONDecoder().raw_decode(content[start:].decode(errors="replace"))
    except (ValueError, RecursionError):
        return None
    return _loss(document.get("training_config")) if isinstance(document, dict) else None


def loss_takes_logits(loss: Any) -> bool | None:
    """Return whether the loss a model was compiled with applies a softmax itself.

    Args:
        loss: a name or a configuration, as in ``KerasModelFile.loss``.

    Returns:
        None if the loss is unknown or not a cross-entropy.
    """
    if isinstance(loss, (list, tuple)) and len(loss) == 1:
        (loss,) = loss
    if isinstance(loss, str):
        return False if "crossentropy" in loss.lower().replace("_", "") else None
    if isinstance(loss, dict) and "crossentropy" in str(loss.get("class_name")).lower():
        config = loss.get("config")
        return bool(isinstance(config, dict) and config.get("from_logits", False))
    return None


def is_squared_error(loss: Any) -> bool:
    """Return whether the loss measures how far the outputs are from 0 and 1.

    Args:
        loss: a name or a configuration, as in ``KerasModelFile.loss``.
    """
    if isinstance(loss, (list, tuple)) and len(loss) == 1:
        (loss,) = loss
    name = loss.get("class_name") if isinstance(loss, dict) else loss
    return str(name).lower().replace("_", "") in {"mse", "meansquarederror", "mae", "huber"}
