"""Connections that are slow, broken or many do not keep the server from answering others."""

from __future__ import annotations

import math
import resource
import socket
import struct
import time
import zlib
from collections.abc import Iterator
from contextlib import suppress

import httpx
import pytest

from tests.support.digit_server import RunningServer, running_server
from tests.support.paths import ROOT
from tests.support.waiting import SECONDS, eventually

SAMPLE = (ROOT / "mnist_edge/samples/digit.png").read_bytes()
PNG = {"Content-Type": "image/png"}
HEAD = "POST /v1/predict HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: image/png\r\n"


@pytest.fixture(scope="module")
def server() -> Iterator[RunningServer]:
    options = ("--header-seconds", "2", "--request-seconds", "8", "--max-connections", "40")
    with running_server("--model", "nano", *options) as one:
        # The memory of the first picture is charged to no test.
        require_answer(one)
        yield one


@pytest.fixture(autouse=True)
def it_goes_on(server: RunningServer) -> Iterator[None]:
    """After each test the server answers, and only open connections are counted."""
    yield
    wait_until_alone(server)
    require_answer(server)


def require_answer(server: RunningServer) -> None:
    with server.client() as client:
        answer = client.post("/v1/predict", content=SAMPLE, headers={"Content-Type": "image/png"})
        assert answer.json()["digit"] == 7


def wait_until_alone(server: RunningServer, *, descriptors: float = math.inf) -> None:
    """Wait until no connection is open but the one that asks.

    Args:
        server: a server.
        descriptors: number of open files that it has by then at most.
    """

    def is_alone() -> bool:
        # Where there are too many connections, this one is refused, too.
        with suppress(httpx.TransportError):
            is_one = server.metric("mnist_edge_connections") == 1
            return is_one and server.metric("process_open_fds") <= descriptors
        return False

    eventually(is_alone)


def connect(server: RunningServer) -> socket.socket:
    return socket.create_connection(("127.0.0.1", server.port), timeout=SECONDS)


def all_of(connection: socket.socket) -> bytes:
    """Everything that the server sends, until it ends the connection."""
    received = b""
    try:
        while part := connection.recv(65536):
            received += part
    except ConnectionResetError:
        pass
    return received


def test_a_client_that_sends_no_headers_is_dropped(server: RunningServer) -> None:
    name = 'mnist_edge_dropped_connections_total{reason="slow-headers"}'
    before = server.metric(name)
    with connect(server) as silent, connect(server) as half:
        half.sendall(HEAD.encode()[:40])
        assert all_of(silent) == all_of(half) == b""
    assert server.metric(name) == before + 2


@pytest.mark.slow
def test_headers_that_trickle_are_not_waited_for(server: RunningServer) -> None:
    # A broken pipe or a reset, as it comes.
    with connect(server) as slow, pytest.raises(OSError):  # noqa: PT011, PT012
        for letter in HEAD * 3:
            slow.sendall(letter.encode())
            time.sleep(0.2)


def test_a_body_that_trickles_is_refused(server: RunningServer) -> None:
    with connect(server) as slow:
        slow.sendall(f"{HEAD}Content-Length: 1000\r\n\r\n".encode())
        answer = all_of(slow)
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b'"SlowBody"' in answer


def test_a_client_may_leave_in_the_middle(server: RunningServer) -> None:
    for cut in (10, 60, len(HEAD) + 20):
        with connect(server) as leaving:
            leaving.sendall(f"{HEAD}Content-Length: {len(SAMPLE)}\r\n\r\n".encode()[:cut] + b"x")
    # One that resets the connection instead of closing it.
    with connect(server) as resetting:
        resetting.sendall(f"{HEAD}Content-Length: 1000\r\n\r\nx".encode())
        resetting.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


@pytest.mark.parametrize(
    "headers",
    [
        *("Content-Length: 5", "Content-Length: -1", "Content-Length: x", "Content-Length: 5, 6"),
        pytest.param(f"Content-Length: {'9' * 5000}", id="5,000 digits"),
    ],
)
def test_a_length_that_is_wrong_is_answered(server: RunningServer, headers: str) -> None:
    with connect(server) as one:
        one.sendall(f"{HEAD}{headers}\r\nConnection: close\r\n\r\n".encode() + SAMPLE)
        status = all_of(one).split(b" ")[1]
    assert status in {b"400", b"422"}


def test_a_request_that_is_not_http_is_answered_in_json(server: RunningServer) -> None:
    for sent in (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\r\n\r\n", b"hello\r\n\r\n", b"GET\r\n\r\n"):
        with connect(server) as one:
            one.sendall(sent)
            answer = all_of(one)
        assert answer.startswith(b"HTTP/1.1 400 ")
        assert b'"type": "InvalidRequest"' in answer


def test_headers_have_a_size(server: RunningServer) -> None:
    long = HEAD.encode() + b"X: " + b"x" * 100_000
    for sent in (long, long + b"\r\nConnection: close\r\n\r\n"):
        with connect(server) as one:
            # The server may have answered and gone before it is all sent.
            with suppress(OSError):
                one.sendall(sent)
            answer = all_of(one)
        # What it has not read when it ends the connection may take the answer with it.
        assert answer[:13] in {b"HTTP/1.1 431 ", b""}
    with server.client() as client:
        refused = client.get("/healthz", headers={"X": "x" * 17_000})
        assert (refused.status_code, refused.json()["error"]["type"]) == (431, "HeadersTooLarge")


def test_a_body_in_chunks_of_a_byte_is_refused_before_it_takes_everybodys_time(
    server: RunningServer,
) -> None:
    with connect(server) as one:
        one.sendall(f"{HEAD}Transfer-Encoding: chunked\r\n\r\n".encode())
        with suppress(OSError):
            one.sendall(b"1\r\nx\r\n" * 20_000)
        answer = all_of(one)
    assert answer == b"" or b"chunks of a few bytes" in answer


@pytest.mark.parametrize("size", [1, 700])
def test_a_picture_in_chunks_is_read(server: RunningServer, size: int) -> None:
    chunks = [SAMPLE[at : at + size] for at in range(0, len(SAMPLE), size)]
    with server.client() as client:
        answer = client.post("/v1/predict", content=iter(chunks), headers=PNG)
    assert answer.json()["digit"] == 7


def test_a_client_that_will_send_no_more_is_answered(server: RunningServer) -> None:
    request = f"{HEAD}Content-Length: {len(SAMPLE)}\r\n\r\n".encode() + SAMPLE
    for sent, answers in ((request, 1), (request * 3, 3)):
        with connect(server) as one:
            one.sendall(sent)
            one.shutdown(socket.SHUT_WR)
            assert all_of(one).count(b'"digit":7') == answers
    with connect(server) as one:
        one.sendall(request[:-10])
        one.shutdown(socket.SHUT_WR)
        answer = all_of(one)
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b"ended within the body" in answer


def test_a_refused_body_is_not_waited_for_and_the_answer_arrives(server: RunningServer) -> None:
    with connect(server) as one:
        one.sendall(f"{HEAD}Content-Length: 999999999\r\n\r\n".encode() + b"x" * 1000)
        answer = all_of(one)
    assert answer.startswith(b"HTTP/1.1 413 ")


def test_a_connection_lives_on_after_a_body_that_was_refused(server: RunningServer) -> None:
    """It is not taken for one that does not finish its body, or that sends no headers."""
    with server.client() as client:
        for _ in range(2):
            refused = client.post("/v1/predict", content=SAMPLE)
            assert refused.status_code == 415
            time.sleep(2.5)


def test_a_body_in_chunks_that_was_refused_ends_its_connection_and_the_answer_says_so(
    server: RunningServer,
) -> None:
    """Its rest is not parsed, so that a request behind it would be lost."""
    head = HEAD.replace("image/png", "text/plain")
    with connect(server) as one:
        one.sendall(f"{head}Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n".encode())
        answer, _, _ = one.recv(65536).partition(b"\r\n\r\n")
        assert answer.startswith(b"HTTP/1.1 415 ")
        assert b"connection: close" in answer


@pytest.mark.slow
def test_a_client_that_takes_no_answer_is_dropped(server: RunningServer) -> None:
    # Twelve million bytes of answers, more than any socket holds.
    request = b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n" * 500
    with connect(server) as deaf:
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        deaf.sendall(request)
        wait_until_alone(server)


def test_too_many_connections_are_refused_and_room_comes_back(server: RunningServer) -> None:
    held = [connect(server) for _ in range(40)]
    try:
        with connect(server) as further:
            answer = all_of(further)
        assert answer.startswith(b"HTTP/1.1 503 ") or answer == b""
    finally:
        for one in held:
            one.close()


@pytest.mark.slow
def test_ten_thousand_connections_that_are_dropped_leave_nothing(server: RunningServer) -> None:
    memory = server.metric("process_resident_memory_bytes")
    descriptors = server.metric("process_open_fds")
    for number in range(10_000):
        with connect(server) as one:
            if number % 2:
                one.sendall(HEAD.encode())
    wait_until_alone(server, descriptors=descriptors + 2)
    assert server.metric("process_resident_memory_bytes") < memory + 20e6


def png_chunk(kind: bytes, content: bytes) -> bytes:
    checksum = struct.pack(">I", zlib.crc32(kind + content))
    return struct.pack(">I", len(content)) + kind + content + checksum


def test_a_bomb_is_refused_without_being_decoded(server: RunningServer) -> None:
    header = struct.pack(">IIBBBBB", 40_000, 40_000, 8, 2, 0, 0, 0)
    idat = zlib.compress(bytes(10_000_000), 9)
    bomb = b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", header) + png_chunk(b"IDAT", idat)
    before = server.metric("process_resident_memory_bytes")
    with server.client() as client:
        answer = client.post("/v1/predict", content=bomb, headers={"Content-Type": "image/png"})
    assert answer.status_code in {413, 422}
    assert server.metric("process_resident_memory_bytes") < before + 30e6


def test_several_requests_may_be_sent_at_once(server: RunningServer) -> None:
    one = f"{HEAD}Content-Length: {len(SAMPLE)}\r\n\r\n".encode() + SAMPLE
    with connect(server) as pipelining:
        last = one.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n", 1)
        pipelining.sendall(one * 2 + last)
        assert all_of(pipelining).count(b'"digit":7') == 3


def test_an_answer_comes_in_one_piece(server: RunningServer) -> None:
    with connect(server) as one:
        for method, body in ((b"GET", b'{"alive":true}'), (b"HEAD", b"")):
            one.sendall(method + b" /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
            head, _, received = one.recv(65536).partition(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 200 OK\r\n")
            assert received == body


def test_a_client_that_waits_is_told_to_go_on(server: RunningServer) -> None:
    with connect(server) as waiting:
        head = f"{HEAD}Content-Length: {len(SAMPLE)}\r\nExpect: 100-continue\r\n"
        waiting.sendall(f"{head}Connection: close\r\n\r\n".encode())
        assert waiting.recv(100).startswith(b"HTTP/1.1 100 ")
        waiting.sendall(SAMPLE)
        assert b'"digit":7' in all_of(waiting)


def test_an_idle_connection_is_closed(server: RunningServer) -> None:
    with server.client() as client:
        client.get("/healthz")
        wait_until_alone(server)


@pytest.mark.slow
def test_ten_thousand_silent_connections_keep_nobody_out(server: RunningServer) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    count = min(10_000, hard // 2)
    descriptors = server.metric("process_open_fds")
    held: list[socket.socket] = []
    try:
        for _ in range(count):
            one = socket.socket()
            held.append(one)
            one.setblocking(False)
            one.connect_ex(("127.0.0.1", server.port))
        assert server.process.poll() is None
        # They are dropped while their clients hold them, some of which connect late.
        wait_until_alone(server, descriptors=descriptors + 2)
    finally:
        for one in held:
            one.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
