"""Connections that cannot be held open: uvicorn's HTTP protocol with a deadline for everything.

uvicorn limits the time between two requests. It does not limit the time that a client takes to send
headers, to send a body, or to take an answer, nor the number of a body's chunks; it answers errors
of the protocol in plain text, and a client that will send no more not at all.
"""

from __future__ import annotations

import asyncio
import json
from http import HTTPStatus
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from mnist_edge.deployment.server.metrics import ServerMetrics
from mnist_edge.deployment.server.refusals import error_document
from mnist_edge.deployment.server.settings import ServerLimits

_LINGER_SECONDS = 2.0
"""Time in which a client may finish to send a body that was refused, and take the answer."""
_SLICE = 16_384
"""Bytes that are parsed before their chunks are counted."""
_MAX_FRAMING = 16_384
"""Bytes around the chunks of a body, beside a 32nd of what is in them. Each chunk takes as long to
parse as a small request: 250 kB of chunks of one byte kept everybody else waiting for two
seconds."""


class _JoinedConnection(h11.Connection):
    """The state of a connection, which gives an answer's head together with what follows it.

    uvicorn writes each event by itself: a client would wake for the head alone, and the server
    would give up the processor twice for an answer.
    """

    is_chunked = False
    """Whether the body of the request in hand comes in chunks."""
    _head = b""

    def send(self, event: h11.Event) -> bytes | None:  # type: ignore[override]
        """Return the bytes to write for an event: none for a head, which waits for the body."""
        written = super().send(event)
        if isinstance(event, h11.Response) and written is not None:
            if self.is_chunked and self.their_state is h11.SEND_BODY:
                # The rest of it will not be parsed, nor a request after it. h11, which is not told,
                # would have uvicorn close before the client takes the answer.
                written = written.removesuffix(b"\r\n") + b"connection: close\r\n\r\n"
            self._head = written
            return b""
        if self._head and written is not None:
            written, self._head = self._head + written, b""
        return written


class BoundedProtocol(H11Protocol):
    """An HTTP/1.1 connection whose every phase ends in time.

    The class attributes are set by ``bounded_protocol``, because uvicorn makes the instances.
    """

    conn: _JoinedConnection
    limits: ServerLimits
    metrics: ServerMetrics
    _deadline: asyncio.TimerHandle | None = None
    _phase: str | None = None
    _is_open = False
    _has_ended = False
    _framing = 0.0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Accept a connection, or refuse it if there are too many."""
        super().connection_made(transport)
        self.conn = _JoinedConnection(h11.SERVER, self.limits.max_header_bytes)
        self._is_open = True
        self.metrics.connections.inc()
        if len(self.connections) > self.limits.max_connections:
            self.metrics.dropped_connections.labels("too-many").inc()
            message = f"more than {self.limits.max_connections} connections; try again later"
            transport.write(_raw_response(503, "TooManyConnections", message))
            transport.close()
            return
        self._arm(self.limits.header_seconds, "headers")

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget a connection."""
        self._disarm()
        if self._is_open:
            self._is_open = False
            self.metrics.connections.dec()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take what a client sent."""
        if self.transport.is_closing():
            return
        if self._deadline is None:
            # The first bytes of a further request.
            self._arm(self.limits.header_seconds, "headers")
        for start in range(0, len(data), _SLICE):
            self._parse(data[start : start + _SLICE])
            if self.transport.is_closing():
                return

    def _parse(self, data: bytes) -> None:
        """Parse what was received, unless it is nothing but the framing of a body."""
        if not self.conn.is_chunked or self.conn.their_state is not h11.SEND_BODY:
            super().data_received(data)
            return
        if self._phase == "body":
            return  # it was refused, and is long
        cycle, held = self.cycle, len(self.cycle.body)
        super().data_received(data)
        if self.cycle is cycle:
            content = len(cycle.body) - held
            self._framing += len(data) - content - content / 32
        if self._framing > _MAX_FRAMING:
            self._refuse(400, "InvalidRequest", "the body comes in chunks of a few bytes")

    def eof_received(self) -> bool:  # type: ignore[override]
        """Answer a complete request though the client will send no more; return whether to."""
        if self.scheme == "https":
            return False  # it cannot be half closed
        self._has_ended = True
        is_asking = self.cycle is not None and not self.cycle.response_complete
        if is_asking and self.conn.their_state is h11.SEND_BODY:
            self._refuse(400, "InvalidRequest", "the connection ended within the body")
            return True
        return is_asking

    def handle_events(self) -> None:
        """Start the requests that are complete up to their bodies."""
        before = self.cycle
        super().handle_events()
        if self.cycle is not before and not self.cycle.response_complete:
            names = {name for name, _ in self.headers}
            self.conn.is_chunked, self._framing = b"transfer-encoding" in names, 0.0
            self._arm(self.limits.request_seconds + _LINGER_SECONDS, "request")
        elif self._phase == "body" and self.conn.their_state is not h11.SEND_BODY:
            # uvicorn stopped its own timer when the rest of the body came.
            self._arm(self.timeout_keep_alive, "idle")

    def on_response_complete(self) -> None:
        """Wait for the client to take the answer, and for the rest of a body that was refused."""
        self._disarm()
        if self.conn.their_state is h11.SEND_BODY:
            self._arm(_LINGER_SECONDS, "body")
        elif self.transport.get_write_buffer_size():
            self._arm(self.limits.request_seconds, "answer")
        super().on_response_complete()
        if self._has_ended and self.cycle.response_complete:
            self.transport.close()

    def send_400_response(self, msg: str) -> None:
        """Answer a request that is not HTTP, and close the connection."""
        if len(self.conn.trailing_data[0]) > self.limits.max_header_bytes:
            message = f"the headers have more than {self.limits.max_header_bytes:,} bytes"
            self._refuse(431, "HeadersTooLarge", message)
        else:
            self._refuse(
                400,
                "InvalidRequest",
                "this is not HTTP/1.1, or not as it must be",
            )

    def _refuse(self, status: int, kind: str, message: str) -> None:
        """Answer outside of the application, unless it has answered, and close the connection."""
        self.metrics.dropped_connections.labels("not-http").inc()
        is_asking = self.cycle is not None and not self.cycle.response_complete
        if is_asking:
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        if not (is_asking and self.cycle.response_started) and self._phase != "body":
            self.transport.write(_raw_response(status, kind, message))
        self.transport.close()

    def _arm(self, seconds: float, phase: str) -> None:
        self._disarm()
        self._phase = phase
        self._deadline = self.loop.call_later(seconds, self._expire, phase)

    def _disarm(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
        self._deadline = self._phase = None

    def _expire(self, phase: str) -> None:
        self._deadline = self._phase = None
        self.metrics.dropped_connections.labels(f"slow-{phase}").inc()
        # A close would wait for the client to take what was sent.
        self.transport.abort()


def bounded_protocol(limits: ServerLimits, metrics: ServerMetrics) -> type[BoundedProtocol]:
    """Return a protocol with these limits, which counts in these metrics."""
    attributes: dict[str, Any] = {"limits": limits, "metrics": metrics}
    return type("BoundedProtocol", (BoundedProtocol,), attributes)


def _raw_response(status: int, kind: str, message: str) -> bytes:
    body = json.dumps(error_document(kind, message)).encode("utf-8")
    head = (
        f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\n"
        "content-type: application/json\r\n"
        f"content-length: {len(body)}\r\n"
        "connection: close\r\n\r\n"
    )
    return head.encode("ascii") + body
