"""The wheel of this project: built from the source tree, or made again of what is installed."""

from __future__ import annotations

import base64
import hashlib
import tempfile
import zipfile
from importlib import metadata
from pathlib import Path

import mnist_edge
from mnist_edge.deployment.bundle.pip import run_pip
from mnist_edge.errors import BundleFailed, reinstall_command

FIXED_DATE = (1980, 1, 1, 0, 0, 0)
"""When every file of a wheel and of a bundle was changed, it says: the first moment that a zip
archive can hold (APPNOTE.TXT of PKWARE, section 4.4.6)."""
FIXED_TIMESTAMP = 315_532_800
"""The same in seconds since 1970, in UTC."""

_DISTRIBUTION = "mnist-edge"
_LEFT_OUT = {"RECORD", "INSTALLER", "REQUESTED", "direct_url.json"}
"""What pip adds to a wheel's ``.dist-info`` where it installs it, or writes anew."""


def make_own_wheel(folder: Path) -> Path:
    """The wheel of the package that runs, byte for byte the same from the same files.

    Args:
        folder: is made, and holds the wheel afterwards.

    Raises:
        MissingDependency: there is a source tree, and no pip to build it.
        BundleFailed: it cannot be built, or what is installed is not what was.
    """
    folder.mkdir(parents=True, exist_ok=True)
    root = Path(mnist_edge.__file__).resolve().parents[1]
    if (root / "pyproject.toml").is_file():
        return _built(root, folder)
    return _repacked(root, folder)


def _built(root: Path, folder: Path) -> Path:
    with tempfile.TemporaryDirectory(prefix="mnist-edge-build-") as temporary:
        # setuptools would leave its folders in the tree, and take from them what is there no more.
        settings = Path(temporary) / "setup.cfg"
        settings.write_text(
            f"[build]\nbuild_base = {temporary}\n[egg_info]\negg_base = {temporary}\n",
            encoding="utf-8",
        )
        run_pip(
            ["wheel", "--no-deps", "--wheel-dir", folder, root],
            doing=f"building {root}",
            environment={
                "DIST_EXTRA_CONFIG": str(settings),
                "SOURCE_DATE_EPOCH": str(FIXED_TIMESTAMP),
            },
        )
    (wheel,) = folder.glob("*.whl")
    return wheel


def _repacked(root: Path, folder: Path) -> Path:
    """The wheel that was installed, of the files that came with it."""
    try:
        distribution = metadata.distribution(_DISTRIBUTION)
    except metadata.PackageNotFoundError:
        distribution = None
    if distribution is None or distribution.files is None:
        raise BundleFailed(
            f"{root} is no source tree, and not installed by pip either, so that there is no wheel "
            "to bundle; run it from a clone, or install it by pip"
        )
    contents = {}
    for file in sorted(distribution.files, key=str):
        # Scripts, which lie outside, and what Python compiled were made on this machine.
        if ".." in file.parts or file.suffix == ".pyc" or file.name in _LEFT_OUT:
            continue
        path = Path(str(file.locate()))
        content = path.read_bytes() if path.is_file() else b""
        if file.hash is None or _digest(content) != file.hash.value:
            raise BundleFailed(f"{path} is not as it was installed: {reinstall_command()}")
        contents[file.as_posix()] = content
    (record,) = (str(f) for f in distribution.files if f.name == "RECORD" and len(f.parts) == 2)
    lines = [f"{name},sha256={_digest(one)},{len(one)}\n" for name, one in contents.items()]
    contents[record] = "".join([*lines, f"{record},,\n"]).encode()
    stem = record.removesuffix(".dist-info/RECORD")
    wheel = folder / f"{stem}-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in contents.items():
            entry = zipfile.ZipInfo(name, FIXED_DATE)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, content)
    return wheel


def _digest(content: bytes) -> str:
    """As a wheel's RECORD has it (PEP 376, PEP 427)."""
    return base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
