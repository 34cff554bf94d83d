"""Install models on a device and switch between them; a working model is always in use.

A model's files are written to a hidden folder and flushed to disk. The folder is then renamed to
the model's name, which depends on its contents, so no model overwrites another. Only then is the
record of the model in use replaced, by one rename. A process killed at any point leaves the old
record or the new one, and both name a complete folder.
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
from mnist_edge.deployment.signatures import read_trusted_keys, require_signed
from mnist_edge.errors import (
    InvalidManifest,
    InvalidRecord,
    ModelHashMismatch,
    ModelNotFound,
    did_you_mean,
)
from mnist_edge.modelstore import DEFAULT_MODEL, SCHEMES, registry
from mnist_edge.modelstore.loading import (
    StoredModel,
    find_model_folder,
    load_model,
    shipped_file,
    shipped_models,
)
from mnist_edge.modelstore.manifest import Lineage
from mnist_edge.modelstore.registry import RECORD_FILE, UsageRecord, read_usage
from mnist_edge.system.files import (
    exists,
    locked,
    not_writable,
    sync_folder,
    write_bytes,
    write_json,
)
from mnist_edge.system.paths import store_folder

_MAX_HISTORY = 20
"""Number of models that ``rollback`` can return to."""
_INCOMING = ".incoming-"
"""Prefix of the name of an unfinished folder."""
_STALE_SECONDS = 3600
"""Age from which an unfinished folder is abandoned; writing a model takes less than a second."""


@dataclass(frozen=True, kw_only=True)
class VerifiedModel:
    """A model that passed every check."""

    name: str
    """Its name on this device."""
    checks: list[PassedCheck]
    """The checks, with their results."""
    lineage: Lineage | None = None
    """Where it comes from, if it was fine-tuned."""


def install(source: str) -> VerifiedModel:
    """Check a model, install it on this device and put it in use.

    Args:
        source: a file or an https address, as ``read_artifact`` takes; a folder, for its int8; or
            the name of a shipped or installed model.

    Raises:
        ModelError: the model cannot be read, or fails a check; the model in use stays in use.
        NotWritable: the folder of models cannot be written.
        MissingDependency: the selected runtime is not installed.
    """
    if exists(source) and Path(source).is_dir():
        source = str(load_model(source).path)
    elif not exists(source) and Path(source).name == source and not Path(source).suffix:
        find_model_folder(source)
        return use(source)
    artifact = read_artifact(source)
    stored, checks = accept_model(artifact, keys=read_trusted_keys())
    scheme = stored.manifest.scheme if stored.manifest else ""
    if scheme not in SCHEMES:
        raise InvalidManifest(
            f"the manifest of {source} lists the scheme {scheme!r}; expected one of "
            f"{', '.join(SCHEMES)}"
        )
    files = {f"{scheme}.tflite": artifact.content, f"{scheme}.json": artifact.manifest}
    if artifact.signature is not None:
        files[f"{scheme}.json{SIGNATURE_SUFFIX}"] = artifact.signature
    name = _model_name(artifact)
    with locked(store_folder()):
        _write_folder(store_folder() / name, files)
        _put_in_use(name)
    return VerifiedModel(name=name, checks=checks, lineage=_lineage(stored))


def use(name: str) -> VerifiedModel:
    """Check an installed or shipped model and put it in use.

    Raises:
        ModelNotFound: there is no model of this name.
        ModelError: it fails a check; the model in use stays in use.
        NotWritable: the folder of models cannot be written.
    """
    verified = verify_model(name)
    if not _is_in_use(name):
        with locked(store_folder()):
            _put_in_use(name)
    return verified


def rollback() -> VerifiedModel:
    """Check the model that was in use before and put it back in use; repeatable.

    Raises:
        ModelNotFound: no model was in use before, or it is gone.
        ModelError: it fails a check; the model in use stays in use.
        NotWritable: the folder of models cannot be written.
    """
    _require_earlier(read_usage())
    with locked(store_folder()):
        record = read_usage()
        _require_earlier(record)
        name, *before = record.before
        verified = verify_model(name or DEFAULT_MODEL)
        _write_record(UsageRecord(in_use=name, before=tuple(before)))
    return verified


def _require_earlier(record: UsageRecord) -> None:
    if not record.before:
        raise ModelNotFound(
            f"no model was in use before {record.in_use or DEFAULT_MODEL}; choose another with: "
            "mnist-edge model use NAME"
        )


def verify_model(name: str | None = None) -> VerifiedModel:
    """Run every check on an installed or shipped model.

    Args:
        name: by default the model in use.

    Raises:
        ModelNotFound: there is no model of this name.
        ModelError: it fails a check.
    """
    if name is None:
        name = read_usage().in_use or DEFAULT_MODEL
    path = registry.find_installed_file(name)
    if path is None and name in shipped_models():
        # It comes with the package: whoever can change it can also change this code.
        stored, checks = accept_model(read_artifact(str(shipped_file(name))), keys=None)
        return VerifiedModel(name=name, checks=checks, lineage=_lineage(stored))
    if path is None:
        known = [*shipped_models(), *registry.installed_models()]
        hint = did_you_mean(name, known)
        raise ModelNotFound(
            f"no model {name!r}{hint} on this device; there are: {', '.join(known)}"
        )
    artifact = read_artifact(str(path))
    # The signature comes first: an untrusted manifest is not even parsed.
    keys = read_trusted_keys()
    require_signed(artifact, keys)
    if _model_name(artifact) != name:
        raise ModelHashMismatch(
            f"the manifest of {path} was changed after its installation; install the model again"
        )
    stored, checks = accept_model(artifact, keys=keys)
    return VerifiedModel(name=name, checks=checks, lineage=_lineage(stored))


def _lineage(stored: StoredModel) -> Lineage | None:
    return stored.manifest.lineage if stored.manifest else None


def _model_name(artifact: Artifact) -> str:
    """Return the model's name: recipe, scheme and the first digits of the manifest's sha256."""
    manifest = artifact.parse_manifest()
    recipe = re.sub("[^a-z0-9]+", "-", manifest.recipe.lower()).strip("-")[:40] or "model"
    digest = hashlib.sha256(artifact.manifest).hexdigest()
    return f"{recipe}-{manifest.scheme}-{digest[:12]}"


def _write_folder(folder: Path, files: dict[str, bytes]) -> None:
    """Write a model's folder completely or not at all; repair it if it exists."""
    if folder.is_dir():
        for name, content in files.items():
            path = folder / name
            if not (path.is_file() and path.read_bytes() == content):
                write_bytes(path, content)
        sync_folder(folder)
        return
    _remove_abandoned(folder.parent)
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


def _remove_abandoned(store: Path) -> None:
    """Remove the folders of killed installations, but not those of running ones."""
    for path in store.glob(f"{_INCOMING}*"):
        # Another installation may just have finished it.
        with suppress(OSError):
            if time.time() - path.stat().st_mtime > _STALE_SECONDS:
                shutil.rmtree(path, ignore_errors=True)


def _is_in_use(name: str) -> bool:
    try:
        return name == (read_usage().in_use or DEFAULT_MODEL)
    except InvalidRecord:
        return False


def _put_in_use(name: str) -> None:
    """Record that a model is in use; a damaged record is replaced. The store must be locked."""
    if _is_in_use(name):
        return
    before: tuple[str | None, ...]
    try:
        record = read_usage()
    except InvalidRecord:
        before = () if name == DEFAULT_MODEL else (None,)
    else:
        before = (record.in_use, *record.before)[:_MAX_HISTORY]
    _write_record(UsageRecord(in_use=name, before=before))


def _write_record(record: UsageRecord) -> None:
    store = store_folder()
    write_json(store / RECORD_FILE, asdict(record))
    sync_folder(store)
