"""Look up the models that the user installed, and which model is in use.

Each user has one folder, in which every model has a folder of its own that never changes::

    in-use.json                       the model in use, and those that were in use before
    trusted.pem                       public keys, if models must be signed
    nano-int8-0f2e6b1c9a47/           int8.tflite, int8.json and, if signed, int8.json.sig

A model's name ends in the beginning of its manifest's sha256, and the manifest holds the model's,
so the name identifies every byte. This module only reads, which is what ``predict`` needs;
``mnist_edge.deployment.install`` writes.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from types import NoneType

from mnist_edge.errors import InvalidRecord, NotWritable
from mnist_edge.system.files import read_regular_file
from mnist_edge.system.paths import STORE_VARIABLE, store_folder
from mnist_edge.system.records import record

RECORD_FILE = "in-use.json"
"""Name of the file that says which model is in use. Replacing it switches the model."""

_NAME = re.compile(r"[a-z0-9-]+-(?P<scheme>[a-z0-9]+)-[0-9a-f]{12}")
"""Names of installed models; other names are never looked up in the folder."""


@record(frozen=True, kw_only=True)
class UsageRecord:
    """The model in use, and those that were in use before."""

    in_use: str | None = None
    """Name of an installed or a shipped model; None for the shipped default."""
    before: tuple[str | None, ...] = ()
    """The models that were in use before, the latest first."""

    def __post_init__(self) -> None:
        for name in (self.in_use, *self.before):
            if not isinstance(name, (str, NoneType)):
                raise TypeError(f"{name!r} is not the name of a model")


def read_usage() -> UsageRecord:
    """Read which model is in use; the shipped default if nothing was ever installed.

    Raises:
        InvalidRecord: there is a record that cannot be read.
    """
    try:
        path = store_folder() / RECORD_FILE
    except NotWritable:
        return UsageRecord()
    try:
        document = json.loads(read_regular_file(path))
        return UsageRecord(in_use=document["in_use"], before=_as_tuple(document["before"]))
    except (FileNotFoundError, NotADirectoryError):
        return UsageRecord()
    except OSError as error:
        raise InvalidRecord(
            f"cannot read {path}: {error.strerror}; make it readable, or name another folder in "
            f"{STORE_VARIABLE}"
        ) from error
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise InvalidRecord(
            f"{path} is damaged, so it is unknown which model is in use; choose one with: "
            "mnist-edge model use NAME"
        ) from error


def _as_tuple(value: object) -> tuple[str | None, ...]:
    if not isinstance(value, list):
        raise TypeError(f"{type(value).__name__} is not a list of models")
    return tuple(value)


def find_installed_file(name: str) -> Path | None:
    """Return the ``.tflite`` of an installed model; None if there is no model of that name."""
    matched = _NAME.fullmatch(name)
    if not matched:
        return None
    try:
        path = store_folder() / name / f"{matched['scheme']}.tflite"
    except NotWritable:
        return None
    # Without its manifest it cannot be verified, and does not count as installed.
    return path if path.is_file() and path.with_suffix(".json").is_file() else None


def installed_models() -> list[str]:
    """Return the names of all installed models, in alphabetical order."""
    try:
        entries = [entry.name for entry in store_folder().iterdir()]
    except (OSError, NotWritable):
        return []
    return sorted(name for name in entries if find_installed_file(name))
