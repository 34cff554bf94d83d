from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from mnist_edge.deployment.bundle import open_signing_key
from mnist_edge.deployment.ed25519 import is_valid_signature
from mnist_edge.errors import InvalidValue, MissingDependency

needs_openssl = pytest.mark.skipif(shutil.which("openssl") is None, reason="no openssl here")


def make_key(folder: Path, *options: str) -> Path:
    """A private key, as a user makes it."""
    path = folder / "private.pem"
    words = ["openssl", "genpkey", *options, "-out", str(path)]
    subprocess.run(words, check=True, capture_output=True)
    return path


@needs_openssl
def test_devices_accept_what_openssl_signs(tmp_path: Path) -> None:
    key = make_key(tmp_path, "-algorithm", "ed25519")
    words = ["openssl", "pkey", "-in", str(key), "-pubout", "-outform", "DER"]
    public = subprocess.run(words, check=True, capture_output=True).stdout[-32:]
    sign = open_signing_key(key)
    for content in (b"s", b"sums", bytes(range(256)) * 40):
        signature = sign(content)
        assert is_valid_signature(content, signature=signature, key=public)
        assert not is_valid_signature(content + b".", signature=signature, key=public)


@needs_openssl
@pytest.mark.parametrize(
    "options",
    [
        ("-algorithm", "ed448"),
        ("-algorithm", "RSA"),
        ("-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"),
    ],
)
def test_a_key_of_another_kind_signs_nothing(options: tuple[str, ...], tmp_path: Path) -> None:
    key = make_key(tmp_path, *options)
    with pytest.raises(InvalidValue, match=r"is not a private Ed25519 key .*genpkey"):
        open_signing_key(key)


@needs_openssl
@pytest.mark.parametrize(
    "content", [None, b"", b"-----BEGIN PRIVATE KEY-----\nAAAA\n", b"\xff" * 99]
)
def test_a_file_that_is_not_a_key_is_refused_in_one_line(
    content: bytes | None, tmp_path: Path
) -> None:
    path = tmp_path / "private.pem"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InvalidValue, match="is not a private Ed25519 key") as refused:
        open_signing_key(path)
    assert "\n" not in str(refused.value)


def test_without_openssl_the_message_names_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MissingDependency, match="apt install openssl"):
        open_signing_key(tmp_path / "private.pem")
