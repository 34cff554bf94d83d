from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from mnist_edge.errors import NotDelivered
from mnist_edge.monitoring.publishers.mqtt import MqttPublisher, MqttSettings
from tests.support.brokers import MOSQUITTO, Broker, free_port, make_certificates

pytestmark = pytest.mark.skipif(not MOSQUITTO, reason="needs mosquitto")


def connect(port: int, *, host: str = "localhost", **settings: Any) -> None:
    """Connect to a broker and leave it."""
    publisher = MqttPublisher(MqttSettings(host=host, port=port, **settings), {})
    publisher.connect()
    publisher.close()


def test_a_password_is_needed_where_the_broker_asks_for_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    passwords, secret = tmp_path / "passwords", tmp_path / "secret"
    hasher = shutil.which("mosquitto_passwd")
    assert hasher
    words = [hasher, "-b", "-c", str(passwords), "meter", "right"]
    subprocess.run(words, check=True, capture_output=True)
    broker = Broker(tmp_path, "allow_anonymous false", f"password_file {passwords}")
    try:
        secret.write_text("wrong\n")
        with pytest.raises(NotDelivered, match=r"refuses the connection: .*check username"):
            connect(broker.port, username="meter", password_file=secret)
        secret.write_text("right\n")
        connect(broker.port, username="meter", password_file=secret)
        monkeypatch.setenv("MNIST_EDGE_MQTT_USERNAME", "meter")
        monkeypatch.setenv("MNIST_EDGE_MQTT_PASSWORD", "right")
        connect(broker.port)
    finally:
        broker.kill()


def test_a_wrong_certificate_ends_the_connection_and_the_right_one_is_taken(
    tmp_path: Path,
) -> None:
    right = make_certificates(tmp_path, "right")
    wrong = make_certificates(tmp_path, "wrong", host="elsewhere.example")
    broker = Broker(
        tmp_path,
        "allow_anonymous true",
        f"cafile {right}/ca.pem",
        f"certfile {right}/certificate.pem",
        f"keyfile {right}/key.pem",
        "require_certificate true",
    )
    own: dict[str, Any] = {
        "certificate_file": right / "certificate.pem",
        "key_file": right / "key.pem",
    }
    try:
        with pytest.raises(NotDelivered, match=r"verify failed.*check host, port and certificates"):
            connect(broker.port, tls=True, ca_file=wrong / "ca.pem", **own)
        # The broker refuses a client that has no certificate of its authority.
        with pytest.raises(NotDelivered, match=r"refuses the connection: .*certificate_file"):
            connect(broker.port, tls=True, ca_file=right / "ca.pem")
        with pytest.raises(NotDelivered, match="IP address mismatch"):
            connect(broker.port, host="127.0.0.1", tls=True, ca_file=right / "ca.pem", **own)
        connect(broker.port, tls=True, ca_file=right / "ca.pem", **own)
    finally:
        broker.kill()


def test_an_address_where_nobody_listens_is_named() -> None:
    port = free_port()
    with pytest.raises(NotDelivered, match=f"the broker localhost:{port}: .*refused; check host"):
        connect(port)
