"""A model as it travels: a ``.tflite`` with its manifest, loose or in one archive.

Nothing is unpacked to disk: the few files that matter are read into memory and nowhere else, so
that a name in an archive has nothing to lead astray. Who signs, signs the manifest, which holds
the model's sha256.
"""

from __future__ import annotations

import io
import stat
import tempfile
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit, urlunsplit

from mnist_edge.errors import InvalidArtifact, InvalidManifest, MnistEdgeError, ModelNotFound
from mnist_edge.modelstore.loading import StoredModel, is_tflite, require_verified
from mnist_edge.modelstore.manifest import ModelManifest
from mnist_edge.system.files import exists
from mnist_edge.system.https import download, download_if_present

MAX_BYTES = 16 * 1024 * 1024
"""Bytes that an artifact may have, packed and unpacked; the shipped models have 16 to 50 KB."""
SIGNATURE_SUFFIX = ".sig"
"""What the name of a manifest's signature adds to the manifest's."""

_GZIP = b"\x1f\x8b"
"""RFC 1952, section 2.3.1."""
_ZIP = b"PK\x03\x04"
"""APPNOTE.TXT of PKWARE, section 4.3.7."""


@dataclass(frozen=True, kw_only=True)
class Artifact:
    """The bytes of a model and of what vouches for it."""

    source: str
    """The file or address it came from, for messages."""
    content: bytes
    """The ``.tflite``."""
    manifest: bytes
    """Its manifest, as it was signed."""
    signature: bytes | None
    """Of the manifest; None where there is none."""

    def to_stored_model(self) -> StoredModel:
        """The model, its bytes being those that the manifest vouches for.

        Raises:
            InvalidManifest: the manifest cannot be read.
            ModelHashMismatch: it vouches for other bytes.
            InvalidModel: they are no TFLite model.
        """
        try:
            text = self.manifest.decode("utf-8")
        except UnicodeDecodeError as error:
            raise InvalidManifest(f"the manifest of {self.source} is no UTF-8: {error}") from error
        manifest = ModelManifest.from_json(text, source=Path(self.source))
        stored = StoredModel(path=Path(self.source), content=self.content, manifest=manifest)
        require_verified(stored)
        return stored


def read_artifact(source: str) -> Artifact:
    """Reads an artifact.

    Args:
        source: a ``.tflite`` with its manifest beside it, a ``.tar.gz`` or ``.zip`` of both, or
            the https address of either.

    Raises:
        ModelNotFound: there is no such file.
        DownloadFailed: the address gave none.
        InvalidArtifact: it is something else, holds none or several models, or is too large.
        NotWritable: there is no place for what is downloaded.
    """
    if "://" not in source:
        return _read_file(Path(source), source=source)
    with tempfile.TemporaryDirectory(prefix="mnist-edge-") as temporary:
        path = Path(temporary) / "model.tflite"
        download(source, path, limit=MAX_BYTES)
        if is_tflite(path.read_bytes()):
            manifest = _beside(source)
            download(manifest, path.with_suffix(".json"), limit=MAX_BYTES)
            signature = path.with_suffix(f".json{SIGNATURE_SUFFIX}")
            if not download_if_present(
                _beside(source, SIGNATURE_SUFFIX), signature, limit=MAX_BYTES
            ):
                signature.unlink()
        return _read_file(path, source=source)


def _beside(url: str, suffix: str = "") -> str:
    """The address of a model's manifest, or of the manifest's signature."""
    parts = urlsplit(url)
    path = str(PurePosixPath(parts.path).with_suffix(".json")) + suffix
    return urlunsplit(parts._replace(path=path))


def _read_file(path: Path, *, source: str) -> Artifact:
    if not (exists(path) and path.is_file()):
        raise ModelNotFound(
            f"no file {source}; expected a .tflite with its .json beside it, or a .tar.gz or .zip "
            "of both"
        )
    try:
        model, parts = _parts(path, source)
    except MnistEdgeError:
        raise
    # tarfile and zipfile raise whatever the damage led them to.
    except Exception as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise InvalidArtifact(f"cannot read {source} ({reason}); copy it again") from error
    manifest = str(PurePosixPath(model).with_suffix(".json"))
    if manifest not in parts:
        raise InvalidArtifact(
            f"{source} comes without {PurePosixPath(manifest).name}, its manifest; copy both, as "
            "mnist-edge convert writes them"
        )
    return Artifact(
        source=source,
        content=parts[model],
        manifest=parts[manifest],
        signature=parts.get(manifest + SIGNATURE_SUFFIX),
    )


def _parts(path: Path, source: str) -> tuple[str, dict[str, bytes]]:
    """The name of the model, and every file that came with it, by name."""
    content = _read_limited(path, source)
    if is_tflite(content):
        beside = [path.with_suffix(suffix) for suffix in (".json", f".json{SIGNATURE_SUFFIX}")]
        loose = {file.name: _read_limited(file, source) for file in beside if file.is_file()}
        return path.name, {path.name: content, **loose}
    if content.startswith(_GZIP):
        parts = _unpacked_tar(content, source)
    elif content.startswith(_ZIP):
        parts = _unpacked_zip(content, source)
    else:
        raise InvalidArtifact(
            f"{source} is no .tflite, .tar.gz or .zip ({len(content)} bytes); copy it again"
        )
    # macOS puts "._int8.tflite" beside "int8.tflite".
    models = [
        name for name in parts if name.endswith(".tflite") and PurePosixPath(name).name[0] != "."
    ]
    if len(models) != 1:
        raise InvalidArtifact(
            f"{source} holds {len(models)} models; expected one .tflite and its manifest"
        )
    return models[0], parts


def _read_limited(path: Path, source: str) -> bytes:
    with path.open("rb") as stream:
        return _limited(stream.read(MAX_BYTES + 1), source)


def _limited(content: bytes, source: str) -> bytes:
    _require_room(MAX_BYTES - len(content), source)
    return content


def _require_room(left: int, source: str) -> None:
    if left < 0:
        raise InvalidArtifact(f"{source} has more than {MAX_BYTES:,} bytes; no model of digits has")


def _unpacked_tar(content: bytes, source: str) -> dict[str, bytes]:
    import gzip
    import tarfile

    with gzip.open(io.BytesIO(content)) as packed:
        plain = _limited(packed.read(MAX_BYTES + 1), source)
    parts, left = {}, MAX_BYTES
    with tarfile.open(fileobj=io.BytesIO(plain), mode="r:") as archive:
        for member in archive:
            _require_plain(member.name, source, is_plain=member.isfile() or member.isdir())
            # A sparse file has more bytes than the archive.
            left -= member.size
            _require_room(left, source)
            if stream := archive.extractfile(member):
                parts[_plain(member.name)] = stream.read()
    return parts


def _unpacked_zip(content: bytes, source: str) -> dict[str, bytes]:
    import zipfile

    parts, left = {}, MAX_BYTES
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        for member in archive.infolist():
            kind = stat.S_IFMT(member.external_attr >> 16)
            _require_plain(
                member.filename, source, is_plain=kind in (0, stat.S_IFREG, stat.S_IFDIR)
            )
            with archive.open(member) as stream:
                part = stream.read(left + 1)
            left -= len(part)
            _require_room(left, source)
            parts[_plain(member.filename)] = part
    return parts


def _plain(name: str) -> str:
    """A member's name without the ``./`` that tar puts before it."""
    return str(PurePosixPath(name))


def _require_plain(name: str, source: str, *, is_plain: bool) -> None:
    """Refuses what no honest archive of a model holds, though nothing of it would be unpacked."""
    path = PurePosixPath(name.replace("\\", "/"))
    if path.is_absolute() or ".." in path.parts or ":" in name:
        raise InvalidArtifact(
            f"{source} holds {name!r}, a path that leads out of it; expected none"
        )
    if not is_plain:
        raise InvalidArtifact(f"{source} holds {name!r}, a link or a device; expected plain files")
