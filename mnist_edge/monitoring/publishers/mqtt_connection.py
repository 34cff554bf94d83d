"""A connection to an MQTT broker, on which a message is sent when the broker says so."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mnist_edge.errors import InvalidValue, MissingDependency, NotDelivered, extra_install_command
from mnist_edge.system.text import one_line

_TIMEOUT = 10.0
"""Seconds to wait for the broker's answer."""
_POLL_INTERVAL = 0.1
"""Seconds between two looks whether the connection still stands."""
_KEEP_ALIVE = 30
"""Seconds without traffic after which the client pings. The broker sends the last will after one
and a half times as many."""


class MqttConnection:
    """One connection at a time to one broker.

    Everything is published retained and with QoS 1. After a failure the connection is closed, and
    ``open`` makes a new one.

    Args:
        host: name or address of the broker.
        port: its port.
        client_id: two clients of one id push each other out.
        will: topic on which the broker says ``offline`` for a client that is gone.
        login: name and password, if the broker asks for them.
        tls: encrypts, if it is given.
        on_message: called in a thread of its own with what comes on a topic that is subscribed to,
            unless it is a retained message of before.

    Raises:
        MissingDependency: the mqtt extra is not installed.
    """

    def __init__(
        self,
        host: str,
        port: int,
        *,
        client_id: str,
        will: str,
        login: tuple[str, str | None] | None,
        tls: ssl.SSLContext | None,
        on_message: Callable[[bytes], None],
    ) -> None:
        _import_paho()
        self._host, self._port = host, port
        self._client_id, self._will = client_id, will
        self._login, self._tls = login, tls
        self._on_message = on_message
        self._client: Any = None
        self._answered = threading.Event()
        self._connected = False
        self._refusal = ""

    @property
    def is_open(self) -> bool:
        """Whether the connection stands, as far as is known."""
        return self._client is not None and self._connected

    @property
    def _broker(self) -> str:
        return f"the broker {self._host}:{self._port}"

    def open(self, topic: str) -> None:
        """Connect again, and subscribe to a topic.

        Raises:
            NotDelivered: the broker cannot be reached, does not prove its identity, or refuses.
        """
        self.close()
        self._client = client = self._make_client()
        try:
            client.connect(self._host, self._port, keepalive=_KEEP_ALIVE)
            client.loop_start()
            answered = self._answered.wait(_TIMEOUT)
        except (OSError, ValueError) as error:
            self.close()
            raise NotDelivered(
                f"cannot connect to {self._broker}: {one_line(error)}; check host, port and "
                "certificates"
            ) from error
        if not answered or self._refusal:
            self.close()
            raise NotDelivered(
                f"{self._broker} refuses the connection: {self._refusal}; check username, "
                "password and certificate_file"
                if answered
                else f"{self._broker} does not answer; check host and port"
            )
        client.subscribe(topic, qos=1)

    def publish(self, topic: str, payload: bytes) -> None:
        """Publish a message; return when the broker has acknowledged it.

        Raises:
            NotDelivered: it has not; the connection is closed.
        """
        if not self.is_open:
            self.close()
            raise NotDelivered(f"the connection to {self._broker} broke")
        sent = self._client.publish(topic, payload, qos=1, retain=True)
        until = time.monotonic() + _TIMEOUT
        while self._connected and not sent.rc and not sent.is_published():
            if time.monotonic() > until:
                break
            sent.wait_for_publish(_POLL_INTERVAL)
        if sent.rc or not sent.is_published():
            self.close()
            raise NotDelivered(f"{self._broker} did not acknowledge a message")

    def close(self, last: tuple[str, bytes] | None = None) -> None:
        """Disconnect.

        Args:
            last: topic and payload to publish before, if the connection stands.
        """
        if last is not None and self.is_open:
            self._client.publish(*last, qos=1, retain=True)
        client, self._client = self._client, None
        self._connected = False
        if client is not None:
            client.disconnect()
            client.loop_stop()

    def _make_client(self) -> Any:
        paho = _import_paho()
        client = paho.Client(
            paho.CallbackAPIVersion.VERSION2,
            client_id=self._client_id,
            # paho would send again what was not acknowledged, and so does the outbox: after a
            # failure there is a new client.
            reconnect_on_failure=False,
        )
        if self._login is not None:
            client.username_pw_set(*self._login)
        if self._tls is not None:
            client.tls_set_context(self._tls)
        client.will_set(self._will, "offline", qos=1, retain=True)
        self._answered.clear()
        self._connected, self._refusal = False, ""

        def on_connect(client: Any, data: Any, flags: Any, reason: Any, properties: Any) -> None:
            self._connected = not reason.is_failure
            self._refusal = str(reason) if reason.is_failure else ""
            self._answered.set()

        def on_disconnect(client: Any, data: Any, flags: Any, reason: Any, properties: Any) -> None:
            if client is self._client:
                self._connected = False
                self._refusal = self._refusal or str(reason)
                self._answered.set()

        def on_message(client: Any, data: Any, message: Any) -> None:
            if not message.retain:
                self._on_message(message.payload)

        client.on_connect = on_connect
        client.on_disconnect = on_disconnect
        client.on_message = on_message
        return client


class _TlsContext(ssl.SSLContext):
    """Verifies a broker at once: paho leaves a connection open whose handshake failed later."""

    def wrap_socket(self, sock: socket.socket, *args: Any, **options: Any) -> ssl.SSLSocket:
        """Connect, or close the connection and raise."""
        return super().wrap_socket(sock, *args, **{**options, "do_handshake_on_connect": True})


def tls_context(
    *, ca_file: Path | None, certificate_file: Path | None, key_file: Path | None
) -> ssl.SSLContext:
    """Return what encrypts a connection and verifies the broker.

    Args:
        ca_file: certificates to verify the broker's with; None for the system's.
        certificate_file: this client's, if the broker asks for one.
        key_file: its private key, unless it is in the same file.

    Raises:
        InvalidValue: a file cannot be used.
    """
    try:
        context = _TlsContext(ssl.PROTOCOL_TLS_CLIENT)
        if ca_file is None:
            context.load_default_certs()
        else:
            context.load_verify_locations(ca_file)
        if certificate_file is not None:
            context.load_cert_chain(certificate_file, key_file)
    except OSError as error:
        raise InvalidValue(
            f"the certificates of MQTT cannot be used: {one_line(error)}; check ca_file, "
            "certificate_file and key_file"
        ) from error
    return context


def _import_paho() -> Any:
    try:
        import paho.mqtt.client as paho
    except ImportError as error:
        raise MissingDependency(
            f"sending to MQTT needs paho-mqtt: {extra_install_command('mqtt')}"
        ) from error
    return paho
