"""An MQTT broker on loopback, and certificates for it."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import threading
from importlib import import_module
from pathlib import Path
from typing import Any

from tests.support.waiting import SECONDS, eventually

MOSQUITTO = shutil.which("mosquitto", path=f"{os.environ['PATH']}:/usr/sbin")
FULL_DISK = ("/bin/sh", "-c", 'trap "" XFSZ; ulimit -f 1; exec "$@"', "sh")
"""Starts a program that cannot write files beyond a block, as on a full disk."""
_OPENSSL = shutil.which("openssl")


def free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])


class Broker:
    """A mosquitto in a folder of its own; it keeps its messages over a restart."""

    def __init__(self, folder: Path, *options: str, starter: tuple[str, ...] = ()) -> None:
        assert MOSQUITTO
        self.port = free_port()
        config = folder / "mosquitto.conf"
        self._words = [*starter, MOSQUITTO, "-c", str(config)]
        self.log = folder / "mosquitto.log"
        lines = [
            f"listener {self.port} 127.0.0.1",
            f"log_dest file {self.log}",
            "persistence true",
            f"persistence_location {folder}/",
            "autosave_interval 1",
            "autosave_on_changes true",
            # It would change to a user who may not write here.
            "user root",
            *(options or ("allow_anonymous true",)),
        ]
        config.write_text("\n".join(lines) + "\n")
        self.start()

    def start(self) -> None:
        self.process = subprocess.Popen(
            self._words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        eventually(self._listens)

    def _listens(self) -> bool:
        assert self.process.poll() is None, self.log.read_text()
        with socket.socket() as connection:
            return connection.connect_ex(("127.0.0.1", self.port)) == 0

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


class Listener:
    """Somebody who keeps all messages of a broker."""

    def __init__(self, port: int) -> None:
        self.received: list[tuple[str, str]] = []
        """Topics and payloads."""
        self._subscribed = threading.Event()
        # Its types do not know its callbacks.
        paho: Any = import_module("paho.mqtt.client")
        self._client: Any = paho.Client(paho.CallbackAPIVersion.VERSION2)
        self._client.on_connect = lambda *_: self._client.subscribe("#", qos=1)
        self._client.on_subscribe = lambda *_: self._subscribed.set()
        self._client.on_message = self._keep
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()
        assert self._subscribed.wait(SECONDS)

    def _keep(self, client: Any, data: Any, message: Any) -> None:
        self.received.append((message.topic, message.payload.decode()))

    def of(self, topic: str) -> list[str]:
        return [payload for name, payload in self.received if name == topic]

    def publish(self, topic: str, payload: str, *, retain: bool = False) -> None:
        self._client.publish(topic, payload, qos=1, retain=retain).wait_for_publish(SECONDS)

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


def make_certificates(folder: Path, name: str, *, host: str = "localhost") -> Path:
    """Make an authority, and a certificate with its key signed by it; return their folder."""
    made = folder / name
    made.mkdir()

    def openssl(*words: str) -> None:
        assert _OPENSSL
        subprocess.run([_OPENSSL, *words], cwd=made, check=True, capture_output=True)

    curve = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
    openssl("req", "-x509", *curve, "-keyout", "ca.key", "-out", "ca.pem", "-subj", f"/CN={name}")
    openssl("req", *curve, "-keyout", "key.pem", "-out", "request.pem", "-subj", f"/CN={host}")
    (made / "names").write_text(f"subjectAltName=DNS:{host}")
    authority = ("-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-extfile", "names")
    openssl("x509", "-req", "-in", "request.pem", *authority, "-out", "certificate.pem")
    return made
