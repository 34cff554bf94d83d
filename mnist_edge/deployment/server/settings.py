"""What a server listens on, whom it answers, and how much it takes on."""

from __future__ import annotations

import ipaddress
import secrets
import socket
from dataclasses import dataclass, field
from pathlib import Path

from mnist_edge.errors import InvalidValue
from mnist_edge.system.files import read_regular_file, write_private_text

LOOPBACK_NAMES = ("localhost", "127.0.0.1", "::1")
"""Hosts that only this machine can reach."""

_TOKEN_BYTES = 24
"""Random bytes of a token that is made here: 192 bits."""
_MIN_TOKEN = 16
"""Minimum number of characters of a token that somebody chose."""
_MAX_TOKEN = 512


@dataclass(frozen=True, kw_only=True)
class ServerLimits:
    """Bounds that keep one client from taking the server away from the others."""

    max_bytes: int = 16_000_000
    """Size of a request's body: a JPEG of 48 megapixels has about 15 million bytes."""
    max_pixels: int = 25_000_000
    """Pixels of one picture."""
    max_pictures: int = 64
    """Pictures of one request."""
    max_pending: int = 128
    """Requests that are read at a time or wait for it; further ones get 429."""
    max_buffered: int = 64_000_000
    """Bytes of all bodies that are held at a time; further requests get 429."""
    max_connections: int = 256
    """Open connections; further ones get 503."""
    max_header_bytes: int = 16_384
    """Size of a request's line and headers."""
    header_seconds: float = 10.0
    """Time in which a client must send a request's headers."""
    request_seconds: float = 30.0
    """Time from a request's headers to the end of its answer."""


@dataclass(frozen=True, kw_only=True)
class ServerSettings:
    """Everything that a server is started with, but its model."""

    host: str = "127.0.0.1"
    """Name or address to listen on."""
    port: int = 8080
    """Port to listen on; 0 for any free one."""
    token: str | None = None
    """Secret that API requests must carry; None for none."""
    allowed_hosts: tuple[str, ...] = ()
    """Further names by which clients may call this machine."""
    allowed_origins: tuple[str, ...] = ()
    """Origins of web pages elsewhere that may use the API, such as ``https://example.org``."""
    history: Path | None = None
    """The history of a watch, to be shown; None for none."""
    camera: Path | None = None
    """The settings of a watch whose camera is shown; None for none."""
    tls_certificate: Path | None = None
    """PEM file with the certificate chain; None for plain HTTP."""
    tls_key: Path | None = None
    """PEM file with its private key."""
    threads: int = 1
    """Threads that read pictures."""
    limits: ServerLimits = field(default_factory=ServerLimits)

    @property
    def scheme(self) -> str:
        """``http`` or ``https``."""
        return "https" if self.tls_certificate else "http"

    def allows_host(self, host: str) -> bool:
        """Check the name of a ``Host`` header, without its port.

        A page elsewhere can have its own name point to this machine and then read the answers (DNS
        rebinding). It cannot do so with a number, which never resolves to anything else.
        """
        if is_address(host):
            return True
        own = socket.gethostname().lower()
        known = {"localhost", own, f"{own}.local", self.host.lower(), *self.allowed_hosts}
        return host.lower().removesuffix(".") in known


def is_address(host: str) -> bool:
    """Check whether a host is an IP address, not a name."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def is_loopback(host: str) -> bool:
    """Check whether a host can be reached from this machine only."""
    return host in LOOPBACK_NAMES or (is_address(host) and ipaddress.ip_address(host).is_loopback)


def random_token() -> str:
    """Return a new secret."""
    return secrets.token_urlsafe(_TOKEN_BYTES)


def load_token(path: Path) -> str:
    """Read a token from a file, which is made with a random one if there is none.

    Raises:
        InvalidValue: the file cannot be read, or its token is too short, too long, or has
            characters that a header cannot hold.
        NotWritable: the file cannot be made.
    """
    try:
        token = read_regular_file(path).decode("ascii").strip()
    except FileNotFoundError:
        token = random_token()
        write_private_text(path, f"{token}\n")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidValue(
            f"--token-file {path}: {error}; expected a file with one line of ASCII, or a path "
            "where one can be made"
        ) from error
    if not (_MIN_TOKEN <= len(token) <= _MAX_TOKEN and token.isprintable() and " " not in token):
        raise InvalidValue(
            f"--token-file {path}: expected one line of {_MIN_TOKEN} to {_MAX_TOKEN} characters "
            "without spaces; delete the file to have one made"
        )
    return token
