"""A Ray cluster of nodes on this machine, which listens on the loopback interface alone."""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from tests.support.listening import process_tree
from tests.support.waiting import SECONDS

_START = """
import sys
from ray._private import services
# Ray takes 127.0.0.1 for any address of this machine that others reach.
services.is_localhost = lambda host: False
from ray.scripts.scripts import main
main()
"""
_NODE = (
    "start",
    "--block",
    "--node-ip-address=127.0.0.1",
    "--num-cpus=1",
    "--num-gpus=0",
    "--object-store-memory=80000000",
    "--disable-usage-stats",
)


_ENVIRONMENT = {
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "1",
    # The head has 30 seconds by default, which a busy machine may take.
    "RAY_gcs_server_port_wait_time_s": str(SECONDS),
}


@dataclass(kw_only=True)
class RayNodes:
    """A head, and other nodes with a processor each."""

    address: str
    nodes: list[subprocess.Popen[bytes]] = field(default_factory=list)
    """The first is the head."""

    def kill_worker(self, node: int) -> bool:
        """Kill one process that runs a task on a node, as the system does for lack of memory."""
        for process in sorted(process_tree(self.nodes[node].pid)):
            with suppress(OSError):
                # Ray names a process by what it does.
                if _words(process).startswith(b"ray::_run_task"):
                    os.kill(process, signal.SIGKILL)
                    return True
        return False

    def kill_node(self, node: int) -> None:
        """Kill all processes of a node, as if it lost power."""
        if self.nodes[node].poll() is None:
            for process in process_tree(self.nodes[node].pid):
                with suppress(OSError):
                    os.kill(process, signal.SIGKILL)
            self.nodes[node].wait()


def _words(process: int) -> bytes:
    return Path(f"/proc/{process}/cmdline").read_bytes()


@contextmanager
def ray_nodes(count: int) -> Iterator[RayNodes]:
    """Start a cluster; end it with the block, and remove its files."""
    folder = tempfile.mkdtemp(prefix="ray-", dir="/tmp")  # sockets have short names
    with socket.create_server(("127.0.0.1", 0)) as chosen:
        port = chosen.getsockname()[1]
    cluster = RayNodes(address=f"127.0.0.1:{port}")
    head = ("--head", f"--port={port}", "--include-dashboard=false", f"--temp-dir={folder}")
    os.environ.update(
        RAY_AUTH_MODE="token",
        RAY_AUTH_TOKEN=secrets.token_hex(16),
        # The programs that connect to it are to listen there alone as well.
        RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER="0",
    )
    try:
        for node in range(count):
            words = head if not node else (f"--address={cluster.address}",)
            process = subprocess.Popen(
                [sys.executable, "-c", _START, *_NODE, *words],
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                env={**os.environ, **_ENVIRONMENT},
            )
            cluster.nodes.append(process)
            _wait_for_start(process)
        yield cluster
    finally:
        for node, process in enumerate(cluster.nodes):
            cluster.kill_node(node)
            if process.stdout:
                process.stdout.close()
        for name in ("RAY_AUTH_MODE", "RAY_AUTH_TOKEN", "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"):
            del os.environ[name]
        shutil.rmtree(folder, ignore_errors=True)


def _wait_for_start(process: subprocess.Popen[bytes]) -> None:
    """Wait until a node says that it has started; what it says later fits the pipe."""
    assert process.stdout is not None
    said = []
    for line in process.stdout:
        said.append(line)
        if b"Ray runtime started" in line:
            return
    raise AssertionError(f"a node did not start: {b''.join(said[-20:])!r}")
