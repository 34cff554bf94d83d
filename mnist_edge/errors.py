"""The errors of this package.

    MnistEdgeError                  something could not be done (exit 1)
    ├── DataError                   the MNIST data
    │   ├── DataUnavailable         not found, and it cannot be fetched
    │   ├── MalformedData           truncated, wrong magic number, or counts that differ
    │   └── DataHashMismatch        well formed, but not MNIST
    ├── PictureError                a picture to read
    │   ├── PictureNotFound
    │   └── UnreadablePicture       empty, truncated, or not an image
    ├── ModelError                  a model to run, train, convert or install
    │   ├── ModelNotFound
    │   ├── InvalidManifest
    │   ├── InvalidModel            not a TFLite or Keras model, or truncated
    │   ├── ModelHashMismatch       not the sha256 in its manifest
    │   ├── InvalidArtifact         not a model with its manifest, or too large
    │   ├── InvalidRecord           the record of the model in use cannot be read
    │   ├── DownloadFailed
    │   ├── UntrustedModel          not signed by a trusted key
    │   ├── MixedNetworks           files of one folder, converted from different networks
    │   ├── ModelRejected           does not answer as its manifest says
    │   └── UnsuitableModel         not a model of 28x28 digits with ten outputs, or with operators
    │                               that the runtime lacks
    ├── ConversionError             the converted model did not pass its checks
    │   └── AccuracyLost            it passed all but the accuracy gate (exit 3)
    ├── BundleFailed                a wheel for a board cannot be downloaded or built
    ├── CheckpointMismatch          --resume with other settings than the interrupted run
    ├── MissingDependency           an extra or the TFLite runtime is not installed
    ├── NotWritable                 an output file or folder
    ├── InvalidHistory              not a history of readings, damaged, or from a newer release
    ├── NotDelivered                a reading that its receiver does not have yet, or refuses
    ├── StorageFailed               an input of many pictures cannot be read any more
    ├── TooManyErrors               --max-errors was exceeded
    ├── WorkerLost                  a worker process ended before its work was done
    ├── ProgramFailed               a program to be timed failed
    └── UsageError                  the request is wrong (exit 2)
        ├── UnknownName             no such recipe, scheme or runtime
        └── InvalidValue            a setting outside its range

A message is one line that says what was found, what was expected and what to do.
"""

from __future__ import annotations

from collections.abc import Iterable


class MnistEdgeError(Exception):
    """Base class of all errors of this package; its message is one line for a person."""

    exit_code = 1


class DataError(MnistEdgeError):
    """The MNIST data is unavailable, or is not MNIST."""


class DataUnavailable(DataError):
    """MNIST was not found, or cannot be fetched; the message lists what was tried."""


class MalformedData(DataError):
    """A data file is truncated, has a wrong magic number, or does not match its counterpart."""


class DataHashMismatch(DataError):
    """A data file is well formed, but its sha256 is not MNIST's."""


class PictureError(MnistEdgeError):
    """A picture cannot be read."""


class PictureNotFound(PictureError):
    """The path of a picture does not exist, or is a folder without pictures."""


class UnreadablePicture(PictureError):
    """The bytes are empty, truncated, or not in an image format that Pillow reads."""


class ModelError(MnistEdgeError):
    """A model cannot be used."""


class ModelNotFound(ModelError):
    """There is no shipped or installed model, model folder or model file of this name."""


class InvalidManifest(ModelError):
    """A manifest is not JSON, lacks a field, or is from a newer release."""


class InvalidModel(ModelError):
    """The bytes are not a model of the expected format, or are truncated."""


class ModelHashMismatch(ModelError):
    """The model's sha256 is not the one in its manifest."""


class InvalidArtifact(ModelError):
    """A file or archive does not hold one model with its manifest, or is too large."""


class InvalidRecord(ModelError):
    """The record of the model in use cannot be read."""


class DownloadFailed(ModelError):
    """A download failed, or its URL is not https."""


class UntrustedModel(ModelError):
    """The device trusts certain keys, and the model is not signed by any of them."""


class ModelRejected(ModelError):
    """The model runs, but does not answer as its manifest says."""


class MixedNetworks(ModelError):
    """The files of a folder were converted from different networks and cannot be compared."""


class UnsuitableModel(ModelError):
    """The model does not read digits, or has operators that the runtime lacks."""


class ConversionError(MnistEdgeError):
    """A conversion failed, or its result did not pass verification."""


class AccuracyLost(ConversionError):
    """The converted model is correct, but loses more accuracy than allowed."""

    exit_code = 3


class BundleFailed(MnistEdgeError):
    """A wheel for a board cannot be downloaded or built."""


class CheckpointMismatch(MnistEdgeError):
    """The run to resume was started with other settings."""


class MissingDependency(MnistEdgeError):
    """A package is not installed; the message says how to install it."""


def extra_install_command(extra: str) -> str:
    """Return the command that installs an extra's packages, however this package was installed.

    It lists the packages: ``mnist-edge`` is not registered on any package index, so ``pip install
    mnist-edge[...]`` would install whatever somebody registers there.
    """
    import re
    import shlex
    from importlib import metadata
    from pathlib import Path

    try:
        requirements = metadata.requires("mnist-edge") or []
    except metadata.PackageNotFoundError:
        # This is a source tree that is not installed.
        return f"pip install {shlex.quote(f'{Path(__file__).parents[1]}[{extra}]')}"
    pattern = re.compile(rf"(.*?)\s*;.*extra == ['\"]{extra}['\"]")
    packages = [found[1] for found in map(pattern.match, requirements) if found]
    return f"pip install {' '.join(map(shlex.quote, packages))}"


def installed_from() -> str | None:
    """Return the URL that this package was installed from, such as that of a clone.

    pip records it (PEP 610), unless it was a package index.
    """
    import json
    from importlib import metadata

    try:
        record = metadata.distribution("mnist-edge").read_text("direct_url.json")
        return str(json.loads(record or "")["url"])
    except (metadata.PackageNotFoundError, ValueError, KeyError):
        return None


def reinstall_command() -> str:
    """Return the command that installs this package again from the same source."""
    import shlex

    if (url := installed_from()) is None:
        return "install mnist-edge again, the way it was installed"
    return f"pip install --force-reinstall {shlex.quote(url)}"


class NotWritable(MnistEdgeError):
    """An output file or folder cannot be written."""


class InvalidHistory(MnistEdgeError):
    """A file is not a history of readings, is damaged, or is from a newer release."""


class NotDelivered(MnistEdgeError):
    """A message was not delivered.

    Args:
        message: what was tried, and what to do.
        refused: whether the receiver will never take it, so that trying again is no use.
    """

    def __init__(self, message: str, *, refused: bool = False) -> None:
        super().__init__(message)
        self.refused = refused


class StorageFailed(MnistEdgeError):
    """A folder, an archive or an object storage that pictures come from does not answer."""


class TooManyErrors(MnistEdgeError):
    """More pictures cannot be read than ``--max-errors`` allows."""


class WorkerLost(MnistEdgeError):
    """A worker process was killed or crashed before its work was done."""


class ProgramFailed(MnistEdgeError):
    """A program to be timed ended with an error."""


class UsageError(MnistEdgeError):
    """The request is wrong, whatever the data and models."""

    exit_code = 2


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return a hint with the most similar known name, or an empty string."""
    from difflib import get_close_matches

    # The dashes of options are alike in all of them.
    lower = {one.lower().lstrip("-"): one for one in known}
    close = get_close_matches(name.lower().lstrip("-"), lower, n=1)
    return f" (did you mean {lower[close[0]]!r}?)" if close else ""


class UnknownName(UsageError):
    """There is no recipe, scheme or format of this name.

    Args:
        kind: what has the name, for example ``"recipe"``.
        name: the unknown name.
        known: the valid names.
    """

    def __init__(self, kind: str, name: str, known: Iterable[str]) -> None:
        known = list(known)
        hint = did_you_mean(name, known)
        super().__init__(f"unknown {kind} {name!r}{hint}: choose one of {', '.join(known)}")


class InvalidValue(UsageError):
    """A setting is outside its range."""
