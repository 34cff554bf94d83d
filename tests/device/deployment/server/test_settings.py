"""Hosts, tokens and limits."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from mnist_edge.deployment.server.settings import ServerSettings, is_loopback, load_token
from mnist_edge.errors import InvalidValue, NotWritable


def test_a_token_file_is_made_for_its_owner_and_read_the_next_time(tmp_path: Path) -> None:
    path = tmp_path / "token"
    token = load_token(path)
    assert len(token) == 32
    assert path.stat().st_mode & 0o777 == 0o600
    assert load_token(path) == token
    assert load_token(tmp_path / "other") != token


@pytest.mark.parametrize(
    "text", ["", "short", "two words in one line", "x" * 600, "ä" * 20, "\0" * 20]
)
def test_a_token_that_a_header_cannot_hold_or_that_is_guessed_is_refused(
    tmp_path: Path, text: str
) -> None:
    path = tmp_path / "token"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InvalidValue, match="--token-file"):
        load_token(path)


def test_a_token_file_that_cannot_be_made_or_read_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(InvalidValue):
        load_token(tmp_path)
    (tmp_path / "file").write_text("x")
    with pytest.raises((NotWritable, InvalidValue)):
        load_token(tmp_path / "file" / "token")


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.1.2.3", "::1"])
def test_loopback_is_for_this_machine(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.2", "example.org", ""])  # noqa: S104
def test_any_other_address_is_open_to_other_machines(host: str) -> None:
    assert not is_loopback(host)


def test_a_server_knows_its_names() -> None:
    settings = ServerSettings(host="reader.example", allowed_hosts=("reader.lan",))
    own = socket.gethostname()
    for host in ("localhost", "127.0.0.1", "fe80::1", "Reader.Example", "reader.lan", own):
        assert settings.allows_host(host)
    for host in ("evil.example", "reader.lan.evil.example", "", "127.0.0.1.evil.example"):
        assert not settings.allows_host(host)
