"""Downloads: results, refusals and limits."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from socketserver import StreamRequestHandler, ThreadingTCPServer
from typing import Any

import pytest

from mnist_edge.errors import DownloadFailed, InvalidValue, NotDelivered
from mnist_edge.system import https
from mnist_edge.system.https import download, download_if_present, post, require_post_url
from tests.support.serving import served, taking_posts
from tests.support.waiting import SECONDS

LIMIT = 1 << 20


@pytest.fixture
def plain_http(monkeypatch: pytest.MonkeyPatch) -> None:
    """Allow plain HTTP from this machine."""
    monkeypatch.setattr(https, "_SCHEMES", ("http",))
    monkeypatch.setenv("no_proxy", "127.0.0.1")


@pytest.mark.usefixtures("plain_http")
def test_a_download_is_the_servers_file() -> None:
    content = bytes(range(256)) * 1000
    with served({"/m": (content, None), "/n": content, "/o": "/n", "/e": b""}) as root:
        for name in ("m", "n", "o"):
            assert download(f"{root}/{name}", max_bytes=len(content)) == content
            with pytest.raises(DownloadFailed, match="is larger than the"):
                download(f"{root}/{name}", max_bytes=len(content) - 1)
        assert download(f"{root}/e", max_bytes=0) == b""


@pytest.mark.usefixtures("plain_http")
@pytest.mark.parametrize("status", [403, 404, 410])
def test_an_absent_optional_file_is_none(status: int) -> None:
    with served({"/m": status}) as root:
        assert download_if_present(f"{root}/m", max_bytes=LIMIT) is None


def test_a_password_in_a_url_is_refused_and_not_repeated() -> None:
    with pytest.raises(DownloadFailed, match=r"https://me:\.\.\.@host/m: a name and a password"):
        download("https://me:secret@host/m", max_bytes=LIMIT)


@pytest.mark.parametrize("url", ["http://127.0.0.1:9/m", "file:///etc/passwd", "ftp://a/b"])
def test_a_url_that_is_not_https_is_refused(url: str) -> None:
    with pytest.raises(DownloadFailed, match="must be an https URL"):
        download(url, max_bytes=LIMIT)


@pytest.mark.usefixtures("plain_http")
@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (404, "http://.* does not exist; check the URL"),
        (500, "cannot download http://.*500"),
        ("ftp://127.0.0.1/m", "ftp://127.0.0.1/m must be an https URL"),
        ("file:///etc/passwd", "is not allowed|must be an https URL"),
        ("/m", "cannot download"),
        ((b"half", 10), "ended after 4 of 10 bytes"),
        ((b"half", "many"), "ended after 4 of many bytes"),
        ((b"half", "9" * 5000), r"ended after 4 of 9+\.\.\.9+ bytes"),
    ],
)
def test_a_url_without_a_file_is_an_error(answer: Any, said: str) -> None:
    with served({"/m": answer}) as root, pytest.raises(DownloadFailed, match=said) as refused:
        download(f"{root}/m", max_bytes=LIMIT)
    assert "\n" not in str(refused.value)


@pytest.mark.usefixtures("plain_http")
@pytest.mark.parametrize("promised", [LIMIT + 1, None])
def test_a_download_ends_at_the_limit(promised: int | None) -> None:
    answers = {"/m": (bytes(LIMIT + 1), promised)}
    with served(answers) as root, pytest.raises(DownloadFailed, match="is larger than the"):
        download(f"{root}/m", max_bytes=LIMIT)


@pytest.mark.usefixtures("plain_http")
def test_a_download_that_takes_too_long_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(https, "_MAX_SECONDS", -1)
    with served({"/m": b"a file"}) as root, pytest.raises(DownloadFailed, match="takes longer"):
        download(f"{root}/m", max_bytes=LIMIT)


@pytest.mark.usefixtures("plain_http")
def test_an_unreachable_host_is_an_error() -> None:
    with pytest.raises(DownloadFailed, match="check the URL and the network"):
        download("http://127.0.0.1:9/m", max_bytes=LIMIT)


TRICKLES = {
    "status": (b"", b"H"),
    "header": (b"HTTP/1.1 200 OK\r\nX-Slow: ", b"a"),
    "headers": (b"HTTP/1.1 200 OK\r\n", b"A: b\r\n"),
    "continue": (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "chunk size": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;", b"a"),
    "chunks": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\na\r\n"),
    "trailer": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX: ", b"a"),
    "body": (b"HTTP/1.1 200 OK\r\n\r\n", b"a"),
    "redirect": (b"HTTP/1.1 302 Found\r\nLocation: /m", b"m"),
}
"""What a server sends first, and what it then repeats every tenth of a second."""


@contextmanager
def trickling(first: bytes, again: bytes) -> Iterator[str]:
    """Run a server that keeps sending and never finishes."""
    stopped = threading.Event()

    class Handler(StreamRequestHandler):
        def handle(self) -> None:
            with suppress(OSError):
                self.wfile.write(first)
                while not stopped.wait(0.1):
                    self.wfile.write(again)

    with ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            stopped.set()
            server.shutdown()
            thread.join()
            for other in threading.enumerate():
                if other.name == "network":
                    other.join(SECONDS)


@pytest.mark.usefixtures("plain_http")
@pytest.mark.parametrize("kind", TRICKLES)
def test_a_trickling_server_cannot_outlast_the_deadline(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(https, "_MAX_SECONDS", 0.5)
    too_long = pytest.raises(DownloadFailed, match=r"takes longer than 0\.5 s")
    with trickling(*TRICKLES[kind]) as root, too_long:
        download(f"{root}/m", max_bytes=LIMIT)


@pytest.mark.usefixtures("plain_http")
def test_downloads_can_share_a_deadline() -> None:
    with served({"/m": b"a file"}) as root:
        over = https.download_deadline()
        assert download(f"{root}/m", max_bytes=LIMIT, deadline=over) == b"a file"
        with pytest.raises(DownloadFailed, match="takes longer"):
            download(f"{root}/m", max_bytes=LIMIT, deadline=time.monotonic() - 1)


def test_a_post_arrives_with_its_headers() -> None:
    with taking_posts() as server:
        post(f"{server.root}/hook?key=1", b"content", headers={"X-Mark": "7"})
    (taken,) = server.posts
    assert (taken.path, taken.content, taken.headers["X-Mark"]) == ("/hook?key=1", b"content", "7")


@pytest.mark.parametrize(
    ("status", "refused"), [(400, True), (422, True), (401, False), (429, False), (503, False)]
)
def test_a_post_that_is_not_accepted_says_whether_to_try_again(status: int, refused: bool) -> None:
    with taking_posts() as server:
        server.status = status
        with pytest.raises(NotDelivered, match=f"^127.0.0.1 answers {status} .*check") as raised:
            post(f"{server.root}/?secret", b"", headers={})
    assert raised.value.refused == refused
    assert "secret" not in str(raised.value)


def test_a_post_does_not_follow_a_redirect() -> None:
    with taking_posts() as server:
        server.status = 302
        with pytest.raises(NotDelivered, match="answers 302"):
            post(server.root, b"", headers={})
    assert not server.posts


def test_a_post_to_this_machine_goes_through_no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.delenv("no_proxy", raising=False)
    with taking_posts() as server:
        post(server.root, b"content", headers={})
    assert len(server.posts) == 1


def test_a_post_to_an_address_where_nobody_listens_is_an_error() -> None:
    with taking_posts() as server:
        pass
    with pytest.raises(NotDelivered, match=r"cannot post to 127.0.0.1: .*refused"):
        post(server.root, b"", headers={})


def test_a_trickling_server_cannot_hold_up_a_post(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(https, "_MAX_POST_SECONDS", 0.3)
    first, again = next(iter(TRICKLES.values()))
    with trickling(first, again) as root, pytest.raises(NotDelivered, match="takes longer than"):
        post(root, b"", headers={})


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("http://meters.example/", "can be read and changed on its way"),
        ("ftp://meters.example/", "must begin with https"),
        ("https://", "must begin with https"),
        ("https://meters.example:port/", "url: "),
        ("https://me:secret@meters.example/", "^url: a name and a password do not belong in it"),
    ],
)
def test_a_url_that_others_can_read_is_refused(url: str, message: str) -> None:
    with pytest.raises(InvalidValue, match=message):
        require_post_url(url, allow_http=False)


@pytest.mark.parametrize(
    "url",
    ["https://meters.example/a?b", "http://localhost:1/", "http://[::1]/", "http://127.0.0.1"],
)
def test_https_and_this_machine_are_accepted(url: str) -> None:
    require_post_url(url, allow_http=False)
    require_post_url("http://meters.example/", allow_http=True)
