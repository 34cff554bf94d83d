"""Write readings in InfluxDB's line protocol, to a file or a server.

The protocol: https://docs.influxdata.com/influxdb/v2/reference/syntax/line-protocol/. A point that
is written again has the same time and tags, and replaces itself.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from pathlib import Path

from mnist_edge.errors import InvalidValue, NotDelivered
from mnist_edge.monitoring.message import Message
from mnist_edge.monitoring.publishers.credentials import read_credential
from mnist_edge.monitoring.readings import ValueReading
from mnist_edge.system.https import post, require_post_url

INFLUX_TOKEN_VARIABLE = "MNIST_EDGE_INFLUX_TOKEN"  # noqa: S105  # the name of a variable

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_TAIL = 1 << 16
"""Bytes at the end of a file that are searched for a line that was not finished; longer than any
line."""


@dataclass(frozen=True, kw_only=True)
class InfluxSettings:
    """Where to write: a file or a server."""

    file: Path | None = field(
        default=None,
        metadata={
            "help": "File to append lines to, for Telegraf or influx write.",
            "example": '"readings.lp"',
        },
    )
    url: str | None = field(
        default=None,
        metadata={
            "help": "The server's write address with its parameters: https, or http to this "
            "machine.",
            "example": '"https://influx.example/api/v2/write?org=home&bucket=meters"',
        },
    )
    measurement: str = field(
        default="mnist_edge", metadata={"help": "Name of the measurement in InfluxDB."}
    )
    token_file: Path | None = field(
        default=None,
        metadata={
            "help": "File whose first line is the server's token; by default the environment's "
            f"{INFLUX_TOKEN_VARIABLE}, if it is set.",
            "example": '"influx-token"',
        },
    )
    allow_http: bool = field(
        default=False,
        metadata={"help": "Whether http to other machines is taken, which others can read."},
    )

    def __post_init__(self) -> None:
        if (self.file is None) == (self.url is None):
            raise InvalidValue("file, url: write one of them")
        if self.url is not None:
            require_post_url(self.url, allow_http=self.allow_http)
        if not self.measurement or "\n" in self.measurement or self.measurement[0] in "_#":
            raise InvalidValue(f"measurement: {self.measurement!r}: write a word")


class InfluxPublisher:
    """Writes to one file or server.

    Raises:
        InvalidValue: the token's file cannot be read.
    """

    name = "influx"

    def __init__(self, settings: InfluxSettings) -> None:
        self._settings = settings
        self._token = read_credential(
            settings.token_file, key="token_file", variable=INFLUX_TOKEN_VARIABLE
        )

    def messages(
        self, readings: Sequence[ValueReading], crops: Mapping[str, bytes]
    ) -> list[Message]:
        """Return a picture's readings, a line each."""
        if not readings:
            return []
        lines = "".join(format_point(self._settings.measurement, one) + "\n" for one in readings)
        return [
            Message(
                publisher=self.name,
                payload=lines.encode(),
                reading_id=readings[0].reading_id,
                time=readings[0].time,
            )
        ]

    def connect(self) -> None:
        """Do nothing: each write is a connection of its own."""

    def send(self, message: Message) -> None:
        """Write a picture's lines, completely or not at all.

        Raises:
            NotDelivered: the file cannot be written, or the server did not take them.
        """
        if self._settings.file is not None:
            try:
                _append(self._settings.file, message.payload)
            except OSError as error:
                raise NotDelivered(
                    f"cannot write {self._settings.file}: {error.strerror}; make room, or make it "
                    "writable"
                ) from error
        elif self._settings.url is not None:
            headers = {"Content-Type": "text/plain; charset=utf-8"}
            if self._token is not None:
                headers["Authorization"] = f"Token {self._token}"
            post(self._settings.url, message.payload, headers=headers)

    def close(self) -> None:
        """Do nothing."""


def format_point(measurement: str, reading: ValueReading) -> str:
    """Return a reading as a line, without its end.

    A refused value has no field ``value``, so that no curve shows it.
    """
    tags = {"region": reading.region, "unit": reading.unit}
    fields = {"raw": _text(reading.raw), "filled": str(reading.filled).lower()}
    if reading.value is not None:
        fields["value"] = f"{reading.value:f}"
    if reading.rate is not None:
        fields["rate"] = f"{reading.rate:f}"
    if reading.error is not None:
        fields["error"] = _text(reading.error)
    words = [_escape(measurement, ", ")]
    words += [f"{name}={_escape(value, ', =')}" for name, value in tags.items() if value]
    pairs = ",".join(f"{name}={value}" for name, value in fields.items())
    microseconds = (reading.time - _EPOCH) // timedelta(microseconds=1)
    return f"{','.join(words)} {pairs} {microseconds}000"


def _escape(text: str, letters: str) -> str:
    escaped = "".join(f"\\{letter}" if letter in letters else letter for letter in text)
    return " ".join(escaped.splitlines())


def _text(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{" ".join(escaped.splitlines())}"'


def _append(path: Path, lines: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab+") as stream:
        size = stream.seek(0, os.SEEK_END)
        # A kill or a full disk may have left a part of a line.
        stream.seek(max(0, size - _TAIL))
        size -= len(stream.read().rpartition(b"\n")[2])
        stream.truncate(size)
        try:
            stream.write(lines)
            stream.flush()
            os.fsync(stream.fileno())
        except OSError:
            stream.truncate(size)
            raise
