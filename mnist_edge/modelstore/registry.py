"""Models of the user's own, beside those that come with the package, and which one is in use.

One folder a user, a folder below it for each model, never changed once it is there::

    in-use.json                       which model is in use, and which were before it
    trusted.pem                       public keys, where models must be signed
    nano-int8-0f2e6b1c9a47/           int8.tflite, int8.json and, where signed, int8.json.sig

The last part of a model's name is the beginning of its manifest's sha256, and the manifest holds
that of the model: the name stands for every byte. Here is only what ``predict`` needs, one small
file read; ``mnist_edge.deployment.install`` writes.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from types import NoneType

from mnist_edge.errors import InvalidRecord, NotWritable
from mnist_edge.system.paths import STORE_VARIABLE, store_folder

RECORD_FILE = "in-use.json"
"""Name of the file that says which model is in use. Replacing it is the switch."""

_NAME = re.compile(r"[a-z0-9-]+-(?P<scheme>[a-z0-9]+)-[0-9a-f]{12}")
"""What the names of installed models look like; no other name is looked for in the folder."""


@dataclass(frozen=True, kw_only=True)
class UsageRecord:
    """Which model is in use, and which were."""

    in_use: str | None = None
    """Name of an installed or a shipped model; None for the shipped default."""
    before: tuple[str | None, ...] = ()
    """What was in use earlier, the latest first."""

    def __post_init__(self) -> None:
        for name in (self.in_use, *self.before):
            if not isinstance(name, (str, NoneType)):
                raise TypeError(f"{name!r} is no name of a model")


def read_usage() -> UsageRecord:
    """Which model is in use; the shipped default where nothing was ever installed.

    Raises:
        InvalidRecord: there is a record, and it cannot be read.
    """
    try:
        path = store_folder() / RECORD_FILE
    except NotWritable:
        return UsageRecord()
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        return UsageRecord(in_use=document["in_use"], before=tuple(document["before"]))
    except (FileNotFoundError, NotADirectoryError):
        return UsageRecord()
    except OSError as error:
        raise InvalidRecord(
            f"cannot read {path}: {error.strerror}; make it readable, or name another folder by "
            f"{STORE_VARIABLE}"
        ) from error
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise InvalidRecord(
            f"{path} is damaged, so that the model in use is not known; choose one with: "
            "mnist-edge model use NAME"
        ) from error


def find_installed_file(name: str) -> Path | None:
    """The ``.tflite`` of an installed model; None where no model of that name is installed."""
    matched = _NAME.fullmatch(name)
    if not matched:
        return None
    try:
        path = store_folder() / name / f"{matched['scheme']}.tflite"
    except NotWritable:
        return None
    # Without its manifest nothing vouches for it, and it is not a model of this device.
    return path if path.is_file() and path.with_suffix(".json").is_file() else None


def installed_models() -> list[str]:
    """Names of all installed models, in alphabetical order."""
    try:
        entries = [entry.name for entry in store_folder().iterdir()]
    except (OSError, NotWritable):
        return []
    return sorted(name for name in entries if find_installed_file(name))
