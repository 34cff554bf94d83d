"""The project's own wheel, built from the source tree or rebuilt from an installation."""

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
"""Modification time of every file in a wheel, for reproducible archives: the earliest that a zip
archive can hold (APPNOTE.TXT of PKWARE, section 4.4.6)."""
FIXED_TIMESTAMP = 315_532_800
"""The same in seconds since 1970, UTC."""

_DISTRIBUTION = "mnist-edge"
_WRITTEN_BY_PIP = {"RECORD", "INSTALLER", "REQUESTED", "direct_url.json"}
"""Files in ``.dist-info`` that pip writes when it installs a wheel."""


def make_own_wheel(folder: Path) -> Path:
    """Make the wheel of the running package, reproducible byte for byte.

    Args:
        folder: where to put the wheel; created if necessary.

    Raises:
        MissingDependency: pip, which builds a source tree, is not installed.
        BundleFailed: the build failed, or the installed files were changed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    root = Path(mnist_edge.__file__).resolve().parents[1]
    if (root / "pyproject.toml").is_file():
        return _build(root, folder)
    return _repack(root, folder)


def _build(root: Path, folder: Path) -> Path:
    with tempfile.TemporaryDirectory(prefix="mnist-edge-build-") as temporary:
        # Otherwise setuptools leaves folders in the tree, and packs stale files from them.
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


def _repack(root: Path, folder: Path) -> Path:
    """Rebuild the wheel that was installed from its files."""
    try:
        distribution = metadata.distribution(_DISTRIBUTION)
    except metadata.PackageNotFoundError:
        distribution = None
    if distribution is None or distribution.files is None:
        raise BundleFailed(
            f"{root} is neither a source tree nor installed by pip, so there is no wheel to "
            "bundle; run this from a clone, or install mnist-edge with pip"
        )
    contents = {}
    for file in sorted(distribution.files, key=str):
        # Scripts, which are outside the package, and bytecode were made on this machine.
        if ".." in file.parts or file.suffix == ".pyc" or file.name in _WRITTEN_BY_PIP:
            continue
        path = Path(str(file.locate()))
        content = path.read_bytes() if path.is_file() else b""
        if file.hash is None or _digest(content) != file.hash.value:
            raise BundleFailed(
                f"{path} was changed after its installation; repair it with: {reinstall_command()}"
            )
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
    """Return a hash as in a wheel's RECORD (PEP 376, PEP 427)."""
    return base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
