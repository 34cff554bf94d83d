"""Download a file over HTTPS into memory, up to a size and within a time."""

from __future__ import annotations

import threading
import time
from queue import Empty, Queue
from typing import Any

from mnist_edge.errors import DownloadFailed
from mnist_edge.system.text import one_line

_SCHEMES = ("https",)
"""Schemes of a URL, and of one that it redirects to."""
_TIMEOUT = 15
"""Seconds that a server may send nothing."""
_MAX_SECONDS = 300
"""Seconds that the downloads before one deadline may take: 16 MB take that at half a megabit per
second."""
_CHUNK_SIZE = 1 << 16
"""Bytes read at a time."""
_ABSENT = (403, 404, 410)
"""HTTP status of a file that does not exist; some servers answer 403 for it."""


def download_deadline() -> float:
    """Return the time, of ``time.monotonic``, at which downloads that begin now must have ended."""
    return time.monotonic() + _MAX_SECONDS


def download(url: str, *, max_bytes: int, deadline: float | None = None) -> bytes:
    """Download a file.

    Args:
        url: an https URL.
        max_bytes: largest size of the file.
        deadline: of ``download_deadline``, which several downloads may share; by default its own.

    Raises:
        DownloadFailed: the URL, or one that it redirects to, is not https; the file does not exist,
            is larger, or takes too long; or the server or the network fails.
    """
    content = download_if_present(url, max_bytes=max_bytes, deadline=deadline)
    if content is None:
        raise DownloadFailed(f"{url} does not exist; check the URL")
    return content


def download_if_present(url: str, *, max_bytes: int, deadline: float | None = None) -> bytes | None:
    """Download a file as ``download`` does, but return None if it does not exist."""
    _require_https(url)
    if deadline is None:
        deadline = download_deadline()
    outcome: Queue[bytes | BaseException | None] = Queue()

    def run() -> None:
        try:
            outcome.put(_download(url, max_bytes=max_bytes, deadline=deadline))
        except BaseException as error:  # noqa: BLE001  # raised again where the caller waits
            outcome.put(error)

    # A server that sends a byte now and then keeps a header, a chunk or a handshake open for ever,
    # and no timeout of a socket ends it. The thread is left behind, and ends with the process.
    threading.Thread(target=run, name="download", daemon=True).start()
    try:
        result = outcome.get(timeout=max(0.0, deadline - time.monotonic()))
    except Empty:
        raise _too_slow(url) from None
    if isinstance(result, BaseException):
        raise result
    return result


def _download(url: str, *, max_bytes: int, deadline: float) -> bytes | None:
    # Slow to import, and only needed for URLs.
    import http.client
    import urllib.error
    import urllib.request

    class HttpsRedirects(urllib.request.HTTPRedirectHandler):
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

    try:
        with urllib.request.build_opener(HttpsRedirects).open(url, timeout=_TIMEOUT) as response:
            return _read(response, url, max_bytes=max_bytes, deadline=deadline)
    except urllib.error.HTTPError as error:
        error.close()
        if error.code in _ABSENT:
            return None
        raise DownloadFailed(
            f"cannot download {url}: {one_line(error)}; try again later"
        ) from error
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise DownloadFailed(
            f"cannot download {url}: {one_line(error)}; check the URL and the network"
        ) from error


def _read(response: Any, url: str, *, max_bytes: int, deadline: float) -> bytes:
    content = bytearray()
    while chunk := response.read1(_CHUNK_SIZE):
        content += chunk
        if len(content) > max_bytes:
            raise DownloadFailed(f"{url} is larger than the {max_bytes:,} bytes allowed")
        if time.monotonic() > deadline:
            raise _too_slow(url)
    # When a connection breaks, read1 returns no more bytes and raises nothing.
    size = response.headers.get("Content-Length")
    if size is not None and int(size) != len(content):
        raise DownloadFailed(f"{url} ended after {len(content):,} of {size} bytes; try again")
    return bytes(content)


def _too_slow(url: str) -> DownloadFailed:
    return DownloadFailed(
        f"{url} takes longer than {_MAX_SECONDS} s; download it another way, and name the file"
    )


def _require_https(url: str) -> None:
    if url.partition("://")[0].lower() not in _SCHEMES:
        raise DownloadFailed(f"{url} must be an https URL")
