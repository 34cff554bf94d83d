"""Send readings to an MQTT broker, for Home Assistant and others.

Below the topic of the settings, all retained and of QoS 1:

    status           online, or offline by the last will
    REGION/value     the value alone; never one that was refused
    REGION/reading   the whole reading as JSON
    command          taken from others: read asks for a reading
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import socket
import ssl
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mnist_edge.errors import InvalidValue, MissingDependency, NotDelivered, extra_install_command
from mnist_edge.monitoring.clock import Duration
from mnist_edge.monitoring.message import Message
from mnist_edge.monitoring.publishers import home_assistant
from mnist_edge.monitoring.publishers.credentials import read_credential
from mnist_edge.monitoring.readings import ValueReading, reading_document
from mnist_edge.monitoring.rules import RuleSettings
from mnist_edge.system.text import one_line

if TYPE_CHECKING:
    import paho.mqtt.client as paho

USERNAME_VARIABLE = "MNIST_EDGE_MQTT_USERNAME"
PASSWORD_VARIABLE = "MNIST_EDGE_MQTT_PASSWORD"  # noqa: S105  # the name of a variable

_TIMEOUT = 10.0
"""Seconds to wait for the broker's answer."""
_POLL_INTERVAL = 0.1
"""Seconds between two looks whether the connection still stands."""
_KEEP_ALIVE = 30
"""Seconds without traffic after which the client pings. The broker sends the last will after one
and a half times as many."""
_TOPIC = re.compile(r"[^#+/\0]+(/[^#+/\0]+)*")


@dataclass(frozen=True, kw_only=True)
class MqttSettings:
    """The broker, and how to tell it who we are."""

    host: str = field(default="localhost", metadata={"help": "Name or address of the broker."})
    port: int | None = field(
        default=None,
        metadata={"help": "Its port; by default 1883, or 8883 with TLS.", "example": "1883"},
    )
    topic: str = field(
        default="mnist-edge",
        metadata={
            "help": "What the topics begin with; another one for each device of a broker.",
        },
    )
    name: str = field(
        default="mnist-edge", metadata={"help": "Name of the device in Home Assistant."}
    )
    username: str | None = field(
        default=None,
        metadata={
            "help": f"Name to log in with; by default the environment's {USERNAME_VARIABLE}.",
            "example": '"meter"',
        },
    )
    password_file: Path | None = field(
        default=None,
        metadata={
            "help": "File whose first line is the password; by default the environment's "
            f"{PASSWORD_VARIABLE}.",
            "example": '"mqtt-password"',
        },
    )
    tls: bool = field(
        default=False,
        metadata={"help": "Whether to encrypt the connection and verify the broker's certificate."},
    )
    ca_file: Path | None = field(
        default=None,
        metadata={
            "help": "Certificates to verify the broker's with (PEM); by default the system's.",
            "example": '"ca.pem"',
        },
    )
    certificate_file: Path | None = field(
        default=None,
        metadata={
            "help": "This client's certificate (PEM), if the broker asks for one.",
            "example": '"client.pem"',
        },
    )
    key_file: Path | None = field(
        default=None,
        metadata={
            "help": "Its private key; by default in the same file.",
            "example": '"client.key"',
        },
    )
    discovery_prefix: str = field(
        default="homeassistant",
        metadata={
            "help": "Home Assistant's discovery prefix; empty describes nothing to Home Assistant."
        },
    )
    expire_after: Duration | None = field(
        default=None,
        metadata={
            "help": "Time without a value after which Home Assistant shows it as unavailable; "
            "longer than the longest pause between two readings.",
            "example": '"1h"',
        },
    )

    def __post_init__(self) -> None:
        if self.port is not None and not 1 <= self.port <= 65535:
            raise InvalidValue(f"port: {self.port} is outside 1..65535")
        if not _TOPIC.fullmatch(self.topic):
            raise InvalidValue(f"topic: {self.topic!r}: write words with / between, without # or +")
        for name in ("ca_file", "certificate_file", "key_file"):
            if getattr(self, name) is not None and not self.tls:
                raise InvalidValue(f"{name}: it needs tls = true")
        if self.key_file is not None and self.certificate_file is None:
            raise InvalidValue("key_file: it needs certificate_file")
        if self.expire_after is not None and not self.expire_after >= 1:
            raise InvalidValue(f"expire_after: {self.expire_after:g} is less than 1 s")


class MqttPublisher:
    """Publishes to one broker.

    Args:
        settings: of the broker.
        regions: what each region means, by its name.
        on_command: called in a thread of its own when a reading is asked for.

    Raises:
        MissingDependency: the mqtt extra is not installed.
        InvalidValue: a file of the settings cannot be used.
    """

    name = "mqtt"

    def __init__(
        self,
        settings: MqttSettings,
        regions: Mapping[str, RuleSettings],
        on_command: Callable[[], None] = lambda: None,
    ) -> None:
        _import_paho()
        self._settings = settings
        self._regions = regions
        self._on_command = on_command
        self._tls = _tls_context(settings) if settings.tls else None
        self._username = settings.username or os.environ.get(USERNAME_VARIABLE)
        self._password = read_credential(
            settings.password_file, key="password_file", variable=PASSWORD_VARIABLE
        )
        self._client: paho.Client | None = None
        self._answered = threading.Event()
        self._connected = False
        self._refusal = ""

    @property
    def _address(self) -> str:
        return f"the broker {self._settings.host}:{self._port}"

    @property
    def _port(self) -> int:
        return self._settings.port or (8883 if self._settings.tls else 1883)

    def messages(
        self, readings: Sequence[ValueReading], crops: Mapping[str, bytes]
    ) -> list[Message]:
        """Return each reading as JSON, and the value alone if it counts."""
        messages = []
        for one in readings:
            document = {**reading_document(one), "problem": one.is_problem}
            payloads = {"reading": json.dumps(document, ensure_ascii=False)}
            if one.value is not None:
                payloads["value"] = f"{one.value:f}"
            messages += [
                Message(
                    publisher=self.name,
                    payload=payload.encode(),
                    reading_id=one.reading_id,
                    time=one.time,
                    topic=f"{self._settings.topic}/{one.region}/{part}",
                )
                for part, payload in payloads.items()
            ]
        return messages

    def connect(self) -> None:
        """Connect, and say that this device is online and what it has.

        Raises:
            NotDelivered: the broker cannot be reached, does not prove its identity, or refuses.
        """
        if self._client is not None and self._connected:
            return
        self._disconnect()
        try:
            self._open(self._make_client())
        except (OSError, ValueError) as error:
            self._disconnect()
            raise NotDelivered(
                f"cannot connect to {self._address}: {one_line(error)}; check host, port and "
                "certificates"
            ) from error
        except NotDelivered:
            self._disconnect()
            raise

    def _open(self, client: paho.Client) -> None:
        self._client = client
        client.connect(self._settings.host, self._port, keepalive=_KEEP_ALIVE)
        client.loop_start()
        if not self._answered.wait(_TIMEOUT):
            raise NotDelivered(f"{self._address} does not answer; check host and port")
        if self._refusal:
            raise NotDelivered(
                f"{self._address} refuses the connection: {self._refusal}; check username, "
                "password and certificate_file"
            )
        client.subscribe(f"{self._settings.topic}/command", qos=1)
        self._publish(f"{self._settings.topic}/status", "online")
        self._describe()

    def send(self, message: Message) -> None:
        """Publish a message; return when the broker has acknowledged it.

        Raises:
            NotDelivered: it has not.
        """
        try:
            self._publish(message.topic, message.payload)
        except NotDelivered:
            self._disconnect()
            raise

    def close(self) -> None:
        """Say that this device is offline, and disconnect."""
        if self._client is not None and self._connected:
            self._client.publish(f"{self._settings.topic}/status", "offline", qos=1, retain=True)
        self._disconnect()

    def _describe(self) -> None:
        """Describe the regions to Home Assistant."""
        settings = self._settings
        if settings.discovery_prefix:
            document = home_assistant.discovery_document(
                self._regions,
                topic=settings.topic,
                name=settings.name,
                expire_after=settings.expire_after,
            )
            topic = home_assistant.discovery_topic(settings.discovery_prefix, settings.topic)
            self._publish(topic, json.dumps(document, ensure_ascii=False))

    def _publish(self, topic: str, payload: str | bytes) -> None:
        if self._client is None or not self._connected:
            raise NotDelivered(f"the connection to {self._address} broke")
        sent = self._client.publish(topic, payload, qos=1, retain=True)
        until = time.monotonic() + _TIMEOUT
        while not sent.rc and not sent.is_published():
            if not self._connected or time.monotonic() > until:
                raise NotDelivered(f"{self._address} did not acknowledge a message")
            sent.wait_for_publish(_POLL_INTERVAL)
        if sent.rc:
            raise NotDelivered(f"the connection to {self._address} broke")

    def _make_client(self) -> paho.Client:
        paho = _import_paho()
        settings = self._settings
        # Two clients of one id would push each other out.
        identity = f"{socket.gethostname()} {settings.topic}".encode()
        client: Any = paho.Client(
            paho.CallbackAPIVersion.VERSION2,
            client_id=f"mnist-edge-{hashlib.sha256(identity).hexdigest()[:12]}",
            # paho would send again what was not acknowledged, and so does the outbox: after a
            # failure there is a new client.
            reconnect_on_failure=False,
        )
        if self._username is not None:
            client.username_pw_set(self._username, self._password)
        if self._tls is not None:
            client.tls_set_context(self._tls)
        client.will_set(f"{settings.topic}/status", "offline", qos=1, retain=True)
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
            # A retained command would be carried out at each connection.
            if message.payload == home_assistant.READ_COMMAND.encode() and not message.retain:
                self._on_command()

        client.on_connect = on_connect
        client.on_disconnect = on_disconnect
        client.on_message = on_message
        return client  # type: ignore[no-any-return]  # its callbacks are typed by version

    def _disconnect(self) -> None:
        client, self._client = self._client, None
        self._connected = False
        if client is not None:
            client.disconnect()
            client.loop_stop()


def _import_paho() -> Any:
    try:
        import paho.mqtt.client as paho
    except ImportError as error:
        raise MissingDependency(
            f"sending to MQTT needs paho-mqtt: {extra_install_command('mqtt')}"
        ) from error
    return paho


class _TlsContext(ssl.SSLContext):
    """Verifies a broker at once: paho leaves a connection open whose handshake failed later."""

    def wrap_socket(self, sock: socket.socket, *args: Any, **options: Any) -> ssl.SSLSocket:
        """Connect, or close the connection and raise."""
        return super().wrap_socket(sock, *args, **{**options, "do_handshake_on_connect": True})


def _tls_context(settings: MqttSettings) -> ssl.SSLContext:
    try:
        context = _TlsContext(ssl.PROTOCOL_TLS_CLIENT)
        if settings.ca_file is None:
            context.load_default_certs()
        else:
            context.load_verify_locations(settings.ca_file)
        if settings.certificate_file is not None:
            context.load_cert_chain(settings.certificate_file, settings.key_file)
    except OSError as error:
        raise InvalidValue(
            f"the certificates of MQTT cannot be used: {one_line(error)}; check ca_file, "
            "certificate_file and key_file"
        ) from error
    return context
