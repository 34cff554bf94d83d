"""Every error this package raises on purpose.

    MnistEdgeError                  something could not be done (exit 1)
    ├── DataError                   the MNIST files
    │   ├── DataUnavailable         no way to get them worked
    │   ├── MalformedData           truncated, wrong magic number, counts that differ
    │   └── DataHashMismatch        well formed, but not MNIST
    ├── PictureError                a picture to be read
    │   ├── PictureNotFound
    │   └── UnreadablePicture       empty, truncated, or not an image
    ├── ModelError                  a model to be run, trained or converted
    │   ├── ModelNotFound
    │   ├── InvalidManifest
    │   ├── InvalidModel            not a TFLite or Keras model, or truncated
    │   ├── ModelHashMismatch       not the bytes that its manifest vouches for
    │   ├── InvalidArtifact         no model with its manifest, or too large to be one
    │   ├── InvalidRecord           which model is in use cannot be read
    │   ├── DownloadFailed
    │   ├── UntrustedModel          not signed by whoever must
    │   ├── ModelRejected           does not answer as its manifest promises
    │   ├── MixedNetworks           files in one folder, converted from different networks
    │   └── UnsuitableModel         a model, but not of 28x28 digits with ten outputs, or none that
    │                               the runtime has all operators for
    ├── ConversionError             the converted model did not pass its checks
    │   └── AccuracyLost            it passed them but for the accuracy gate (exit 3)
    ├── BundleFailed                a wheel for a board could not be had or built
    ├── CheckpointMismatch          --resume with settings other than the interrupted run's
    ├── MissingDependency           an extra, or the TFLite runtime, is not installed
    ├── NotWritable                 an output file or folder
    ├── WorkerLost                  a process that reads pictures ended before it was done
    ├── ProgramFailed               what was to be timed did not do its work
    └── UsageError                  the request itself is wrong (exit 2)
        ├── UnknownName             no such recipe, scheme or runtime
        └── InvalidValue            a setting outside its range

A message says what was found, what was expected and what to do, on one line.
"""

from __future__ import annotations

from collections.abc import Iterable


class MnistEdgeError(Exception):
    """Root of every error raised on purpose; its message is one line for a person."""

    exit_code = 1


class DataError(MnistEdgeError):
    """The MNIST data could not be had or is not what it should be."""


class DataUnavailable(DataError):
    """No way to get MNIST worked; the message lists what was tried."""


class MalformedData(DataError):
    """A data file is truncated, has a wrong magic number, or does not fit its twin."""


class DataHashMismatch(DataError):
    """A data file is well formed but its sha256 is not MNIST's."""


class PictureError(MnistEdgeError):
    """A picture could not be read."""


class PictureNotFound(PictureError):
    """A path given as a picture names no file, or a folder that holds none."""


class UnreadablePicture(PictureError):
    """The bytes are empty, truncated, or no image format that Pillow knows."""


class ModelError(MnistEdgeError):
    """A model could not be used."""


class ModelNotFound(ModelError):
    """Neither a shipped model's name, nor a model folder, nor a model file."""


class InvalidManifest(ModelError):
    """A manifest is not JSON, lacks a field, or comes from a newer release."""


class InvalidModel(ModelError):
    """The bytes are no model of the expected format, or are truncated."""


class ModelHashMismatch(ModelError):
    """The model's bytes are not those its manifest vouches for."""


class InvalidArtifact(ModelError):
    """A file or archive that is no model with its manifest, or is too large to be one."""


class InvalidRecord(ModelError):
    """The file that says which model is in use cannot be read."""


class DownloadFailed(ModelError):
    """An address gave no model, or is not https."""


class UntrustedModel(ModelError):
    """The device holds public keys, and the owner of none of them signed the model."""


class ModelRejected(ModelError):
    """A sound model that does not answer as its manifest promises."""


class MixedNetworks(ModelError):
    """Files of one folder were converted from different networks: they cannot be compared."""


class UnsuitableModel(ModelError):
    """A sound model, but no digit model, or not one that the runtime has all operators for."""


class ConversionError(MnistEdgeError):
    """A conversion failed or its result did not pass verification."""


class AccuracyLost(ConversionError):
    """A sound conversion that costs more accuracy than was allowed."""

    exit_code = 3


class BundleFailed(MnistEdgeError):
    """A wheel that a board needs could not be downloaded or built."""


class CheckpointMismatch(MnistEdgeError):
    """The interrupted run to resume was started with other settings."""


class MissingDependency(MnistEdgeError):
    """Something to install; the message is the line to type."""


def extra_install_command(extra: str) -> str:
    """Return the command that installs an extra's packages, however this one was installed.

    They are named one by one: ``mnist-edge`` is not this project's name on any package index, and
    whoever registers it there would be installed.
    """
    import re
    import shlex
    from importlib import metadata
    from pathlib import Path

    try:
        requirements = metadata.requires("mnist-edge") or []
    except metadata.PackageNotFoundError:
        # A source tree on the path.
        return f"pip install {shlex.quote(f'{Path(__file__).parents[1]}[{extra}]')}"
    pattern = re.compile(rf"(.*?)\s*;.*extra == ['\"]{extra}['\"]")
    packages = [found[1] for found in map(pattern.match, requirements) if found]
    return f"pip install {' '.join(map(shlex.quote, packages))}"


def reinstall_command() -> str:
    """Return the command that installs this package again, from where it was installed.

    pip records where that is (PEP 610), but for what it found on an index.
    """
    import json
    import shlex
    from importlib import metadata

    try:
        record = metadata.distribution("mnist-edge").read_text("direct_url.json")
        return f"pip install --force-reinstall {shlex.quote(json.loads(record or '')['url'])}"
    except (metadata.PackageNotFoundError, ValueError, KeyError):
        return "install mnist-edge again, the way it was installed"


class NotWritable(MnistEdgeError):
    """An output file or folder cannot be written."""


class WorkerLost(MnistEdgeError):
    """A worker process ended before its work was done: it was killed, or it crashed."""


class ProgramFailed(MnistEdgeError):
    """A program that was started to be timed ended with an error."""


class UsageError(MnistEdgeError):
    """What was asked for is wrong in itself."""

    exit_code = 2


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return a remark that names the closest of the known names, or an empty string."""
    from difflib import get_close_matches

    lower = {one.lower(): one for one in known}
    close = get_close_matches(name.lower(), lower, n=1)
    return f" (did you mean {lower[close[0]]!r}?)" if close else ""


class UnknownName(UsageError):
    """No recipe, scheme or format has this name.

    Args:
        kind: what the name should have named, for example ``"recipe"``.
        name: what was given.
        known: the names there are.
    """

    def __init__(self, kind: str, name: str, known: Iterable[str]) -> None:
        known = list(known)
        hint = did_you_mean(name, known)
        super().__init__(f"unknown {kind} {name!r}{hint}: choose one of {', '.join(known)}")


class InvalidValue(UsageError):
    """A setting is outside the range it may have."""
