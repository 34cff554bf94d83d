"""Requests to ``serve`` and ``label``, damaged, as bytes on a connection."""

from __future__ import annotations

import asyncio
import json
import logging
import re
import shutil
import socket
import tempfile
import threading
from functools import cache, partial
from pathlib import Path
from random import Random

import uvicorn

from mnist_edge import Classifier
from mnist_edge.deployment.server.application import DigitServer
from mnist_edge.deployment.server.connections import bounded_protocol
from mnist_edge.deployment.server.label_application import LabelServer
from mnist_edge.deployment.server.metrics import ServerMetrics
from mnist_edge.deployment.server.model_service import ModelService
from mnist_edge.deployment.server.settings import ServerSettings
from mnist_edge.deployment.server.startup import Served
from mnist_edge.inference.labeling import LabelingSession
from tests.fuzz.json_mutation import mutate_json
from tests.fuzz.mutation import mutate
from tests.fuzz.target import KnownCase, Target
from tests.support.paths import PICTURES

_LABEL = b"/v1/pictures"
"""Begins the paths of ``label``."""
_SECONDS = 60
"""Time for an answer, on a machine that is busy."""
_DIGIT = (PICTURES / "mnist-seven.png").read_bytes()
_FORM = (
    b'--b\r\nContent-Disposition: form-data; name="a"; filename="a.png"\r\n'
    b"Content-Type: image/png\r\n\r\n" + _DIGIT + b"\r\n--b--\r\n"
)
_LABELS = {"labels": [{"label": "7", "box": None}, {"label": "x", "box": [1, 2, 3, 4]}]}
_LINES = (
    *(b"POST /v1/predict HTTP/1.1", b"POST /v1/predict?top=3&pixels=true&explain=true HTTP/1.1"),
    *(b"GET /v1/model HTTP/1.1", b"GET /../../etc/passwd HTTP/1.1", b"GET /%2e%2e/a HTTP/1.0"),
    *(b"GET /v1/readings?limit=99999 HTTP/1.1", b"PUT /camera HTTP/1.1", b"GET / HTTP/1.1"),
    *(b"GET /v1/pictures/0 HTTP/1.1", b"GET /v1/pictures/0/image HTTP/1.1"),
    *(b"PUT /v1/pictures/0/labels HTTP/1.1", b"GET /v1/pictures/99999999999999999999 HTTP/1.1"),
    b"GET /v1/pictures/..%2f..%2fetc%2fpasswd HTTP/1.1",
)
_HEADERS = (
    *(b"Content-Type: image/png", b"Content-Type: multipart/form-data; boundary=b"),
    *(b"Content-Type: application/json", b"Content-Type: multipart/form-data", b"Origin: http://a"),
    *(b"Content-Length: -1", b"Content-Length: 99999999999", b"Transfer-Encoding: chunked"),
    *(b"Expect: 100-continue", b"Host: evil.example", b"Host: \xff", b"Content-Encoding: gzip"),
    *(b"Sec-Fetch-Site: cross-site", b"Authorization: Bearer " + b"x" * 2000, b"Range: bytes=0-1"),
    *(b"Accept: image/png", b"X: " + b"y" * 20_000, b"Upgrade: websocket", b"Cookie: \0"),
)


def _draw(random: Random) -> bytes:
    line = random.choice(_LINES)
    labels = mutate_json(random, _LABELS) if random.random() < 0.7 else json.dumps(_LABELS).encode()
    body = (
        labels if b"labels" in line else random.choice((_DIGIT, _FORM, b"", b"3\r\nabc\r\n0\r\n"))
    )
    kind = {_FORM: _HEADERS[1], labels: _HEADERS[2]}.get(body, _HEADERS[0])
    if random.random() < 0.5:
        body = mutate(random, body, donors=(_FORM, _DIGIT))
    headers = [b"Host: 127.0.0.1", kind, b"Content-Length: %d" % len(body)]
    if random.random() < 0.5:
        headers[random.randrange(len(headers))] = random.choice(_HEADERS)
    if random.random() < 0.3:
        headers.append(random.choice(_HEADERS))
    head = b"\r\n".join([line, *headers])
    head = mutate(random, head, donors=_HEADERS) if random.random() < 0.3 else head
    return head + b"\r\n\r\n" + body


def _start(make: object) -> int:
    """Serve in a thread, until the process ends; return the port."""
    listening = socket.create_server(("127.0.0.1", 0))
    port: int = listening.getsockname()[1]
    settings, metrics = ServerSettings(port=port), ServerMetrics()
    served: Served = make(settings, metrics)  # type: ignore[operator]
    config = uvicorn.Config(
        served.application(),
        http=bounded_protocol(settings.limits, metrics),
        ws="none",
        interface="asgi3",
        log_config=None,
        log_level=logging.CRITICAL,
        h11_max_incomplete_event_size=settings.limits.max_header_bytes,
    )
    server = uvicorn.Server(config)
    threading.Thread(target=asyncio.run, args=(server.serve([listening]),), daemon=True).start()
    return port


@cache
def _serve_port() -> int:
    return _start(partial(DigitServer, ModelService("nano")))


@cache
def _label_port() -> int:
    folder = Path(tempfile.mkdtemp(prefix="mnist-edge-fuzz-"))
    shutil.copy(PICTURES / "mnist-seven.png", folder)
    return _start(partial(LabelServer, LabelingSession(folder, partial(Classifier, "nano"))))


def _check(content: bytes, folder: Path) -> str:
    port = _label_port() if _LABEL in content.split(b"\r\n")[0] else _serve_port()
    answer = _ask(port, content)
    alive = _ask(port, b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
    assert alive.startswith(b"HTTP/1.1 200 "), f"the server answers {alive[:200]!r}"
    if not answer:
        return "closed"
    # One request may hold another.
    statuses = [int(found) for found in re.findall(rb"(?:^|\n)HTTP/1\.1 (\d{3}) ", answer)]
    assert statuses, f"no status in {answer[:200]!r}"
    assert all(status < 500 or status in (501, 503) for status in statuses), f"{answer[:500]!r}"
    assert b"Traceback" not in answer
    assert b"root:" not in answer
    return "read" if statuses[-1] == 200 else f"refused {statuses[-1]}"


def _ask(port: int, content: bytes) -> bytes:
    """Send bytes, and return all that is answered."""
    with socket.create_connection(("127.0.0.1", port), timeout=_SECONDS) as client:
        answer = b""
        try:
            client.sendall(content)
            client.shutdown(socket.SHUT_WR)
            while part := client.recv(1 << 16):
                answer += part
        except ConnectionError:
            # Whoever sends too much is not listened to.
            pass
        return answer


def _request(line: bytes, *headers: bytes, body: bytes = b"") -> bytes:
    head = [line, b"Host: 127.0.0.1", b"Content-Length: %d" % len(body), *headers]
    return b"\r\n".join(head) + b"\r\n\r\n" + body


def _case(content: bytes, *right: str) -> KnownCase:
    return KnownCase(content=lambda: content, expected=right)


_DEEP = b'{"labels": ' + b"[" * 50_000
_JSON = b"Content-Type: application/json"
_PUT = b"PUT /v1/pictures/0/labels HTTP/1.1"

TARGET = Target(
    name="requests",
    draw=_draw,
    check=_check,
    count=200,
    known={
        "a picture": _case(_request(_LINES[0], _HEADERS[0], body=_DIGIT), "read"),
        "a form": _case(_request(_LINES[0], _HEADERS[1], body=_FORM), "read"),
        "labels": _case(_request(_PUT, _JSON, body=b'{"labels": [{"label": "7"}]}'), "read"),
        "deep labels": _case(_request(_PUT, _JSON, body=_DEEP), "refused 400", "refused 413"),
        "labels of a form": _case(_request(_PUT, b"Content-Type: text/plain"), "refused 415"),
        "labels of another page": _case(
            _request(_PUT, _JSON, b"Origin: http://evil.example", body=b'{"labels": []}'),
            "refused 403",
        ),
        "another host": _case(_LINES[8] + b"\r\nHost: evil.example\r\n\r\n", "refused 400"),
        "no request": _case(b"\0" * 100, "refused 400", "closed"),
    },
)
