"""The wheel of an installed package; that it equals the built one is tested in an environment of
its own, in ``tests/packaging/test_wheel.py``."""

from __future__ import annotations

import base64
import hashlib
import zipfile
from importlib import metadata
from pathlib import Path

import pytest

import mnist_edge
from mnist_edge.deployment.bundle.own_wheel import make_own_wheel
from mnist_edge.errors import BundleFailed

INFO = "mnist_edge-7.dist-info"
FILES = {
    "mnist_edge/__init__.py": b"",
    "mnist_edge/samples/digit.png": bytes(range(256)),
    f"{INFO}/METADATA": b"Metadata-Version: 2.1\nName: mnist-edge\nVersion: 7\n",
    f"{INFO}/WHEEL": b"Wheel-Version: 1.0\n",
}


def digest(content: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that pip installed a small package in, which stands for the running one."""
    site = tmp_path / "site"
    for name, content in {**FILES, f"{INFO}/INSTALLER": b"pip\n"}.items():
        path = site / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    lines = [f"{name},sha256={digest(content)},{len(content)}" for name, content in FILES.items()]
    by_pip = [
        f"{INFO}/INSTALLER,sha256={digest(b'pip')},4",
        "../bin/mnist-edge,,",
        f"{INFO}/RECORD,,",
    ]
    (site / INFO / "RECORD").write_text("\n".join([*lines, *by_pip, ""]))
    found = metadata.Distribution.at(site / INFO)
    monkeypatch.setattr(mnist_edge, "__file__", str(site / "mnist_edge" / "__init__.py"))
    monkeypatch.setattr(metadata, "distribution", lambda name: found)
    return site


def test_an_installed_package_is_packed_again_without_what_pip_added(
    installed: Path, tmp_path: Path
) -> None:
    first, second = (make_own_wheel(tmp_path / name) for name in ("one", "two"))
    assert first.name == "mnist_edge-7-py3-none-any.whl"
    assert first.read_bytes() == second.read_bytes()
    with zipfile.ZipFile(first) as archive:
        record = archive.read(f"{INFO}/RECORD").decode()
        assert {name: archive.read(name) for name in archive.namelist()} == {
            **FILES,
            f"{INFO}/RECORD": record.encode(),
        }
    assert "INSTALLER" not in record
    assert record.endswith(f"{INFO}/RECORD,,\n")


def test_a_file_that_was_changed_since_is_named(installed: Path, tmp_path: Path) -> None:
    (installed / "mnist_edge/samples/digit.png").write_bytes(b"other")
    with pytest.raises(BundleFailed, match=r"digit\.png was changed after its installation"):
        make_own_wheel(tmp_path / "out")
    assert not list((tmp_path / "out").iterdir())


def test_a_folder_that_is_neither_a_source_tree_nor_installed_is_refused(
    installed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(name: str) -> metadata.Distribution:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "distribution", missing)
    with pytest.raises(BundleFailed, match="neither a source tree nor installed by pip"):
        make_own_wheel(tmp_path / "out")
