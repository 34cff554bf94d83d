"""Putting models on a device, and choosing among them, so that one that works is always in use.

A model's files go into a folder under a hidden name, and reach the disk; the folder takes its
name, which stands for its contents, so that no model is ever written over another; and only then
the record that says which is in use is replaced by another, which is one rename. A process that is
killed anywhere leaves the old record or the new one, and both name a folder that is whole.
"""

from __future__ import annotations

import hashlib
import re
import secrets
import shutil
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from mnist_edge.deployment.acceptance import PassedCheck, accept_model
from mnist_edge.deployment.artifact import SIGNATURE_SUFFIX, Artifact, read_artifact
from mnist_edge.deployment.signatures import read_trusted_keys
from mnist_edge.errors import InvalidManifest, InvalidRecord, ModelHashMismatch, ModelNotFound
from mnist_edge.modelstore import registry
from mnist_edge.modelstore.loading import DEFAULT_MODEL, SCHEMES, shipped_file, shipped_models
from mnist_edge.modelstore.manifest import ModelManifest
from mnist_edge.modelstore.registry import RECORD_FILE, UsageRecord, read_usage
from mnist_edge.system.files import not_writable, sync_folder, write_bytes, write_json
from mnist_edge.system.paths import store_folder

_REMEMBERED = 20
"""Models that ``rollback`` can go back to."""
_INCOMING = ".incoming-"
"""What the name of a folder begins with that is not finished."""
_STALE = 3600
"""Seconds after which an unfinished folder is nobody's: what an installation writes takes less than
one."""


@dataclass(frozen=True, kw_only=True)
class VerifiedModel:
    """A model that passed every check."""

    name: str
    """What it is called on this device."""
    checks: list[PassedCheck]
    """What was checked and found."""


def install(source: str) -> VerifiedModel:
    """Puts a model on this device and, once it passed every check, in use.

    Args:
        source: a file or an https address, as ``read_artifact`` takes.

    Raises:
        ModelError: it cannot be had or did not pass; what was in use is in use.
        NotWritable: the folder of models cannot be written.
        MissingDependency: the runtime that was chosen is not installed.
    """
    artifact = read_artifact(source)
    stored, checks = accept_model(artifact, keys=read_trusted_keys())
    scheme = stored.manifest.scheme if stored.manifest else ""
    if scheme not in SCHEMES:
        raise InvalidManifest(
            f"{source} is of the scheme {scheme!r}; expected one of {', '.join(SCHEMES)}"
        )
    files = {f"{scheme}.tflite": artifact.content, f"{scheme}.json": artifact.manifest}
    if artifact.signature is not None:
        files[f"{scheme}.json{SIGNATURE_SUFFIX}"] = artifact.signature
    name = _name(artifact)
    _place(store_folder() / name, files)
    _switch(name)
    return VerifiedModel(name=name, checks=checks)


def use(name: str) -> VerifiedModel:
    """Puts an installed or a shipped model in use.

    Raises:
        ModelNotFound: there is none of this name.
        ModelError: it did not pass a check; what was in use is in use.
        NotWritable: the folder of models cannot be written.
    """
    verified = verify_model(name)
    _switch(name)
    return verified


def rollback() -> VerifiedModel:
    """Puts the model in use that was so before; again, and it is the one before that.

    Raises:
        ModelNotFound: none was in use before, or it is gone.
        ModelError: it did not pass a check; what was in use is in use.
        NotWritable: the folder of models cannot be written.
    """
    record = read_usage()
    if not record.before:
        raise ModelNotFound(
            f"no model was in use before {record.in_use or DEFAULT_MODEL}; choose another with: "
            "mnist-edge model use NAME"
        )
    name, *before = record.before
    verified = verify_model(name or DEFAULT_MODEL)
    _write(UsageRecord(in_use=name, before=tuple(before)))
    return verified


def verify_model(name: str | None = None) -> VerifiedModel:
    """Checks an installed or a shipped model in every way there is.

    Args:
        name: the model in use where it is None.

    Raises:
        ModelNotFound: there is none of this name.
        ModelError: it did not pass a check.
    """
    if name is None:
        name = read_usage().in_use or DEFAULT_MODEL
    path = registry.find_installed_file(name)
    if path is None and name in shipped_models():
        # It came with the package, and whoever can change it can change this code as well.
        _, checks = accept_model(read_artifact(str(shipped_file(name))), keys=())
        return VerifiedModel(name=name, checks=checks)
    if path is None:
        known = ", ".join([*shipped_models(), *registry.installed_models()])
        raise ModelNotFound(f"no model {name!r} on this device; there are: {known}")
    artifact = read_artifact(str(path))
    if _name(artifact) != name:
        raise ModelHashMismatch(
            f"the manifest of {path} was changed since it was installed; install the model again"
        )
    _, checks = accept_model(artifact, keys=read_trusted_keys())
    return VerifiedModel(name=name, checks=checks)


def _name(artifact: Artifact) -> str:
    """Recipe and scheme for people, and the beginning of the manifest's sha256."""
    manifest = ModelManifest.from_json(artifact.manifest.decode(), source=Path(artifact.source))
    recipe = re.sub("[^a-z0-9]+", "-", manifest.recipe.lower()).strip("-")[:40] or "model"
    digest = hashlib.sha256(artifact.manifest).hexdigest()
    return f"{recipe}-{manifest.scheme}-{digest[:12]}"


def _place(folder: Path, files: dict[str, bytes]) -> None:
    """Makes a model's folder, whole or not at all; mends it where it is there and damaged."""
    if folder.is_dir():
        for name, content in files.items():
            path = folder / name
            if not (path.is_file() and path.read_bytes() == content):
                write_bytes(path, content)
        sync_folder(folder)
        return
    _sweep(folder.parent)
    incoming = folder.with_name(f"{_INCOMING}{secrets.token_hex(4)}")
    try:
        for name, content in files.items():
            write_bytes(incoming / name, content)
        sync_folder(incoming)
        incoming.rename(folder)
        sync_folder(folder.parent)
    except OSError as error:
        raise not_writable(folder, error) from error
    finally:
        shutil.rmtree(incoming, ignore_errors=True)


def _sweep(store: Path) -> None:
    """Removes what killed installations left, but not what another is at."""
    for path in store.glob(f"{_INCOMING}*"):
        # Another installation may have finished it meanwhile.
        with suppress(OSError):
            if time.time() - path.stat().st_mtime > _STALE:
                shutil.rmtree(path, ignore_errors=True)


def _switch(name: str) -> None:
    try:
        record = read_usage()
    except InvalidRecord:
        record = UsageRecord()
    if name != (record.in_use or DEFAULT_MODEL):
        before = (record.in_use, *record.before)[:_REMEMBERED]
        _write(UsageRecord(in_use=name, before=before))


def _write(record: UsageRecord) -> None:
    store = store_folder()
    write_json(store / RECORD_FILE, asdict(record))
    sync_folder(store)
