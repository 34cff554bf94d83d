"""A bundle's folder, and the archive that it becomes.

::

    mnist-edge-pi-bookworm-64/
        install.sh                  runs on the board
        target.sh                   what the installer looks for, as shell variables
        mnist-edge-watch.service    for systemd, filled in by the installer
        digit.png                   the first picture to read
        bundle.json                 what is in it, for people and programs
        installer/pip-26.3-py3-none-any.whl
        wheels/                     everything that is installed
        models/01/                  int8.tflite, int8.json and, where signed, int8.json.sig
        SHA256SUMS                  of all of these, as sha256sum reads it

The same files make the same archive, byte for byte: names are in order, and times, owners and modes
are no machine's.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import shlex
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib import resources
from pathlib import Path

from mnist_edge.deployment.artifact import SIGNATURE_SUFFIX, Artifact, read_artifact
from mnist_edge.deployment.bundle.own_wheel import FIXED_TIMESTAMP
from mnist_edge.deployment.bundle.targets import Target
from mnist_edge.errors import InvalidManifest
from mnist_edge.modelstore import loading
from mnist_edge.modelstore.loading import SCHEMES
from mnist_edge.modelstore.manifest import ModelManifest
from mnist_edge.system.files import write_bytes
from mnist_edge.system.paths import SAMPLES

SUMS = "SHA256SUMS"
"""Name of the file with the hashes of all others."""

_EXECUTABLE = "install.sh"


@dataclass(frozen=True, kw_only=True)
class Bundle:
    """An archive that was written."""

    path: Path
    """Where it is."""
    folder: str
    """What it unpacks to."""
    wheels: int
    """How many it installs."""
    size: int
    """Its bytes."""
    sha256: str
    """Of the archive, hexadecimal."""


def write_bundle(
    out: Path,
    target: Target,
    *,
    own: Path,
    wheels: Sequence[Path],
    installer: Path,
    models: Sequence[Artifact],
) -> Bundle:
    """Writes a bundle, whole or not at all.

    Args:
        out: the ``.tar.gz``.
        target: the board it is for.
        own: the wheel of the project.
        wheels: those that it needs.
        installer: the wheel of pip.
        models: to be installed, of which the last is in use afterwards.

    Raises:
        ModelError: a model is not the one that its manifest vouches for.
        NotWritable: the archive cannot be written.
    """
    everything = sorted([own, *wheels], key=lambda wheel: wheel.name)
    files = {
        "digit.png": (SAMPLES / "digit.png").read_bytes(),
        f"installer/{installer.name}": installer.read_bytes(),
        **{f"wheels/{wheel.name}": wheel.read_bytes() for wheel in everything},
        **_model_files(models),
    }
    for name in (_EXECUTABLE, "mnist-edge-watch.service"):
        files[name] = (resources.files("mnist_edge.deployment.bundle") / name).read_bytes()
    files["bundle.json"] = _described(target, own, everything, models)
    # The installer counts: a line that is missing is told from a file that is not needed.
    files["target.sh"] = _shell_variables(target, version=_version(own), files=len(files) + 1)
    files[SUMS] = sha256_sums(files)
    folder = f"mnist-edge-{target.name}"
    content = _compressed(tar_archive({f"{folder}/{name}": one for name, one in files.items()}))
    write_bytes(out, content)
    return Bundle(
        path=out,
        folder=folder,
        wheels=len(everything),
        size=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
    )


def find_model(model: str) -> Artifact:
    """A model to bundle, with its manifest and, where there is one, its signature.

    Args:
        model: a shipped or an installed model's name, a model folder, of which int8 is taken, or a
            ``.tflite`` file.

    Raises:
        ModelError: there is none, or it is not the one that its manifest vouches for.
    """
    artifact = read_artifact(str(loading.load_model(model).path))
    _manifest(artifact)
    return artifact


def sha256_sums(files: Mapping[str, bytes]) -> bytes:
    """The lines that ``sha256sum --check`` reads, in order of the names."""
    return "".join(
        f"{hashlib.sha256(content).hexdigest()}  {name}\n"
        for name, content in sorted(files.items())
    ).encode()


def tar_archive(files: Mapping[str, bytes]) -> bytes:
    """A tar archive of files, in order of their names, that says nothing of this machine."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name, content in sorted(files.items()):
            member = tarfile.TarInfo(name)
            member.size = len(content)
            member.mtime = FIXED_TIMESTAMP
            member.mode = 0o755 if name.endswith(f"/{_EXECUTABLE}") else 0o644
            archive.addfile(member, io.BytesIO(content))
    return stream.getvalue()


def _compressed(content: bytes) -> bytes:
    stream = io.BytesIO()
    # gzip.compress names the system in the header with some Pythons; this does with none.
    with gzip.GzipFile("", "wb", fileobj=stream, mtime=0) as packed:
        packed.write(content)
    return stream.getvalue()


def _manifest(model: Artifact) -> ModelManifest:
    """What vouches for a model, which is the one that it vouches for."""
    manifest = model.to_stored_model().manifest
    if manifest is None or manifest.scheme not in SCHEMES:
        raise InvalidManifest(
            f"the manifest of {model.source} names no scheme; expected one of {', '.join(SCHEMES)}"
        )
    return manifest


def _model_files(models: Sequence[Artifact]) -> dict[str, bytes]:
    files = {}
    for number, model in enumerate(models, 1):
        stem = f"models/{number:02}/{_manifest(model).scheme}"
        files[f"{stem}.tflite"] = model.content
        files[f"{stem}.json"] = model.manifest
        if model.signature is not None:
            files[f"{stem}.json{SIGNATURE_SUFFIX}"] = model.signature
    return files


def _described(
    target: Target, own: Path, wheels: Sequence[Path], models: Sequence[Artifact]
) -> bytes:
    """``bundle.json``."""
    manifests = [_manifest(model) for model in models]
    document = {
        "mnist_edge": _version(own),
        "target": asdict(target),
        "wheels": {wheel.name.split("-")[0]: _version(wheel) for wheel in wheels},
        "models": [
            {"recipe": one.recipe, "scheme": one.scheme, "sha256": one.sha256} for one in manifests
        ],
    }
    return (json.dumps(document, indent=2) + "\n").encode()


def _version(wheel: Path) -> str:
    """The second part of a wheel's name (PEP 427)."""
    return wheel.name.split("-")[1]


def _shell_variables(target: Target, *, version: str, files: int) -> bytes:
    """``target.sh``."""
    variables = {
        "VERSION": version,
        "TITLE": target.title,
        "PYTHON": target.python,
        "BITS": str(target.bits),
        "KERNELS": " ".join(target.kernels),
        "FROM_SYSTEM": " ".join(package.module for package in target.from_system),
        "APT": " ".join(package.debian for package in target.from_system),
        "FILES": str(files),
    }
    return "".join(f"{name}={shlex.quote(text)}\n" for name, text in variables.items()).encode()
