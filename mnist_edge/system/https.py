"""One file from the network: over HTTPS alone, no larger than asked for, within a time."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from mnist_edge.errors import DownloadFailed, InvalidArtifact
from mnist_edge.system.files import not_writable

_SCHEMES = ("https",)
"""What an address may begin with, and one that it leads on to."""
_SILENCE = 15
"""Seconds that a server may be silent."""
_LONGEST = 300
"""Seconds that a file may take in all: 16 MB take that at half a megabit a second."""
_STEP = 1 << 16
"""Bytes that are written at a time."""
_ABSENT = (403, 404, 410)
"""What servers answer where there is no such file; some hide it behind the first."""


def download(url: str, target: Path, *, limit: int) -> None:
    """Writes what an address gives into a file.

    Args:
        url: an https address.
        target: written as the bytes come: no place for a file that somebody may read meanwhile.
        limit: bytes that it may have.

    Raises:
        InvalidArtifact: it is larger.
        DownloadFailed: the address is not https, or leads on to another that is not; no answer,
            another than the file, or one that takes too long.
        NotWritable: ``target`` cannot be written.
    """
    if not download_if_present(url, target, limit=limit):
        raise DownloadFailed(f"there is no {url}; check the address")


def download_if_present(url: str, target: Path, *, limit: int) -> bool:
    """As ``download``, but that a file which is not there is no error: False, then."""
    # Slow to import, and needed for addresses alone.
    import http.client
    import urllib.error
    import urllib.request

    class Redirects(urllib.request.HTTPRedirectHandler):
        def redirect_request(
            self,
            req: urllib.request.Request,
            fp: Any,
            code: int,
            msg: str,
            headers: Any,
            newurl: str,
        ) -> urllib.request.Request | None:
            try:
                _require_https(newurl)
            except DownloadFailed:
                fp.close()
                raise
            return super().redirect_request(req, fp, code, msg, headers, newurl)

    _require_https(url)
    deadline = time.monotonic() + _LONGEST
    try:
        stream = target.open("wb")
    except OSError as error:
        raise not_writable(target, error) from error
    with stream:
        try:
            with urllib.request.build_opener(Redirects).open(url, timeout=_SILENCE) as response:
                while step := response.read1(_STEP):
                    stream.write(step)
                    if stream.tell() > limit:
                        raise InvalidArtifact(f"{url} is larger than {limit:,} bytes; no model is")
                    if time.monotonic() > deadline:
                        raise DownloadFailed(
                            f"{url} takes longer than {_LONGEST} s; download it otherwise, and "
                            "name the file"
                        )
                _require_whole(url, response.headers.get("Content-Length"), stream.tell())
        except urllib.error.HTTPError as error:
            error.close()
            if error.code in _ABSENT:
                return False
            raise DownloadFailed(
                f"cannot fetch {url}: {_one_line(error)}; try again later"
            ) from error
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise DownloadFailed(
                f"cannot fetch {url}: {_one_line(error)}; check the address and the network, "
                "or name a file"
            ) from error
    return True


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__


def _require_https(url: str) -> None:
    if url.partition("://")[0].lower() not in _SCHEMES:
        raise DownloadFailed(f"{url} is no https address, which alone cannot be changed on its way")


def _require_whole(url: str, promised: str | None, found: int) -> None:
    """Reading by steps, the standard library takes a connection that breaks for the end."""
    if promised is not None and int(promised) != found:
        raise DownloadFailed(f"{url} broke off at {found:,} of {promised} bytes; try again")
