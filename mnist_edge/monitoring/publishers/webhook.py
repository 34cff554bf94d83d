"""Post readings as JSON to a URL."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from mnist_edge.monitoring.message import Message
from mnist_edge.monitoring.publishers.credentials import read_credential
from mnist_edge.monitoring.readings import ValueReading, reading_document
from mnist_edge.system.https import post, require_post_url

WEBHOOK_TOKEN_VARIABLE = "MNIST_EDGE_WEBHOOK_TOKEN"  # noqa: S105  # the name of a variable


@dataclass(frozen=True, kw_only=True)
class WebhookSettings:
    """Where to post."""

    url: str = field(
        metadata={
            "help": "Where each picture's readings are posted: https, or http to this machine.",
            "example": '"https://meters.example/readings"',
        }
    )
    picture: Literal["never", "errors", "always"] = field(
        default="never",
        metadata={"help": "Of which readings the picture of the region is sent along, in base64."},
    )
    token_file: Path | None = field(
        default=None,
        metadata={
            "help": "File whose first line is sent as a bearer token; by default the environment's "
            f"{WEBHOOK_TOKEN_VARIABLE}, if it is set.",
            "example": '"webhook-token"',
        },
    )
    allow_http: bool = field(
        default=False,
        metadata={"help": "Whether http to other machines is taken, which others can read."},
    )

    def __post_init__(self) -> None:
        require_post_url(self.url, allow_http=self.allow_http)


class WebhookPublisher:
    """Posts to one URL.

    Raises:
        InvalidValue: the token's file cannot be read.
    """

    name = "webhook"

    def __init__(self, settings: WebhookSettings) -> None:
        self._settings = settings
        self._token = read_credential(
            settings.token_file, key="token_file", variable=WEBHOOK_TOKEN_VARIABLE
        )

    def messages(
        self, readings: Sequence[ValueReading], crops: Mapping[str, bytes]
    ) -> list[Message]:
        """Return all readings of a picture as one JSON document."""
        if not readings:
            return []
        first = readings[0]
        document = {
            "reading_id": first.reading_id,
            "time": first.time.isoformat(),
            "readings": [self._document(one, crops) for one in readings],
        }
        payload = json.dumps(document, ensure_ascii=False).encode()
        return [
            Message(
                publisher=self.name,
                payload=payload,
                reading_id=first.reading_id,
                time=first.time,
            )
        ]

    def _document(self, reading: ValueReading, crops: Mapping[str, bytes]) -> dict[str, Any]:
        document = reading_document(reading)
        wanted = self._settings.picture
        if wanted == "always" or (wanted == "errors" and reading.error is not None):
            # Only a picture that is asked for is encoded.
            crop = crops.get(reading.region)
            document["picture"] = None if crop is None else base64.b64encode(crop).decode()
        return document

    def connect(self) -> None:
        """Do nothing: each post is a connection of its own."""

    def send(self, message: Message) -> None:
        """Post a document.

        A document that is posted again, after a kill, has the same ``Idempotency-Key``.

        Raises:
            NotDelivered: the server did not take it.
        """
        headers = {"Content-Type": "application/json", "Idempotency-Key": message.reading_id}
        if self._token is not None:
            headers["Authorization"] = f"Bearer {self._token}"
        post(self._settings.url, message.payload, headers=headers)

    def close(self) -> None:
        """Do nothing."""
