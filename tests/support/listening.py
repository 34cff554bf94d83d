"""The addresses that a program and all of its child processes listen on (Linux)."""

from __future__ import annotations

import ipaddress
import struct
from collections import defaultdict
from contextlib import suppress
from pathlib import Path

_LISTEN = "0A"
"""The state of a socket in ``/proc/net/tcp``."""


def process_tree(root: int) -> set[int]:
    """A process with its children, and theirs."""
    children: dict[int, list[int]] = defaultdict(list)
    for entry in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            # The name in brackets may hold anything.
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
            children[int(fields[1])].append(int(entry.name))
    found, waiting = set(), [root]
    while waiting:
        found.add(process := waiting.pop())
        waiting += children[process]
    return found


def listening_addresses(root: int) -> set[str]:
    """The addresses that a process and its children listen on."""
    inodes = set()
    for process in process_tree(root):
        with suppress(OSError):
            for link in Path(f"/proc/{process}/fd").iterdir():
                with suppress(OSError):
                    inodes.add(str(link.readlink()).removeprefix("socket:[").removesuffix("]"))
    lines = [
        line.split()
        for name in ("tcp", "tcp6")
        for line in Path(f"/proc/net/{name}").read_text().splitlines()[1:]
    ]
    return {_address(f[1]) for f in lines if f[3] == _LISTEN and f[9] in inodes}


def _address(text: str) -> str:
    """The address of ``0100007F:1F90``, whose words have the machine's byte order."""
    words = bytes.fromhex(text.partition(":")[0])
    address = b"".join(
        struct.pack(">I", struct.unpack_from("=I", words, at)[0]) for at in range(0, len(words), 4)
    )
    found = ipaddress.ip_address(address)
    mapped = getattr(found, "ipv4_mapped", None)
    return str(mapped or found)
