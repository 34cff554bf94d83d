"""Reading an HDF5 file in a process of its own, whole, before any framework opens it.

HDF5 has no checksums over what it stores, and its library follows whatever it finds: in a damaged
file it can crash, ask for all the memory there is, or loop for ever without an exception. What the
child can read, a framework can.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from mnist_edge.errors import InvalidModel
from mnist_edge.system.subprocesses import ChildFailed, Limits, call_in_child

_SECONDS = 20
"""Time that the child may take for a small file; a sound one takes less than a second."""
_BYTES_A_SECOND = 1_000_000
"""What it reads at the least, on a slow disk, beyond that."""
_MEMORY = 4 << 30
"""Bytes of address space that it may take, beside the file's own size."""


@dataclass(frozen=True, kw_only=True)
class Hdf5Contents:
    """What Keras keeps of a model in HDF5, beside its weights."""

    model_config: str | None
    """Configuration of the network, JSON; None where there is none."""
    training_config: str | None
    """What it was compiled with, JSON; None where there is nothing."""
    weights: bool
    """Whether there are weights as Keras stores them."""


def read_hdf5(path: Path) -> Hdf5Contents:
    """Reads all there is in a file.

    Args:
        path: an HDF5 file; h5py is installed.

    Raises:
        InvalidModel: it is damaged.
    """
    size = path.stat().st_size
    limits = Limits(seconds=_SECONDS + size / _BYTES_A_SECOND, memory=_MEMORY + 2 * size)
    try:
        return Hdf5Contents(**call_in_child(limits, _read_contents, str(path)))
    except ChildFailed as failure:
        raise InvalidModel(
            f"{path} is damaged HDF5: its reader {str(failure)[:150]}; copy or download the file "
            "again"
        ) from failure


def _read_contents(path: str) -> dict[str, Any]:
    """Read everything in a file; return the fields of ``Hdf5Contents``."""
    import h5py

    with h5py.File(path, "r") as file:
        _read_attributes(file)
        # A file that is cut in its middle still opens.
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
    """Reads an item to its end; h5py stops its walk at whatever is not None."""
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
