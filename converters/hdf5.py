"""Reading an HDF5 file in a process of its own, whole, before any framework opens it.

HDF5 has no checksums over what it stores, and its library follows whatever it finds: in a damaged
file it can crash, ask for all the memory there is, or loop for ever without an exception. What the
child can read, a framework can.

``python -m converters.hdf5 FILE OUTCOME`` is the child: it leaves what it found in ``OUTCOME``.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from mnist_edge.errors import InvalidModel

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
    with tempfile.TemporaryDirectory(prefix="mnist-edge-") as temporary:
        outcome = Path(temporary) / "outcome.json"
        try:
            child = subprocess.run(
                [sys.executable, "-m", "converters.hdf5", str(path), str(outcome)],
                capture_output=True,
                text=True,
                errors="replace",
                check=False,
                timeout=_SECONDS + path.stat().st_size / _BYTES_A_SECOND,
            )
        except subprocess.TimeoutExpired:
            raise _damaged(path, "it keeps its reader busy without an end") from None
        if child.returncode < 0:
            raise _damaged(path, f"it crashes its reader, signal {-child.returncode}")
        if child.returncode:
            lines = child.stderr.split("\n") if child.stderr else []
            raise _damaged(path, next((line for line in lines[::-1] if line), "no reason given"))
        return Hdf5Contents(**json.loads(outcome.read_text(encoding="utf-8")))


def _damaged(path: Path, reason: str) -> InvalidModel:
    said = " ".join(reason.split())[:150]
    return InvalidModel(f"{path} is damaged HDF5 ({said}); copy or download the file again")


def _contents(path: Path) -> Hdf5Contents:
    import h5py

    with h5py.File(path, "r") as file:
        _read_attributes(file)
        # A file that is cut in its middle still opens.
        file.visititems(_read_whole)
        return Hdf5Contents(
            model_config=_text(file.attrs.get("model_config")),
            training_config=_text(file.attrs.get("training_config")),
            weights="layer_names" in file.attrs
            or "layers" in file
            or "_layer_checkpoint_dependencies" in file,
        )


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


def _limit_memory(path: Path) -> None:
    try:
        import resource
    except ImportError:  # Windows has no such limit
        return
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    wanted = _MEMORY + 2 * path.stat().st_size
    allowed = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    resource.setrlimit(resource.RLIMIT_AS, (allowed, hard))


def main() -> None:
    """The child's side."""
    path, outcome = map(Path, sys.argv[1:])
    _limit_memory(path)
    try:
        found = _contents(path)
    # h5py raises OSError, KeyError, RuntimeError and others, as the damage leads it.
    except Exception as error:  # noqa: BLE001  # every one of them says that the file is damaged
        sys.exit(f"{type(error).__name__}: {' '.join(str(error).split())}")
    outcome.write_text(json.dumps(asdict(found)), encoding="utf-8")


if __name__ == "__main__":
    main()
