"""Start a server, and end it with what is under way finished."""

from __future__ import annotations

import asyncio
import ctypes
import errno
import logging
import os
import signal
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import partial
from typing import Protocol

import uvicorn
from starlette.types import ASGIApp

from mnist_edge.deployment.server.application import DigitServer
from mnist_edge.deployment.server.connections import bounded_protocol
from mnist_edge.deployment.server.metrics import ServerMetrics
from mnist_edge.deployment.server.model_service import ModelService
from mnist_edge.deployment.server.settings import ServerSettings
from mnist_edge.errors import InvalidValue
from mnist_edge.system.files import read_regular_file

_BACKLOG = 1024
"""Connections that may wait in the system; where there are more, clients wait for a second."""
_MAX_ACCEPTED = 64
"""Connections that asyncio accepts before it looks at any of them; all take memory."""
_M_ARENA_MAX = -8
"""Number of mallopt's option for the most heaps (malloc.h of the GNU C library)."""
_FIRST_PASSED_SOCKET = 3
"""File descriptor of the first socket that systemd passes (sd_listen_fds(3))."""


class Served(Protocol):
    """What a server serves."""

    def application(self) -> ASGIApp:
        """Return the ASGI application."""

    def reload(self) -> None:
        """Take up what has changed, on SIGHUP."""


def serve(
    service: ModelService, settings: ServerSettings, announce: Callable[[ServerSettings], None]
) -> None:
    """Answer requests until SIGTERM or Ctrl-C; reload the model in use on SIGHUP.

    Args:
        service: the model.
        settings: as for ``run_server``.
        announce: as for ``run_server``.

    Raises:
        InvalidValue: the host and port cannot be listened on, or the certificate cannot be used.
    """
    run_server(partial(DigitServer, service), settings, announce)


def run_server(
    make: Callable[[ServerSettings, ServerMetrics], Served],
    settings: ServerSettings,
    announce: Callable[[ServerSettings], None],
) -> None:
    """Serve an application until SIGTERM or Ctrl-C.

    Args:
        make: makes what is served, of the settings with the port that was chosen.
        settings: where and for whom; the socket that systemd passes takes their host's place.
        announce: called with the settings, and the port that was chosen, once clients can connect.

    Raises:
        InvalidValue: the host and port cannot be listened on, or the certificate cannot be used.
    """
    _share_one_heap()
    # What clients get wrong is counted; in the log, anybody could fill the disk with it.
    logging.getLogger("python_multipart").setLevel(logging.ERROR)
    listening = passed_socket() or _listen(settings)
    settings = replace(settings, port=listening.getsockname()[1])
    metrics = ServerMetrics()
    server = make(settings, metrics)
    limits = settings.limits
    config = uvicorn.Config(
        server.application(),
        http=bounded_protocol(limits, metrics),
        ws="none",
        loop="asyncio",
        lifespan="on",
        backlog=_MAX_ACCEPTED,
        interface="asgi3",
        log_config=None,
        log_level=logging.ERROR,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        h11_max_incomplete_event_size=limits.max_header_bytes,
        timeout_graceful_shutdown=int(limits.request_seconds) + 1,
        ssl_certfile=settings.tls_certificate,
        ssl_keyfile=settings.tls_key,
    )
    try:
        for pem in filter(None, (settings.tls_certificate, settings.tls_key)):
            read_regular_file(pem)
        config.load()
    except (OSError, ssl.SSLError) as error:
        listening.close()
        raise InvalidValue(
            f"--tls-cert {settings.tls_certificate}, --tls-key {settings.tls_key}: {error}; "
            "expected a PEM certificate chain and its key"
        ) from error
    asyncio.run(_Server(config, server.reload, lambda: announce(settings)).serve([listening]))


def _share_one_heap() -> None:
    """Have the threads to come share the heap of this one.

    The GNU C library gives each thread a heap of its own, and what one has freed no other uses.
    Python runs one thread at a time, so that they rarely wait for each other.
    """
    # Other C libraries have one heap anyway.
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).mallopt(_M_ARENA_MAX, 1)


class _Server(uvicorn.Server):
    """uvicorn's server, which ends with status 0 when it is asked to."""

    def __init__(
        self, config: uvicorn.Config, reload: Callable[[], None], announce: Callable[[], None]
    ) -> None:
        super().__init__(config)
        self._reload, self._announce = reload, announce

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Handle signals; uvicorn's own would end the process by the signal itself."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._end)
        loop.add_signal_handler(signal.SIGHUP, lambda: loop.run_in_executor(None, self._reload))
        yield

    def _end(self) -> None:
        if self.should_exit:
            # A second signal does not wait for what is under way, nor complain of it.
            self.force_exit = True
            logging.getLogger("uvicorn.error").disabled = True
        self.should_exit = True

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen, and say so."""
        await super().startup(sockets)
        for listening in sockets or ():
            # asyncio takes the number that it accepts at a time for this one, too.
            listening.listen(_BACKLOG)
        self._announce()


def _listen(settings: ServerSettings) -> socket.socket:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            settings.host, settings.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listening = socket.socket(family, kind, protocol)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
        listening.listen(_BACKLOG)
    except (OSError, OverflowError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        hint = "; choose another --port" if getattr(error, "errno", 0) == errno.EADDRINUSE else ""
        raise InvalidValue(
            f"cannot listen on {settings.host} port {settings.port}: {reason}{hint}"
        ) from error
    listening.setblocking(False)
    return listening


def passed_socket() -> socket.socket | None:
    """Return the socket that systemd listens on for this process, if there is one."""
    if os.environ.get("LISTEN_PID") != str(os.getpid()) or os.environ.get("LISTEN_FDS") != "1":
        return None
    listening = socket.socket(fileno=_FIRST_PASSED_SOCKET)
    listening.setblocking(False)
    return listening
