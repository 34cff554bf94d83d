"""Who may use the server, and how browsers must treat what it answers."""

from __future__ import annotations

import asyncio
import hmac
import re
import time
from typing import Final

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mnist_edge.deployment.server.metrics import ServerMetrics
from mnist_edge.deployment.server.refusals import RequestRefused, error_response
from mnist_edge.deployment.server.settings import ServerSettings

PUBLIC_PATHS: Final = frozenset({"/", "/camera", "/healthz", "/readyz", "/openapi.json"})
"""Paths that need no token: they tell nothing of anybody's pictures."""

_ROUTES = frozenset(
    {"/v1/predict", "/v1/model", "/v1/readings", "/v1/readings.png", "/metrics", *PUBLIC_PATHS}
)
"""Paths by which requests are counted; all others are counted together."""

_POLICY = (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'")
_PROTECTION = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(self), geolocation=(), microphone=()"),
    (b"cache-control", b"no-store"),
)


class _Deadline:
    """Cancel the task that enters it, unless it leaves in time.

    ``asyncio.wait_for`` would run a request in a second task, and go through the event loop four
    times more for it.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self.is_over = False

    def __enter__(self) -> None:
        self._task = asyncio.current_task()
        self._timer = asyncio.get_running_loop().call_later(self._seconds, self._expire)

    def __exit__(self, *error: object) -> None:
        self._timer.cancel()

    def _expire(self) -> None:
        self.is_over = True
        if self._task:
            self._task.cancel()


class Guard:
    """Decide whether a request may be answered, and say how browsers must treat the answer.

    Args:
        app: answers the requests that may be.
        settings: token, hosts and origins.
        metrics: where requests and refusals are counted.
    """

    def __init__(self, app: ASGIApp, settings: ServerSettings, metrics: ServerMetrics) -> None:
        self._app, self._settings, self._metrics = app, settings, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started, status = time.perf_counter(), 0

        async def send_guarded(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                _protect(message)
            await send(message)

        body_ended = False

        async def receive_watched() -> Message:
            nonlocal body_ended
            message = await receive()
            body_ended = not message.get("more_body", False)
            return message

        deadline = _Deadline(self._settings.limits.request_seconds)
        try:
            self._admit(Headers(scope=scope), scope)
            with deadline:
                await self._app(scope, receive_watched, send_guarded)
        except RequestRefused as refused:
            self._metrics.refused.labels(refused.kind).inc()
            response = error_response(refused.status, refused.kind, str(refused), refused.headers)
            await response(scope, receive, send_guarded)
        except asyncio.CancelledError:
            if not deadline.is_over:
                raise
            if not status:
                code, kind = (503, "TooSlow") if body_ended else (408, "SlowBody")
                self._metrics.refused.labels(kind).inc()
                response = error_response(code, kind, "the request took too long; try again")
                await response(scope, receive, send_guarded)
        finally:
            route = scope["path"] if scope["path"] in _ROUTES else "other"
            self._metrics.requests.labels(route, str(status)).inc()
            self._metrics.seconds.labels(route).observe(time.perf_counter() - started)

    def _admit(self, headers: Headers, scope: Scope) -> None:
        """Check that a request is from somebody who may make it.

        Raises:
            RequestRefused: it is not.
        """
        settings = self._settings
        # A parser's limit holds only for headers that come in several pieces.
        size = len(scope["raw_path"]) + len(scope["query_string"])
        if size + sum(len(name) + len(value) for name, value in scope["headers"]) > (
            limit := settings.limits.max_header_bytes
        ):
            raise RequestRefused(
                431, "HeadersTooLarge", f"the headers have more than {limit:,} bytes"
            )
        host = _host_name(headers.get("host", ""))
        if host is None or not settings.allows_host(host):
            raise RequestRefused(
                400,
                "UnknownHost",
                "the Host header does not name this server; use its address, or start it with "
                "--allowed-host NAME",
            )
        origin = headers.get("origin")
        is_known = origin is None or origin in settings.allowed_origins
        if origin is not None and not is_known and not _is_own(origin, headers, scope):
            raise RequestRefused(
                403,
                "CrossOrigin",
                "the request comes from a page of another origin; allow it with --allow-origin",
            )
        # A browser that navigates to the page from a link elsewhere says so, and may.
        is_foreign = headers.get("sec-fetch-site") in {"cross-site", "same-site"}
        is_link = headers.get("sec-fetch-mode") == "navigate" and scope["method"] == "GET"
        if origin is None and is_foreign and not is_link:
            raise RequestRefused(
                403, "CrossOrigin", "the request comes from a page of another origin"
            )
        if settings.token is None or scope["path"] in PUBLIC_PATHS:
            return
        scheme, _, given = headers.get("authorization", "").partition(" ")
        right = settings.token.encode("ascii")
        if scheme.lower() != "bearer" or not hmac.compare_digest(
            given.strip().encode("utf-8", "replace"), right
        ):
            raise RequestRefused(
                401,
                "Unauthorized",
                "a token is needed: Authorization: Bearer TOKEN",
                {"www-authenticate": "Bearer"},
            )


def _host_name(header: str) -> str | None:
    """Return the name in a ``Host`` header without its port; None if it is not one."""
    match = re.fullmatch(r"(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9._-]+))(?::[0-9]{0,5})?", header)
    return None if match is None else match[1] or match[2]


def _is_own(origin: str, headers: Headers, scope: Scope) -> bool:
    """Check whether an origin is that of the page that this server sent.

    Behind a proxy that ends TLS the scheme is another; a browser says itself whose the page is.
    """
    own = f"{scope['scheme']}://{headers.get('host', '')}"
    return origin.lower() == own.lower() or headers.get("sec-fetch-site") == "same-origin"


def _protect(message: Message) -> None:
    """Say how browsers must treat an answer, which may have a policy of its own."""
    headers = [*message["headers"], *_PROTECTION]
    if not any(name == _POLICY[0] for name, _ in message["headers"]):
        headers.append(_POLICY)
    message["headers"] = headers
