"""Download a file over HTTPS into memory, up to a size and within a time; and post one."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from functools import partial
from queue import Empty, Queue
from typing import Any, TypeVar

from mnist_edge.errors import DownloadFailed, InvalidValue, MnistEdgeError, NotDelivered
from mnist_edge.system.text import hide_passwords, one_line, shorten

_SCHEMES = ("https",)
"""Schemes of a URL, and of one that it redirects to."""
_TIMEOUT = 15
"""Seconds that a server may send nothing."""
_MAX_SECONDS = 300
"""Seconds that the downloads before one deadline may take: 16 MB take that at half a megabit per
second."""
_CHUNK_SIZE = 1 << 16
"""Bytes read at a time."""
_SHOWN_SIZE = 20
"""Characters that a message shows of the size that a server promised."""
_ABSENT = (403, 404, 410)
"""HTTP status of a file that does not exist; some servers answer 403 for it."""
_REFUSED = (400, 405, 406, 411, 413, 414, 415, 422, 431)
"""HTTP status of content that a server will not take the next time either."""
_MAX_POST_SECONDS = 30
"""Seconds that a post may take."""
_LOOPBACK = ("localhost", "127.0.0.1", "::1")
"""Hosts that nobody listens on the way to."""

Result = TypeVar("Result")


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
    work = partial(_download, url, max_bytes=max_bytes, deadline=deadline)
    return _run_until(deadline, work, _too_slow(url))


def require_post_url(url: str, *, allow_http: bool) -> None:
    """Check that what is posted to a URL cannot be read or changed on its way.

    Args:
        url: https; or http to this machine.
        allow_http: also take http to other machines.

    Raises:
        InvalidValue: it is another URL.
    """
    from urllib.parse import urlsplit

    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise InvalidValue(f"url: {one_line(error)}") from error
    if not host or parts.scheme not in ("https", "http"):
        raise InvalidValue("url: it must begin with https:// and a host")
    if "@" in parts.netloc:
        raise InvalidValue("url: a name and a password do not belong in it; use a token")
    if parts.scheme == "http" and not allow_http and host not in _LOOPBACK:
        raise InvalidValue(
            f"url: http to {host} can be read and changed on its way; use https, or set "
            "allow_http = true"
        )


def post(url: str, content: bytes, *, headers: Mapping[str, str]) -> None:
    """Post content; redirects are not followed.

    Args:
        url: one that passes ``require_post_url``.
        content: the body.
        headers: its HTTP headers.

    Raises:
        NotDelivered: the server or the network fails, or the server does not take it. The message
            names the host alone: other parts of a URL may be secret.
    """
    from urllib.parse import urlsplit

    host = urlsplit(url).hostname
    deadline = time.monotonic() + _MAX_POST_SECONDS
    too_slow = NotDelivered(f"{host} takes longer than {_MAX_POST_SECONDS} s")
    _run_until(deadline, partial(_post, url, content, headers, str(host)), too_slow)


def _post(url: str, content: bytes, headers: Mapping[str, str], host: str) -> None:
    # Slow to import, and only needed for URLs.
    import http.client
    import urllib.error
    import urllib.request

    class NoRedirects(urllib.request.HTTPRedirectHandler):
        def redirect_request(self, *_: Any) -> None:
            return None

    handlers: list[Any] = [NoRedirects]
    if host in _LOOPBACK:
        # Through a proxy it would leave this machine.
        handlers.append(urllib.request.ProxyHandler({}))
    request = urllib.request.Request(url, content, dict(headers), method="POST")  # noqa: S310
    try:
        with urllib.request.build_opener(*handlers).open(request, timeout=_TIMEOUT):
            pass
    except urllib.error.HTTPError as error:
        error.close()
        raise NotDelivered(
            f"{host} answers {error.code} {one_line(error.reason)}; check url and token",
            refused=error.code in _REFUSED,
        ) from error
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise NotDelivered(
            f"cannot post to {host}: {one_line(error)}; check url and the network"
        ) from error


def _run_until(deadline: float, work: Callable[[], Result], too_slow: MnistEdgeError) -> Result:
    """Run something that waits for a network; raise an error if it is not done in time."""
    outcome: Queue[Result | BaseException] = Queue()

    def run() -> None:
        try:
            outcome.put(work())
        except BaseException as error:  # noqa: BLE001  # raised again where the caller waits
            outcome.put(error)

    # A server that sends a byte now and then keeps a header, a chunk or a handshake open forever,
    # and no timeout of a socket ends it. The thread is left behind, and ends with the process.
    threading.Thread(target=run, name="network", daemon=True).start()
    try:
        result = outcome.get(timeout=max(0.0, deadline - time.monotonic()))
    except Empty:
        raise too_slow from None
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
    # As text: it may be no number, or one of more digits than Python reads.
    if size is not None and size.strip() != str(len(content)):
        size = shorten(one_line(size), _SHOWN_SIZE)
        raise DownloadFailed(f"{url} ended after {len(content):,} of {size} bytes; try again")
    return bytes(content)


def _too_slow(url: str) -> DownloadFailed:
    return DownloadFailed(
        f"{url} takes longer than {_MAX_SECONDS} s; download it another way, and name the file"
    )


def _require_https(url: str) -> None:
    if url.partition("://")[0].lower() not in _SCHEMES:
        raise DownloadFailed(f"{hide_passwords(url)} must be an https URL")
    if "@" in url.partition("://")[2].partition("/")[0]:
        raise DownloadFailed(
            f"{hide_passwords(url)}: a name and a password in a URL are not sent; download the "
            "file another way, and name it"
        )
