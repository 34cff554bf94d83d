from __future__ import annotations

import sys
from pathlib import Path

import pytest

from converters import loader
from mnist_edge.errors import InvalidModel, MissingDependency
from tests.support.conversions import NO_DIGITS


def test_hdf5_without_h5py_is_an_error_that_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "model.h5"
    path.write_bytes(b"\x89HDF\r\n\x1a\n")
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(MissingDependency, match=r"h5py does not import.*pip install"):
        loader.load_trained_model(path, NO_DIGITS)


@pytest.mark.usefixtures("impatient")
def test_hdf5_with_a_cycle_is_an_error(tmp_path: Path) -> None:
    import h5py

    path = tmp_path / "circle.h5"
    with h5py.File(path, "w") as file:
        file.attrs["model_config"] = "x" * 96
        file.attrs["layer_names"] = ["dense"]
    content = bytearray(path.read_bytes())
    # The heap's second object, now of no size, is what follows it, forever.
    second = content.index(b"GCOL") + 16 + 16 + 96
    content[second : second + 16] = bytes(16)
    path.write_bytes(content)
    with pytest.raises(InvalidModel, match="its reader gives no answer in"):
        loader.load_trained_model(path, NO_DIGITS)
