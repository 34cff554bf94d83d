"""A model in transit: a ``.tflite`` with its manifest, as files or in one archive.

Archives are read into memory and never unpacked to disk, so the names in them cannot overwrite
anything. A signature signs the manifest, which holds the model's sha256.
"""

from __future__ import annotations

import io
import stat
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit, urlunsplit

from mnist_edge.deployment.tar import read_tar
from mnist_edge.errors import InvalidArtifact, InvalidManifest, MnistEdgeError, ModelNotFound
from mnist_edge.modelstore.loading import StoredModel, is_tflite, require_verified
from mnist_edge.modelstore.manifest import ModelManifest
from mnist_edge.system.files import exists, require_regular_file
from mnist_edge.system.https import download, download_deadline, download_if_present
from mnist_edge.system.text import one_line

MAX_BYTES = 16 * 1024 * 1024
"""Maximum size of an artifact, packed or unpacked; the shipped models have 16 to 50 KB."""
SIGNATURE_SUFFIX = ".sig"
"""Suffix of a signature's file name, after the whole name of the manifest."""

_MAX_MEMBERS = 256
"""Maximum number of an archive's files; a model is two or three."""
_GZIP_WBITS = 31
"""zlib's parameter for a stream with gzip's header and checksum."""
_GZIP = b"\x1f\x8b"
"""Start of a gzip file (RFC 1952, section 2.3.1)."""
_ZIP = b"PK\x03\x04"
"""Start of a zip file (APPNOTE.TXT of PKWARE, section 4.3.7)."""
_ZIP_ENTRY = b"PK\x01\x02"
"""Start of a file's entry in a zip's directory (section 4.3.12)."""


@dataclass(frozen=True, kw_only=True)
class Artifact:
    """A model's bytes, with its manifest and signature."""

    source: str
    """The file or URL that it came from, for messages."""
    content: bytes
    """The ``.tflite``."""
    manifest: bytes
    """Its manifest, the bytes that are signed."""
    signature: bytes | None
    """Of the manifest; None if it is not signed."""

    def parse_manifest(self) -> ModelManifest:
        """Return the manifest.

        Raises:
            InvalidManifest: it cannot be read.
        """
        try:
            text = self.manifest.decode("utf-8")
        except UnicodeDecodeError as error:
            raise InvalidManifest(
                f"the manifest of {self.source} is not UTF-8 ({error}); copy it again"
            ) from error
        return ModelManifest.from_json(text, source=Path(self.source))

    def to_stored_model(self) -> StoredModel:
        """Return the model, verified against its manifest.

        Raises:
            InvalidManifest: the manifest cannot be read.
            ModelHashMismatch: the manifest lists another sha256.
            InvalidModel: the bytes are not a TFLite model.
        """
        stored = StoredModel(
            path=Path(self.source), content=self.content, manifest=self.parse_manifest()
        )
        require_verified(stored)
        return stored


def read_artifact(source: str) -> Artifact:
    """Read a model with its manifest and signature.

    Args:
        source: a ``.tflite`` with its manifest beside it, a ``.tar.gz`` or ``.zip`` of both, or
            the https URL of either.

    Raises:
        ModelNotFound: there is no such file.
        DownloadFailed: the download failed.
        InvalidArtifact: it is something else, holds no model or several, or is too large.
    """
    is_url = "://" in source
    # One deadline for all files of the model.
    deadline = download_deadline()
    if is_url:
        content = download(source, max_bytes=MAX_BYTES, deadline=deadline)
    else:
        content = _read_model_file(source)
    if not is_tflite(content):
        content, manifest, signature = _unpack(content, source)
    elif is_url:
        manifest, signature = _download_beside(source, deadline)
    else:
        manifest, signature = _read_beside(source)
    return Artifact(source=source, content=content, manifest=manifest, signature=signature)


def _download_beside(url: str, deadline: float) -> tuple[bytes, bytes | None]:
    """Download a model's manifest and, if there is one, its signature."""
    parts = urlsplit(url)
    path = parts.path.removesuffix(PurePosixPath(parts.path).suffix) + ".json"
    manifest = urlunsplit(parts._replace(path=path))
    signature = urlunsplit(parts._replace(path=path + SIGNATURE_SUFFIX))
    return (
        download(manifest, max_bytes=MAX_BYTES, deadline=deadline),
        download_if_present(signature, max_bytes=MAX_BYTES, deadline=deadline),
    )


def _read_beside(model: str) -> tuple[bytes, bytes | None]:
    """Read a model's manifest and, if there is one, its signature."""
    manifest = Path(model).with_suffix(".json")
    signature = manifest.with_name(manifest.name + SIGNATURE_SUFFIX)
    if not manifest.is_file():
        raise _no_manifest(model, manifest.name)
    return (
        _read_limited(manifest),
        _read_limited(signature) if signature.is_file() else None,
    )


def _read_model_file(source: str) -> bytes:
    path = Path(source)
    if not (exists(path) and path.is_file()):
        raise ModelNotFound(
            f"no file {source}; expected a .tflite with its .json beside it, or a .tar.gz or .zip "
            "of both"
        )
    return _read_limited(path)


def _read_limited(path: Path) -> bytes:
    try:
        require_regular_file(path)
        with path.open("rb") as stream:
            content = stream.read(MAX_BYTES + 1)
    except OSError as error:
        raise InvalidArtifact(f"cannot read {path} ({error.strerror}); copy it again") from error
    _require_size(len(content), str(path))
    return content


def _unpack(content: bytes, source: str) -> tuple[bytes, bytes, bytes | None]:
    """Return the model of an archive, its manifest and, if there is one, its signature."""
    if not content.startswith((_GZIP, _ZIP)):
        raise InvalidArtifact(
            f"{source} is not a .tflite, .tar.gz or .zip ({len(content)} bytes); copy it again"
        )
    unpack = _unpack_tar if content.startswith(_GZIP) else _unpack_zip
    try:
        files = unpack(content, source)
    except MnistEdgeError:
        raise
    # zipfile raises almost anything for a damaged archive.
    except Exception as error:
        raise InvalidArtifact(f"cannot read {source} ({one_line(error)}); copy it again") from error
    # macOS puts "._int8.tflite" beside "int8.tflite".
    models = [
        name for name in files if name.endswith(".tflite") and PurePosixPath(name).name[0] != "."
    ]
    if len(models) != 1:
        raise InvalidArtifact(
            f"{source} holds {len(models)} models; expected one .tflite and its manifest"
        )
    manifest = str(PurePosixPath(models[0]).with_suffix(".json"))
    if manifest not in files:
        raise _no_manifest(source, PurePosixPath(manifest).name)
    return files[models[0]], files[manifest], files.get(manifest + SIGNATURE_SUFFIX)


def _unpack_tar(content: bytes, source: str) -> dict[str, bytes]:
    files: dict[str, bytes] = {}
    for count, member in enumerate(read_tar(_gunzip(content, source), source), start=1):
        _require_few(count, source)
        _require_plain(member.name, source, is_plain=member.is_file or member.is_folder)
        if member.is_file:
            files[_normalize(member.name)] = member.content
    return files


def _gunzip(content: bytes, source: str) -> bytes:
    """Decompress a gzip file of one member, as packing programs write it."""
    import zlib

    stream = zlib.decompressobj(wbits=_GZIP_WBITS)
    plain = stream.decompress(content, MAX_BYTES + 1)
    _require_size(len(plain), source)
    if not stream.eof:
        raise InvalidArtifact(f"{source} is truncated; copy it again")
    if stream.unused_data.strip(b"\0"):
        raise InvalidArtifact(f"{source} has more data after its archive; pack it again")
    return plain


def _unpack_zip(content: bytes, source: str) -> dict[str, bytes]:
    import zipfile

    files, size = {}, 0
    # Before zipfile takes half a kilobyte for each.
    _require_few(content.count(_ZIP_ENTRY), source)
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        _require_few(len(archive.infolist()), source)
        for member in archive.infolist():
            kind = stat.S_IFMT(member.external_attr >> 16)
            _require_plain(
                member.filename, source, is_plain=kind in (0, stat.S_IFREG, stat.S_IFDIR)
            )
            if member.is_dir():
                continue
            if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                # LZMA reserves the memory that the file names.
                raise InvalidArtifact(
                    f"{source} is compressed by method {member.compress_type}; expected deflate"
                )
            with archive.open(member) as stream:
                part = stream.read(MAX_BYTES - size + 1)
            size += len(part)
            _require_size(size, source)
            files[_normalize(member.filename)] = part
    return files


def _normalize(name: str) -> str:
    """Remove the ``./`` that tar puts before a member's name."""
    return str(PurePosixPath(name))


def _require_plain(name: str, source: str, *, is_plain: bool) -> None:
    """Refuse members that no archive of a model needs, although none is unpacked to disk."""
    path = PurePosixPath(name.replace("\\", "/"))
    if path.is_absolute() or ".." in path.parts or ":" in name:
        raise InvalidArtifact(
            f"{source} holds {name!r:.80}, a path outside the archive; pack plain file names"
        )
    if not is_plain:
        raise InvalidArtifact(f"{source} holds {name!r:.80}, a link or a device; pack plain files")


def _require_few(members: int, source: str) -> None:
    if members > _MAX_MEMBERS:
        raise InvalidArtifact(
            f"{source} holds more than {_MAX_MEMBERS} files; pack the model and its manifest alone"
        )


def _require_size(size: int, source: str) -> None:
    if size > MAX_BYTES:
        raise InvalidArtifact(
            f"{source} has more than {MAX_BYTES:,} bytes, too many for a model of digits"
        )


def _no_manifest(source: str, name: str) -> InvalidArtifact:
    return InvalidArtifact(
        f"{source} has no manifest {one_line(name)[:80]}; copy both, as mnist-edge convert writes "
        "them"
    )
