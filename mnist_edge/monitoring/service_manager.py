"""Tell systemd that the program works: the protocol of sd_notify(3), which is a datagram."""

from __future__ import annotations

import os
import socket
from contextlib import suppress


def notify_systemd(message: str) -> None:
    """Send a message such as ``READY=1`` or ``WATCHDOG=1``; without systemd, do nothing."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    # An address that begins with @ is in the abstract namespace.
    if address[:1] not in {"/", "@"}:
        return
    with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        sender.connect(f"\0{address[1:]}" if address[0] == "@" else address)
        sender.sendall(message.encode("utf-8"))
