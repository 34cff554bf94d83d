"""Write a bundle as an archive with this content.

::

    mnist-edge-pi-bookworm-64/
        install.sh                  the installer, which runs on the board
        target.sh                   the installer's requirements, as shell variables
        mnist-edge-watch.service    systemd units, templates for the installer
        digit.png                   the picture of the installer's self-test
        bundle.json                 the list of contents
        device.lock                 the wheels' versions and hashes, for pip
        installer/pip-26.3-py3-none-any.whl
        wheels/                     every wheel to install
        models/01/                  int8.tflite, int8.json and, if signed, int8.json.sig
        SHA256SUMS                  of all other files, for sha256sum
        SHA256SUMS.sig              its signature, if it is signed

Archives are reproducible: the same files give the same bytes, with sorted names and fixed times,
owners and modes.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import shlex
import tarfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib import resources
from pathlib import Path

from mnist_edge.deployment.artifact import SIGNATURE_SUFFIX, Artifact, read_artifact
from mnist_edge.deployment.bundle.own_wheel import FIXED_TIMESTAMP
from mnist_edge.deployment.bundle.targets import Target
from mnist_edge.errors import InvalidManifest
from mnist_edge.modelstore import SCHEMES, loading
from mnist_edge.modelstore.manifest import ModelManifest
from mnist_edge.runtimes.sandbox import open_model
from mnist_edge.system.files import write_bytes
from mnist_edge.system.paths import SAMPLES

SUMS = "SHA256SUMS"
"""Name of the file with the hashes of all other files."""

LOCK = "device.lock"
"""Name of the file with the wheels' versions and hashes."""

_INSTALLER = "install.sh"


@dataclass(frozen=True, kw_only=True)
class Bundle:
    """A written archive."""

    path: Path
    """Its file."""
    folder: str
    """Folder that it unpacks to."""
    wheels: int
    """Number of wheels that it installs."""
    size: int
    """Size in bytes."""
    sha256: str
    """Hash of the archive, hexadecimal."""


def write_bundle(
    out: Path,
    target: Target,
    *,
    own: Path,
    wheels: Sequence[Path],
    installer: Path,
    models: Sequence[Artifact],
    services: Sequence[str] = ("watch",),
    sign: Callable[[bytes], bytes] | None = None,
) -> Bundle:
    """Write a bundle completely or not at all.

    Args:
        out: the ``.tar.gz`` to write.
        target: the board.
        own: the project's wheel.
        wheels: the wheels that it requires.
        installer: pip's wheel.
        models: models to install; the last is put in use.
        services: what a systemd unit is installed for, ``watch``, ``camera`` and ``serve``.
        sign: signs ``SHA256SUMS``, as ``open_signing_key`` returns it; None for no signature.

    Raises:
        ModelError: a model does not match its manifest.
        NotWritable: the archive cannot be written.
    """
    everything = sorted([own, *wheels], key=lambda wheel: wheel.name)
    files = {
        "digit.png": (SAMPLES / "digit.png").read_bytes(),
        f"installer/{installer.name}": installer.read_bytes(),
        **{f"wheels/{wheel.name}": wheel.read_bytes() for wheel in everything},
        **_model_files(models),
    }
    for name in (_INSTALLER, *(f"mnist-edge-{service}.service" for service in services)):
        files[name] = (resources.files("mnist_edge.deployment.bundle") / name).read_bytes()
    files["bundle.json"] = _contents_json(target, own, everything, models)
    files[LOCK] = wheel_lock(everything)
    # The installer counts the files, so that a truncated SHA256SUMS is noticed.
    files["target.sh"] = _shell_variables(target, version=_version(own), files=len(files) + 1)
    files[SUMS] = sha256_sums(files)
    if sign is not None:
        files[f"{SUMS}{SIGNATURE_SUFFIX}"] = sign(files[SUMS])
    folder = f"mnist-edge-{target.name}"
    content = _compress(tar_archive({f"{folder}/{name}": one for name, one in files.items()}))
    write_bytes(out, content)
    return Bundle(
        path=out,
        folder=folder,
        wheels=len(everything),
        size=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
    )


def find_model(model: str) -> Artifact:
    """Read a model to bundle, with its manifest and, if there is one, its signature.

    Args:
        model: name of a shipped or installed model, a model folder, of which int8 is read, or a
            ``.tflite`` file.

    Raises:
        ModelError: there is no such model, it does not match its manifest, or is damaged.
    """
    artifact = read_artifact(str(loading.load_model(model).path))
    _require_manifest(artifact)
    open_model(artifact.to_stored_model())
    return artifact


def sha256_sums(files: Mapping[str, bytes]) -> bytes:
    """Return the lines that ``sha256sum --check`` reads, sorted by name."""
    return "".join(
        f"{hashlib.sha256(content).hexdigest()}  {name}\n"
        for name, content in sorted(files.items())
    ).encode()


def wheel_lock(wheels: Sequence[Path]) -> bytes:
    """Return the requirements that hold ``pip install --require-hashes`` to these very wheels."""
    return "".join(
        f"{wheel.name.split('-')[0]}=={_version(wheel)} "
        f"--hash=sha256:{hashlib.sha256(wheel.read_bytes()).hexdigest()}\n"
        for wheel in wheels
    ).encode()


def tar_archive(files: Mapping[str, bytes]) -> bytes:
    """Return a reproducible tar archive of files, sorted by name."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name, content in sorted(files.items()):
            member = tarfile.TarInfo(name)
            member.size = len(content)
            member.mtime = FIXED_TIMESTAMP
            member.mode = 0o755 if name.endswith(f"/{_INSTALLER}") else 0o644
            archive.addfile(member, io.BytesIO(content))
    return stream.getvalue()


def _compress(content: bytes) -> bytes:
    stream = io.BytesIO()
    # Unlike gzip.compress in some Pythons, this never names the operating system.
    with gzip.GzipFile("", "wb", fileobj=stream, mtime=0) as packed:
        packed.write(content)
    return stream.getvalue()


def _require_manifest(model: Artifact) -> ModelManifest:
    """Return the manifest of a model that matches it and has a known scheme."""
    manifest = model.to_stored_model().manifest
    if manifest is None or manifest.scheme not in SCHEMES:
        raise InvalidManifest(
            f"the manifest of {model.source} lists no known scheme; expected one of "
            f"{', '.join(SCHEMES)}"
        )
    return manifest


def _model_files(models: Sequence[Artifact]) -> dict[str, bytes]:
    files = {}
    for number, model in enumerate(models, 1):
        stem = f"models/{number:02}/{_require_manifest(model).scheme}"
        files[f"{stem}.tflite"] = model.content
        files[f"{stem}.json"] = model.manifest
        if model.signature is not None:
            files[f"{stem}.json{SIGNATURE_SUFFIX}"] = model.signature
    return files


def _contents_json(
    target: Target, own: Path, wheels: Sequence[Path], models: Sequence[Artifact]
) -> bytes:
    """Return the content of ``bundle.json``."""
    manifests = [_require_manifest(model) for model in models]
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
    """Return the version in a wheel's file name (PEP 427)."""
    return wheel.name.split("-")[1]


def _shell_variables(target: Target, *, version: str, files: int) -> bytes:
    """Return the content of ``target.sh``."""
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
