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
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from mnist_edge.errors import InvalidValue
from mnist_edge.monitoring.clock import Duration
from mnist_edge.monitoring.message import Message
from mnist_edge.monitoring.publishers import home_assistant
from mnist_edge.monitoring.publishers.credentials import read_credential
from mnist_edge.monitoring.publishers.mqtt_connection import MqttConnection, tls_context
from mnist_edge.monitoring.readings import ValueReading, reading_document
from mnist_edge.monitoring.rule_settings import RuleSettings

USERNAME_VARIABLE = "MNIST_EDGE_MQTT_USERNAME"
PASSWORD_VARIABLE = "MNIST_EDGE_MQTT_PASSWORD"  # noqa: S105  # the name of a variable

_TOPIC = re.compile(r"[^#+/\0]+(/[^#+/\0]+)*")


@dataclass(frozen=True, kw_only=True)
class MqttSettings:
    """The broker, and the credentials for it."""

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
        self._settings = settings
        self._regions = regions
        self._on_command = on_command
        self._status = f"{settings.topic}/status"
        username = settings.username or os.environ.get(USERNAME_VARIABLE)
        password = read_credential(
            settings.password_file, key="password_file", variable=PASSWORD_VARIABLE
        )
        tls = None
        if settings.tls:
            tls = tls_context(
                ca_file=settings.ca_file,
                certificate_file=settings.certificate_file,
                key_file=settings.key_file,
            )
        identity = f"{socket.gethostname()} {settings.topic}".encode()
        self._connection = MqttConnection(
            settings.host,
            settings.port or (8883 if settings.tls else 1883),
            client_id=f"mnist-edge-{hashlib.sha256(identity).hexdigest()[:12]}",
            will=self._status,
            login=None if username is None else (username, password),
            tls=tls,
            on_message=self._take_command,
        )

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
        if self._connection.is_open:
            return
        settings = self._settings
        self._connection.open(f"{settings.topic}/command")
        self._connection.publish(self._status, b"online")
        if settings.discovery_prefix:
            document = home_assistant.discovery_document(
                self._regions,
                topic=settings.topic,
                name=settings.name,
                expire_after=settings.expire_after,
            )
            topic = home_assistant.discovery_topic(settings.discovery_prefix, settings.topic)
            self._connection.publish(topic, json.dumps(document, ensure_ascii=False).encode())

    def send(self, message: Message) -> None:
        """Publish a message; return when the broker has acknowledged it.

        Raises:
            NotDelivered: it has not.
        """
        self._connection.publish(message.topic, message.payload)

    def close(self) -> None:
        """Say that this device is offline, and disconnect."""
        self._connection.close((self._status, b"offline"))

    def _take_command(self, payload: bytes) -> None:
        if payload == home_assistant.READ_COMMAND.encode():
            self._on_command()
