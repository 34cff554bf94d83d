"""Read a whole HDF5 file in a process of its own, before any framework opens it.

HDF5 has no checksums over its content, and its library trusts what it finds: on a damaged file it
can crash, request all memory there is, or loop forever without an exception. If the child can read
a file, so can a framework.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from mnist_edge.errors import InvalidModel
from mnist_edge.system.subprocesses import ChildFailed, ChildLimits, call_in_child

_SECONDS = 20
"""Time limit of the child for a small file; a sound one takes less than a second."""
_BYTES_PER_SECOND = 1_000_000
"""Minimum reading rate beyond that, on a slow disk."""
_MEMORY = 4 << 30
"""Maximum address space of the child in bytes, besides twice the file's own size."""


@dataclass(frozen=True, kw_only=True)
class Hdf5Contents:
    """What Keras stores of a model in HDF5, besides its weights."""

    model_config: str | None
    """Configuration of the network, JSON; None if there is none."""
    training_config: str | None
    """Configuration it was compiled with, JSON; None if there is none."""
    weights: bool
    """Whether there are weights in Keras' layout."""


def read_hdf5(path: Path, *, name: str) -> Hdf5Contents:
    """Read everything in a file.

    Args:
        path: an HDF5 file; h5py is installed.
        name: of the model file, for messages.

    Raises:
        InvalidModel: it is damaged.
    """
    size = path.stat().st_size
    limits = ChildLimits(seconds=_SECONDS + size / _BYTES_PER_SECOND, memory=_MEMORY + 2 * size)
    try:
        return Hdf5Contents(**call_in_child(limits, _read_contents, str(path)))
    except ChildFailed as failure:
        raise InvalidModel(
            f"{name} is damaged HDF5: its reader {str(failure)[:150]}; copy or download the file "
            "again"
        ) from failure


def _read_contents(path: str) -> dict[str, Any]:
    """Read everything in a file; return the fields of ``Hdf5Contents``."""
    import h5py

    with h5py.File(path, "r") as file:
        _read_attributes(file)
        # A truncated file still opens.
        file.visititems(_read_whole)
        contents = Hdf5Contents(
            model_config=_text(file.attrs.get("model_config")),
            training_config=_text(file.attrs.get("training_config")),
            weights="layer_names" in file.attrs
            or "layers" in file
            or "_layer_checkpoint_dependencies" in file,
        )
    return asdict(contents)


def _read_whole(name: str, item: Any) -> None:
    """Read an item completely; a result other than None would stop h5py's walk."""
    _read_attributes(item)
    if hasattr(item, "dtype"):
        item[()]


def _read_attributes(item: Any) -> None:
    for name in item.attrs:
        item.attrs[name]


def _text(value: Any) -> str | None:
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    return value if isinstance(value, str) else None
