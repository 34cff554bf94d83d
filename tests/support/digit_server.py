"""``mnist-edge serve`` in a process of its own."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from tests.support.waiting import SECONDS


@dataclass(frozen=True, kw_only=True)
class RunningServer:
    """A server that answers."""

    process: subprocess.Popen[str]
    link: str
    """The link that it printed."""

    @property
    def url(self) -> str:
        """The link without its token and its last slash."""
        return self.link.partition("#")[0].rstrip("/")

    @property
    def port(self) -> int:
        """The port that it listens on."""
        return int(self.url.rpartition(":")[2])

    def client(self) -> httpx.Client:
        """Make a client, which waits as long as a busy machine may take."""
        # Both sides would by default end an idle connection after 5 seconds, and a request of that
        # very moment be lost.
        limits = httpx.Limits(keepalive_expiry=3)
        return httpx.Client(base_url=self.url, timeout=SECONDS, trust_env=False, limits=limits)

    def metric(self, line: str) -> float:
        """Return a number of ``/metrics``, 0 if it is not there, by its name and labels."""
        with self.client() as client:
            text = client.get("/metrics").text
        found = re.search(rf"^{re.escape(line)} ([-+.0-9e]+)$", text, re.MULTILINE)
        return float(found[1]) if found else 0.0

    def end(self) -> int:
        """Ask the server to end, and return its exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(SECONDS)


@contextmanager
def running_server(*options: str, models: Path | None = None) -> Iterator[RunningServer]:
    """Run ``mnist-edge serve`` on a free port of this machine."""
    with _running("serve", "--port", "0", *options, models=models) as server:
        yield server


@contextmanager
def running_label_page(folder: Path, *options: str) -> Iterator[RunningServer]:
    """Run ``mnist-edge label`` for a folder of pictures."""
    with _running("label", str(folder), *options) as server:
        yield server


@contextmanager
def _running(*arguments: str, models: Path | None = None) -> Iterator[RunningServer]:
    environment = dict(os.environ)
    if models is not None:
        environment["MNIST_EDGE_MODELS"] = str(models)
    command = [sys.executable, "-m", "mnist_edge", *arguments]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment
    ) as process:
        watchdog = threading.Timer(SECONDS, process.kill)
        watchdog.start()
        try:
            assert process.stdout is not None
            said = []
            for line in process.stdout:
                said.append(line)
                if found := re.fullmatch(r"(?:serving on|label at) (\S+)\n", line):
                    break
            else:
                raise AssertionError(f"the server did not start: {''.join(said)}")
            watchdog.cancel()
            yield RunningServer(process=process, link=found[1])
        finally:
            watchdog.cancel()
            if process.poll() is None:
                process.kill()
