"""The network that a model file was converted from, and whether several files share one."""

from __future__ import annotations

import hashlib
import lzma
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from mnist_edge.errors import InvalidManifest, InvalidModel, MixedNetworks
from mnist_edge.modelstore import SCHEMES
from mnist_edge.modelstore.loading import StoredModel, read_manifest
from mnist_edge.modelstore.manifest import ModelManifest, Score
from mnist_edge.system.files import not_writable
from mnist_edge.system.text import one_line

MODEL_FILE = "model.keras"
"""The Keras file of a model folder."""
_WEIGHTS = "model.weights.h5"
"""The weights in a ``.keras`` archive; its other members carry the date."""
_VARIABLES = "variables"
"""The folder of a SavedModel that holds its weights."""
_CHUNK_SIZE = 1 << 20
"""Bytes that are hashed at a time."""
_SHOWN = 12
"""Digits of a hash that tell two apart in a message."""


@dataclass(frozen=True, kw_only=True)
class NetworkOrigin:
    """The network that a file was converted from."""

    recipe: str
    """The training recipe, or the name of the Keras file."""
    seed: int | None
    """The training seed, if known."""
    reading: str
    """How the network expects its input to be scaled."""
    score: Score
    """The Keras model's own, on the validation digits."""
    weights_sha256: str | None
    """Hash of the weights; None in manifests of schema version 1."""

    @classmethod
    def of(cls, manifest: ModelManifest) -> NetworkOrigin:
        """Return the origin that a manifest states."""
        return cls(
            recipe=manifest.recipe,
            seed=manifest.seed,
            reading=manifest.reading,
            score=manifest.validation_float,
            weights_sha256=manifest.weights_sha256,
        )

    def is_same(self, other: NetworkOrigin) -> bool:
        """Check whether both are the same network.

        Without both hashes, the recipe, the seed and the accuracy in Keras decide.
        """
        if self.reading != other.reading:
            return False
        if self.weights_sha256 and other.weights_sha256:
            return self.weights_sha256 == other.weights_sha256
        mine, theirs = (
            (one.recipe, one.seed, one.score.correct, one.score.total) for one in (self, other)
        )
        return mine == theirs

    def __str__(self) -> str:
        details = [
            *([] if self.seed is None else [f"seed {self.seed}"]),
            f"weights {self.weights_sha256[:_SHOWN]}"
            if self.weights_sha256
            else f"{self.score.correct:,} of {self.score.total:,} validation digits in Keras",
            *([] if self.reading == "pixels" else [f"input {self.reading}"]),
        ]
        return f"{self.recipe!r} ({', '.join(details)})"


def weights_sha256(model: Path) -> str:
    """Hash the weights of a Keras model, which stay the same when it is saved again.

    These are ``model.weights.h5`` in a ``.keras`` archive, the files in ``variables/`` of a
    SavedModel, and any other file as a whole.

    Args:
        model: a Keras file, or the folder of a SavedModel.

    Returns:
        The sha256, hexadecimal.

    Raises:
        InvalidModel: it cannot be read.
    """
    digest = hashlib.sha256()
    try:
        for stream in _weight_streams(model):
            while chunk := stream.read(_CHUNK_SIZE):
                digest.update(chunk)
    # Damaged and encrypted archives raise all but the first.
    except (
        *(OSError, EOFError, RuntimeError),
        *(zipfile.BadZipFile, zlib.error, lzma.LZMAError),
    ) as error:
        raise InvalidModel(f"cannot read the weights of {model}: {one_line(error)}") from error
    return digest.hexdigest()


def _weight_streams(model: Path) -> Iterator[IO[bytes]]:
    """Yield what holds the weights, open for reading."""
    if zipfile.is_zipfile(model):
        with zipfile.ZipFile(model) as archive:
            if _WEIGHTS in archive.namelist():
                with archive.open(_WEIGHTS) as member:
                    yield member
                return
    files = [model]
    if model.is_dir():
        # The graph of a SavedModel that was frozen holds the weights.
        files = sorted((model / _VARIABLES).glob("*")) or sorted(model.glob("saved_model.pb*"))
    for file in files:
        with file.open("rb") as stream:
            yield stream


def require_one_network(models: Sequence[StoredModel]) -> None:
    """Check that files were converted from one network, as far as their manifests tell.

    Raises:
        MixedNetworks: they were not; the message names the network of each file.
    """
    files: dict[NetworkOrigin, list[str]] = {}
    for model in models:
        if model.manifest:
            own = NetworkOrigin.of(model.manifest)
            group = next((origin for origin in files if origin.is_same(own)), own)
            files.setdefault(group, []).append(model.path.name)
    if len(files) > 1:
        folder = models[0].path.parent
        networks = "; ".join(f"{', '.join(names)} from {origin}" for origin, names in files.items())
        raise MixedNetworks(
            f"{folder} holds files of different networks, which cannot be compared: {networks}; "
            f"convert one again with: mnist-edge convert MODEL --quantize all --out {folder}"
        )


def origin_warnings(models: Sequence[StoredModel]) -> list[str]:
    """Describe what is doubtful about the network of a folder's files, one line each.

    Args:
        models: files of one folder that passed ``require_one_network``.
    """
    warnings = []
    unknown = [model.path.name for model in models if model.manifest is None]
    if 0 < len(unknown) < len(models):
        warnings.append(
            f"no manifest states the network of {', '.join(unknown)}: what differs may be the "
            "networks and not the quantization"
        )
    stated = {model.manifest.weights_sha256 for model in models if model.manifest} - {None}
    keras_file = models[0].path.parent / MODEL_FILE
    if stated and keras_file.is_file():
        try:
            is_stale = weights_sha256(keras_file) not in stated
        except InvalidModel:
            is_stale = False
        if is_stale:
            warnings.append(
                f"{keras_file} holds other weights than the files beside it were converted from; "
                f"convert it again with: mnist-edge convert {keras_file.parent} --quantize all"
            )
    return warnings


def schemes_of_other_networks(folder: Path, origin: NetworkOrigin) -> dict[str, NetworkOrigin]:
    """Return the schemes in a folder that were converted from another network than ``origin``.

    Files whose manifest is missing or unreadable are left out.
    """
    found = {}
    for scheme in SCHEMES:
        try:
            manifest = read_manifest(folder / f"{scheme}.tflite")
        except InvalidManifest:
            continue
        if manifest and not (own := NetworkOrigin.of(manifest)).is_same(origin):
            found[scheme] = own
    return found


def remove_schemes_of_other_networks(folder: Path, origin: NetworkOrigin) -> list[Path]:
    """Remove the files that ``schemes_of_other_networks`` finds.

    Returns:
        The removed ``.tflite`` files; their manifests are removed with them.

    Raises:
        NotWritable: one cannot be removed.
    """
    models = [folder / f"{name}.tflite" for name in schemes_of_other_networks(folder, origin)]
    for model in models:
        # The model goes first: without its manifest it would be taken for somebody else's.
        for path in (model, model.with_suffix(".json")):
            try:
                path.unlink(missing_ok=True)
            except OSError as error:
                raise not_writable(path, error) from error
    return models
